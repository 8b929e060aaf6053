"""Where a shared library is, without loading it."""

from __future__ import annotations

import posix

_FOLDERS = ("/usr/lib64", "/usr/lib", "/lib64", "/lib")


def find(name: str) -> tuple[str, posix.stat_result] | None:
    """The file that a program here would most likely get for `name` (libseccomp.so.2), and its facts."""
    machine = posix.uname().machine
    for folder in (*_FOLDERS, *(f"/usr/lib/{machine}-linux-{libc}" for libc in ("gnu", "musl", "gnueabihf"))):
        path = f"{folder}/{name}"
        try:
            return path, posix.stat(path)
        except OSError:
            continue
    return None
