"""An interpreter of the version that runs the tests which every user may start: pyenv's and uv's lie in somebody's home."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile

SYSTEM = "/usr/bin/python3"


@functools.cache
def for_everybody() -> str:
    """The system's where it is of this version, else ours where others can get at it, else a copy of ours that goes with the tests."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if os.path.basename(os.path.realpath(SYSTEM)) == version:
        return SYSTEM
    own = f"{sys.base_prefix}/bin/{version}"
    parents = [own.rsplit("/", deep)[0] for deep in range(1, own.count("/"))]
    if all(os.stat(path).st_mode & 0o5 == 0o5 for path in (own, *parents)):
        return own
    folder = tempfile.mkdtemp(prefix="contain-python.", dir="/var/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _copy(folder, version)


def _copy(folder: str, version: str) -> str:
    """Program, libpython and standard library without its tests, at the same places below the folder."""
    os.makedirs(f"{folder}/bin")
    shutil.copytree(
        sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}),
        f"{folder}/lib/{version}",
        ignore=shutil.ignore_patterns("test", "idlelib", "site-packages", "ensurepip", "config-*"),
    )
    for name in os.listdir(library := f"{sys.base_prefix}/lib"):
        if name.startswith(f"lib{version}"):
            shutil.copy(f"{library}/{name}", f"{folder}/lib/{name}")
    program = f"{folder}/bin/{version}"
    with open(os.path.realpath(f"{sys.base_prefix}/bin/{version}"), "rb") as file:
        data = file.read()
    rpath = os.fsencode(library) + b"\0"  # where it looks for libpython
    with open(program, "wb") as file:
        file.write(data.replace(rpath, b"$ORIGIN/../lib".ljust(len(rpath), b"\0")))
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    os.chmod(program, 0o755)
    return program
