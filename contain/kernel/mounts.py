"""/proc/PID/mountinfo as records."""

from __future__ import annotations

import posix

from contain.kernel.files import read
from contain.kernel.record import Record

#: Folders of proc and sysfs that exist only to be mounted on.
_EMPTY = {
    *("/sys/fs/binfmt_misc", "/fs/nfsd", "/fs/cgroup", "/fs/bpf", "/fs/pstore", "/fs/fuse/connections", "/fs/selinux", "/fs/smackfs"),
    *("/kernel/debug", "/kernel/tracing", "/kernel/security", "/kernel/config", "/firmware/efi/efivars", "/fs/resctrl"),
}


class Mount(Record):
    """One line of mountinfo (proc_pid_mountinfo(5)), paths unescaped."""

    id: int
    parent: int
    device: str  # "major:minor"
    root: str  # what of the file system is shown
    point: str  # where
    options: list[str]  # of the mount: rw, nosuid, relatime …
    tags: list[str] = []  # shared:N, master:N, propagate_from:N, unbindable
    type: str  # ext4, overlay, fuse.sshfs
    source: str
    super_options: list[str] = []  # of the file system


def unescape(text: str) -> str:
    r"""Undoes the \040 \011 \012 \134 of mountinfo."""
    if "\\" not in text:
        return text
    parts = text.split("\\")
    ret = [parts[0]]
    for part in parts[1:]:
        digits = part[:3]
        octal = len(digits) == 3 and all(digit in "01234567" for digit in digits)
        ret.append(chr(int(digits, 8)) + part[3:] if octal else "\\" + part)
    return "".join(ret)


def parse(text: str) -> list[Mount]:
    """The mounts in the order of the file; a line that is not understood is skipped."""
    mounts = []
    for line in text.split("\n"):
        fields = line.split(" ")
        try:
            dash = fields.index("-", 6)
            mounts.append(
                Mount(
                    id=int(fields[0]),
                    parent=int(fields[1]),
                    device=fields[2],
                    root=unescape(fields[3]),
                    point=unescape(fields[4]),
                    options=fields[5].split(","),
                    tags=fields[6:dash],
                    type=fields[dash + 1],
                    source=unescape(fields[dash + 2]),
                    super_options=fields[dash + 3].split(",") if len(fields) > dash + 3 else [],
                )
            )
        except (ValueError, IndexError):
            continue
    return mounts


def mounts(pid: int | str = "self") -> list[Mount]:
    """The mounts that a process sees; OSError when they cannot be read."""
    return parse(read(f"/proc/{pid}/mountinfo", limit=64 << 20).decode("utf-8", "surrogateescape"))


def covering(table: list[Mount], path: str) -> Mount | None:
    """The mount that shows `path` (absolute, no links in it): the last one mounted on its nearest mount point above."""
    best: Mount | None = None
    for mount in table:
        inside = mount.point == "/" or path == mount.point or path.startswith(mount.point + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def below(table: list[Mount], path: str) -> list[Mount]:
    """The mounts strictly below `path`."""
    prefix = path.rstrip("/") + "/"
    return [mount for mount in table if mount.point.startswith(prefix) and mount.point != prefix]


def hiding(table: list[Mount], kind: str) -> list[str]:
    """Mount points that hide parts of every `proc` or `sysfs` that is seen: then the kernel allows no new one in a user namespace.

    As its mount_too_revealing(): one that shows everything is enough, and mounts on folders that are always empty do not count.
    """
    found: list[str] = []
    for mount in table:
        if mount.type == kind and mount.root == "/":
            covers = sorted({one.point for one in below(table, mount.point) if one.point.removeprefix(mount.point) not in _EMPTY})
            if not covers:
                return []
            found = found or covers
    return found


def mount_id(fd: int) -> int | None:
    """The id of the mount that an open descriptor (O_PATH too) lies on."""
    for line in read(f"/proc/self/fdinfo/{fd}").decode().splitlines():
        name, _, value = line.partition(":")
        if name == "mnt_id":
            return int(value)
    return None


def of(table: list[Mount], path: str) -> Mount | None:
    """The mount that `path` is seen through, links followed; None when the path does not exist."""
    try:
        fd = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        wanted = mount_id(fd)
    finally:
        posix.close(fd)
    return next((mount for mount in table if mount.id == wanted), None)
