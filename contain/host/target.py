"""Facts about the target: what is wanted of it, and its root."""

from __future__ import annotations

import posix

from contain.host.model import Root
from contain.kernel import files, mounts
from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.kernel.mounts import Mount


class Wanted(Record):
    """What probe() shall look at beside the machine and the user."""

    root: str = ""  # absolute path of the root file system; "/" for the host view
    sources: list[str] = []  # absolute paths: bind sources, device nodes, namespaces to join
    host_view: bool = False
    devices: bool = False  # list the host's device nodes
    thorough: bool = True  # for people and saved hosts too; a plan needs less
    ids: bool = True  # the ranges of ids that root may give away; a manifest that maps ids itself needs none


#: Names of a root's top folder that are looked at.
_TOP = 4096


def device(number: int) -> str:
    """major:minor as mountinfo writes it."""
    return f"{posix.major(number)}:{posix.minor(number)}"


def error_name(problem: OSError) -> str:
    """The name of the errno: ENOENT, EACCES, …."""
    import errno  # only after a failure

    return errno.errorcode.get(problem.errno or 0, str(problem.errno))


def root(path: str, table: list[Mount]) -> Root:
    """Facts about a root file system; its passwd and group are read without ever leaving it."""
    if not path:
        return Root()
    try:
        held = files.Root(path)
    except OSError as problem:
        return Root(path=path, error=error_name(problem))
    with held:
        fd = held.open("/")
        try:
            found = posix.fstat(fd)
            real = posix.readlink(f"/proc/self/fd/{fd}")
            mount = by_id(table, mounts.mount_id(fd))
            try:
                top = sorted(posix.listdir(f"/proc/self/fd/{fd}"))[:_TOP]
            except OSError:
                top = []
        finally:
            posix.close(fd)
        texts = {name: held.read(f"/etc/{name}") for name in ("passwd", "group")}
    decoded = {name: None if data is None else data.decode("utf-8", "surrogateescape") for name, data in texts.items()}
    return Root(
        path=path,
        exists=True,
        passwd=decoded["passwd"],
        group=decoded["group"],
        uid=found.st_uid,
        gid=found.st_gid,
        device=device(found.st_dev),
        type=mount.type if mount else "",
        readonly=mount is not None and ("ro" in mount.options or "ro" in mount.super_options),
        point=mount.point if mount else "",
        shared=mount is not None and any(tag.startswith("shared:") for tag in mount.tags),
        mounts=[one.point for one in mounts.below(table, real)],
        top=top,
    )


def by_id(table: list[Mount], number: int | None) -> Mount | None:
    """The mount with this number."""
    return next((mount for mount in table if mount.id == number), None)
