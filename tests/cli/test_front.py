"""The installed `contain`, a small program that starts the interpreter beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def installed(top, tmp_path):
    """A folder laid out as pip lays it out, with the front, the interpreter and the package."""
    front = f"{top}/build/launcher/contain"
    if not os.path.exists(front):
        pytest.skip("the front is not built: make launcher")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    os.makedirs(f"{tmp_path}/bin")
    os.makedirs(f"{tmp_path}/lib/{version}/site-packages")
    shutil.copy(front, f"{tmp_path}/bin/contain")
    os.symlink(sys.executable, f"{tmp_path}/bin/{version}")
    return tmp_path, f"{tmp_path}/lib/{version}/site-packages"


def run(path, *args, **options):
    """Runs it away from the work tree."""
    return subprocess.run([path, *args], capture_output=True, text=True, check=False, cwd="/", **options)


def test_front_starts_without_site_packages(installed) -> None:
    """Python is isolated and has no site packages; our own folder alone is on its path; the called name and arguments arrive."""
    prefix, site = installed
    os.makedirs(f"{site}/contain")
    with open(f"{site}/contain/__main__.py", "w", encoding="utf-8") as file:
        file.write("import sys; print(sys.flags.isolated, sys.flags.no_site, 'site' in sys.modules, sys.argv[1:])")
    os.symlink("contain", f"{prefix}/bin/runc")

    result = run(f"{prefix}/bin/runc", "a b", "c")

    assert result.stdout == f"1 1 False ['{prefix}/bin/runc', 'a b', 'c']\n"


def test_front_runs_the_package(installed, top) -> None:
    """With the real package in place it answers."""
    prefix, site = installed
    os.symlink(f"{top}/contain", f"{site}/contain")

    assert run(f"{prefix}/bin/contain", "--version").stdout.startswith("contain version ")


def test_front_falls_back_to_the_module(installed, top) -> None:
    """Where the package is not beside it, the interpreter finds it as it finds others."""
    prefix, _ = installed

    result = run(f"{prefix}/bin/contain", "--version", env={**os.environ, "PYTHONPATH": top})

    assert result.stdout.startswith("contain version ")


@pytest.mark.parametrize("option", ["--root", "--log", "--log-format"])
def test_option_without_its_value(installed, top, option) -> None:
    """The front reads no word behind the last one: Python says what is missing."""
    prefix, site = installed
    os.symlink(f"{top}/contain", f"{site}/contain")

    result = run(f"{prefix}/bin/contain", option)

    assert (result.returncode, result.stderr) == (125, f"<command line>:{option}: a value is missing\n")
