"""Namespaces of processes."""

from __future__ import annotations

import posix

#: Name in /proc/PID/ns → name in the OCI runtime-spec.
KINDS = {
    "cgroup": "cgroup",
    "ipc": "ipc",
    "mnt": "mount",
    "net": "network",
    "pid": "pid",
    "time": "time",
    "user": "user",
    "uts": "uts",
}


def kinds() -> list[str]:
    """Those that this kernel has, by their names in /proc."""
    return sorted(name for name in posix.listdir("/proc/self/ns") if name in KINDS)


def inode(kind: str, pid: int | str = "self") -> int | None:
    """The number that names a namespace of a process; None when it cannot be seen."""
    try:
        target = posix.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None
    return int(target[target.index("[") + 1 : -1])


def of(pid: int | str = "self") -> dict[str, int]:
    """All that can be seen, by their names in /proc."""
    found = {kind: inode(kind, pid) for kind in KINDS}
    return {kind: number for kind, number in found.items() if number is not None}
