"""`pip install .`, as somebody without the Makefile does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest


def install(top: str, folder: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A virtual environment with contain installed from the work tree."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return subprocess.run(
        [f"{folder}/bin/pip", "install", "-q", "."],
        cwd=top,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
def test_installed_command_works(top: str, busybox: str, tmp_path: object) -> None:
    """The wheel brings the package, the launcher and a `contain` that starts without site packages; pytest's plugin and types too."""
    result = install(top, f"{tmp_path}/venv")
    assert result.returncode == 0, result.stderr

    def run(*words: str) -> str:
        return subprocess.run([f"{tmp_path}/venv/bin/contain", *words], capture_output=True, text=True, check=True, cwd="/").stdout

    assert run("--version").startswith("contain version ")
    code = (
        "from importlib import metadata, resources; print(resources.files('contain').joinpath('py.typed').is_file(), "
        "*(one.value for one in metadata.entry_points(group='pytest11') if one.name == 'contain'))"
    )
    found = subprocess.run([f"{tmp_path}/venv/bin/python", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert found.stdout == "True contain.testing.plugin\n"
    assert '"ociVersion"' in run("schema", "runtime-config")
    if os.getuid() == 0:
        assert run("run", busybox, "--", "echo", "hello") == "hello\n"


@pytest.mark.slow
def test_missing_compiler_is_said(top: str, tmp_path: object) -> None:
    """Without a C compiler the build says so, and what to install."""
    os.makedirs(f"{tmp_path}/bin")
    for name in ("cmake", "ninja", "make", "git"):
        for folder in os.environ["PATH"].split(":"):
            if os.path.exists(f"{folder}/{name}") and not os.path.exists(f"{tmp_path}/bin/{name}"):
                os.symlink(f"{folder}/{name}", f"{tmp_path}/bin/{name}")
    result = install(top, f"{tmp_path}/venv", PATH=f"{tmp_path}/bin", SKBUILD_BUILD_DIR=f"{tmp_path}/build")

    assert result.returncode != 0
    assert "no C compiler found" in result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("header", ["sys/capability.h", "Python.h"])
def test_missing_headers_are_said(top: str, tmp_path: object, header: str) -> None:
    """libcap's and Python's, which the library that reads our own process is built with: its build names them."""
    if os.getuid() != 0:
        pytest.skip("hiding a header needs root")
    place = sysconfig.get_paths()["include"] if header == "Python.h" else "/usr/include/sys"
    if not os.path.exists(f"{place}/{os.path.basename(header)}"):
        pytest.skip(f"{header} is not where it is looked for: {place}")
    shutil.copytree(place, f"{tmp_path}/include", ignore=shutil.ignore_patterns(os.path.basename(header)))
    subprocess.run([sys.executable, "-m", "venv", f"{tmp_path}/venv"], check=True)
    script = 'mount --bind "$1" "$2" && exec "$3" install --no-cache-dir --no-binary python-prctl -q .'
    words = [f"{tmp_path}/include", place, f"{tmp_path}/venv/bin/pip"]
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *words], cwd=top, capture_output=True, text=True, check=False, timeout=300
    )

    assert result.returncode != 0
    assert {"sys/capability.h": "libcap development headers", "Python.h": "Python.h: No such file"}[header] in result.stdout + result.stderr
