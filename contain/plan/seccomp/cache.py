"""Compiled custom profiles, kept by their hash in a folder that only its owner can write.

Engines send the same profile with every container; compiling it costs 12 to 18 ms, reading it back a tenth of one. A filter that somebody else
could have written is no filter: what is not ours, or is open to others, is not read.
"""

from __future__ import annotations

import _stat as stat
import marshal
import posix
import sys

from contain import paths
from contain.kernel import libraries
from contain.plan.seccomp.compiler import Program, compile_filter, flags_of, uses_notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: changes when the compiler gives another program for the same profile
_FORMAT = b"contain seccomp 1\n"
_DIGEST = 32
_LARGEST = 1 << 17
_MOST = 256  # programs kept

#: what decides how a program looks; listenerPath and its like do not
_MEMBERS = ("defaultAction", "defaultErrnoRet", "architectures", "syscalls")


def _sha256(data: bytes) -> bytes:
    """The hash, without hashlib's import of OpenSSL where the interpreter has it built in."""
    try:
        sha256 = __import__("_sha2" if sys.version_info >= (3, 12) else "_sha256").sha256
    except ImportError:
        from hashlib import sha256
    return sha256(data).digest()  # type: ignore[no-any-return]


def folder_for(uid: int, environ: dict[str, str]) -> str:
    """Where a user's compiled profiles are kept; empty when there is no good place."""
    if uid == 0:
        return "/var/cache/contain/seccomp"
    for variable, below in (("XDG_CACHE_HOME", ""), ("HOME", "/.cache"), ("XDG_RUNTIME_DIR", "")):
        base = environ.get(variable, "")
        if base.startswith("/"):
            return f"{base}{below}/contain/seccomp"
    return ""


def key_of(profile: dict[str, Any], machine: str, version: str) -> str:
    """The name of a cached program: everything that decides what it looks like."""
    # version 2 of the format has no back references: equal values give equal bytes
    return _sha256(_FORMAT + marshal.dumps(([profile.get(name) for name in _MEMBERS], machine, version), 2)).hex()


def library_version() -> str:
    """What tells one installed libseccomp from another without loading it: its file, size and time."""
    found = libraries.find("libseccomp.so.2")
    if found is None:
        return ""
    _, facts = found
    return f"{facts.st_dev}:{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}"


def compiled(profile: dict[str, Any], machine: str, folder: str) -> Program:
    """The program of a profile, from the cache when it is there and ours, else compiled and kept."""
    version = library_version()
    directory = _open_folder(folder) if folder and version else -1
    if directory < 0:
        return compile_filter(profile, machine)
    try:
        name = key_of(profile, machine, version)
        kept = _read(directory, name)
        if kept is not None:
            code, notes = kept
            return Program(code, flags_of(profile), notes, notify=uses_notify(profile))
        made = compile_filter(profile, machine)
        _write(directory, name, marshal.dumps((made.code, made.notes), 2))
        return made
    finally:
        posix.close(directory)


def _ours(found: posix.stat_result) -> bool:
    """Whether nobody but us can have written it."""
    return found.st_uid == posix.geteuid() and not found.st_mode & 0o077


def _open_folder(folder: str) -> int:
    """The folder as a descriptor, made when missing; -1 when it cannot be trusted or had."""
    try:
        if not paths.isdir(folder):
            from os import makedirs  # 1 ms, and only for the first filter

            makedirs(folder, mode=0o700, exist_ok=True)
        directory = posix.open(folder, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except OSError:
        return -1
    if _ours(posix.fstat(directory)):
        return directory
    posix.close(directory)
    return -1


def _read(directory: int, name: str) -> tuple[bytes, tuple[str, ...]] | None:
    """A kept program, or None when it is missing, torn or not ours."""
    try:
        fd = posix.open(name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    try:
        found = posix.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or not _ours(found) or found.st_size > _LARGEST:
            return None
        data = posix.read(fd, found.st_size)
    finally:
        posix.close(fd)
    if len(data) != found.st_size or _sha256(data[_DIGEST:]) != data[:_DIGEST]:
        return None
    code, notes = marshal.loads(data[_DIGEST:])  # noqa: S302  nobody but us can have written it
    return code, notes


def _write(directory: int, name: str, data: bytes) -> None:
    """Keeps a program; a cache that cannot be written is no reason to fail."""
    draft = f".{name}.{posix.getpid()}"
    try:
        fd = posix.open(draft, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o600, dir_fd=directory)
        try:
            posix.write(fd, _sha256(data) + data)
        finally:
            posix.close(fd)
        posix.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        _prune(directory)
    except OSError:
        return


def _prune(directory: int) -> None:
    """Removes the oldest half when there are too many."""
    names = posix.listdir(directory)
    if len(names) > _MOST:
        names.sort(key=lambda name: posix.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime_ns)
        for name in names[: len(names) // 2]:
            posix.unlink(name, dir_fd=directory)
