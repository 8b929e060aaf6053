"""Facts about paths of the host: what a target uses of them, and all there are for the host view. Who has neither does not import it."""

from __future__ import annotations

import _stat as stat
import posix

from contain import paths
from contain.host.target import by_id, device, error_name
from contain.kernel import files, mounts
from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.kernel.mounts import Mount


class Source(Record):
    """Facts about one path of the host that the target uses (a bind source, a device, a namespace to join)."""

    exists: bool = False
    error: str = ""  # errno's name when it could not be looked at
    kind: str = ""  # dir file socket fifo char block
    path: str = ""  # the path with its links resolved
    link: bool = False  # the path itself, or a folder on the way, is a symbolic link
    mode: int = 0  # permission bits
    uid: int = 0
    gid: int = 0
    device: str = ""  # "major:minor" of the file system
    rdev: str = ""  # "major:minor" of a device node
    type: str = ""  # of the file system
    options: list[str] = []  # of its mount: what a user namespace has locked (ro, nosuid, nodev, noexec …)
    mounts: bool = False  # something is mounted below it
    readable: bool = False  # to us
    writable: bool = False


class Entry(Record):
    """One top-level entry of the host's root, for the host view."""

    name: str
    kind: str  # dir file link other
    target: str = ""  # of a link
    mode: int = 0
    type: str = ""  # of the file system
    mounts: list[str] = []  # mount points at or below it, except one that is the entry itself
    point: bool = False  # the entry itself is a mount point
    readable: bool = True


class Device(Record):
    """One device node of the host's /dev, for --privileged."""

    path: str
    kind: str  # char block
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    readable: bool = False  # to us
    writable: bool = False


_KINDS = {
    stat.S_IFDIR: "dir",
    stat.S_IFREG: "file",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFLNK: "link",
}


def source(path: str, table: list[Mount]) -> Source:
    """Facts about one path, links followed."""
    try:
        fd = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    except OSError as problem:
        return Source(error=error_name(problem))
    try:
        found = posix.fstat(fd)
        real = posix.readlink(f"/proc/self/fd/{fd}")
        mount = by_id(table, mounts.mount_id(fd))
    finally:
        posix.close(fd)
    return Source(
        exists=True,
        kind=_KINDS.get(stat.S_IFMT(found.st_mode), "other"),
        path=real,
        link=real != paths.normpath(path),
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        device=device(found.st_dev),
        rdev=device(found.st_rdev) if found.st_rdev else "",
        type=mount.type if mount else "",
        options=mount.options if mount else [],
        mounts=bool(mounts.below(table, real)),
        readable=posix.access(path, posix.R_OK, effective_ids=True),
        writable=posix.access(path, posix.W_OK, effective_ids=True),
    )


def top(table: list[Mount], path: str = "/") -> list[Entry]:
    """The top-level entries of the host's root, sorted by name."""
    entries = []
    with posix.scandir(path) as found:
        for one in sorted(found, key=lambda entry: entry.name):
            where = f"{path.rstrip('/')}/{one.name}"
            info = one.stat(follow_symlinks=False)
            kind = _KINDS.get(stat.S_IFMT(info.st_mode), "other")
            mount = mounts.covering(table, where)
            entries.append(
                Entry(
                    name=one.name,
                    kind=kind if kind in {"dir", "file", "link"} else "other",
                    target=posix.readlink(where) if kind == "link" else "",
                    mode=stat.S_IMODE(info.st_mode),
                    type=mount.type if mount else "",
                    mounts=list(dict.fromkeys(sub.point for sub in mounts.below(table, where))),
                    point=mount is not None and mount.point == where,
                    readable=kind == "link" or posix.access(where, posix.R_OK, effective_ids=True),
                )
            )
    return entries


def parse_unix(data: str) -> list[str]:
    """The absolute paths in /proc/net/unix; abstract and unnamed sockets have none."""
    paths = set()
    for line in data.split("\n"):
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7].startswith("/"):
            paths.add(fields[7])
    return sorted(paths)


def bound_sockets() -> frozenset[str]:
    """The paths by which unix sockets were bound, as they were given."""
    return frozenset(parse_unix(files.text("/proc/net/unix")))


def sockets() -> list[str]:
    """Paths of unix sockets that somebody holds bound and that are there to be connected to, links in folders resolved."""
    from os.path import realpath  # for the host view alone

    found = set()
    for path in bound_sockets():
        folder, _, name = path.rpartition("/")
        real = f"{realpath(folder or '/').rstrip('/')}/{name}"
        try:
            if stat.S_ISSOCK(posix.lstat(real).st_mode):
                found.add(real)
        except OSError:
            continue
    return sorted(found)


def devices(folder: str = "/dev") -> list[Device]:
    """The device nodes of the host; terminals of others (/dev/pts) and mounts below are left out."""
    found = []
    home = posix.stat(folder).st_dev
    todo = [folder]
    while todo:
        try:
            entries = sorted(posix.scandir(todo.pop()), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode) and info.st_dev == home:
                todo.append(entry.path)
            elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
                found.append(
                    Device(
                        path=entry.path,
                        kind="char" if stat.S_ISCHR(info.st_mode) else "block",
                        major=posix.major(info.st_rdev),
                        minor=posix.minor(info.st_rdev),
                        mode=stat.S_IMODE(info.st_mode),
                        uid=info.st_uid,
                        gid=info.st_gid,
                        readable=posix.access(entry.path, posix.R_OK, effective_ids=True),
                        writable=posix.access(entry.path, posix.W_OK, effective_ids=True),
                    )
                )
    return sorted(found, key=lambda device: device.path)
