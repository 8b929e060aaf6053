"""/dev: the default nodes and links, and what linux.devices adds."""

from __future__ import annotations

from contain.errors import ManifestError
from contain.plan.compile.idmaps import has_new_userns
from contain.plan.compile.mounts import inside
from contain.plan.compile.options import Options
from contain.plan.compile.rootfs import has_new_mounts
from contain.plan.operations.devices import MakeDevice, MakeLink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: path → major, minor; character devices that every container has (runtime-spec, "Default Devices")
DEFAULT = {"/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8), "/dev/urandom": (1, 9), "/dev/tty": (5, 0)}
LINKS = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2"}
#: that the container has of its own
_OWN = frozenset(("/dev/console", "/dev/ptmx", "/dev/tty"))
_KINDS = {"c": "char", "b": "block"}


def devices(spec: Spec, host: Host, _slots: Slots) -> Iterator[Operation]:
    """Nodes and links; none when the manifest shows a /dev of the host as it is."""
    if not has_new_mounts(spec) or _dev_is_bound(spec):
        return
    bound = has_new_userns(spec) or bool(spec.namespaces().get("user"))
    rows = spec.config["linux"].get("devices") or []
    given = {inside(spec, row["path"], f"/linux/devices/{index}/path") for index, row in enumerate(rows)}
    for path, (major, minor) in DEFAULT.items():
        if path not in given:
            yield MakeDevice(path=path, kind="c", major=major, minor=minor, source=path, bind=bound)
    for index in range(len(rows)):
        yield _device(spec, host, index, bound=bound)
    if spec.run.devices_all:
        yield from _of_the_host(host, {*DEFAULT, *given}, bound=bound)
    for path, target in LINKS.items():
        yield MakeLink(path=path, target=target)
    if any(row.get("type") == "devpts" and inside(spec, row["destination"], "") == "/dev/pts" for row in spec.config["mounts"]):
        yield MakeLink(path="/dev/ptmx", target="pts/ptmx", replace=True)


def _of_the_host(host: Host, made: set[str], *, bound: bool) -> Iterator[Operation]:
    """All others of the host, but those that belong to its terminals, and for an ordinary user those that he cannot open."""
    for one in host.devices:
        if one.path in made or one.path in _OWN or not (one.readable or one.writable):
            continue
        yield MakeDevice(
            path=one.path,
            kind="b" if one.kind == "block" else "c",
            major=one.major,
            minor=one.minor,
            mode=one.mode,
            source=one.path,
            bind=bound,
            origin="--privileged",
        )


def _device(spec: Spec, host: Host, index: int, *, bound: bool) -> Operation:
    row = spec.config["linux"]["devices"][index]
    origin = f"/linux/devices/{index}"
    kind = "c" if row["type"] == "u" else row["type"]
    if kind not in ("c", "b", "p"):
        raise ManifestError(
            f"{row['type']!r} is no type of device", place=spec.origins.place(f"{origin}/type"), remedy="write c, b, u or p"
        )
    if kind != "p" and ("major" not in row or "minor" not in row):
        raise ManifestError("a device needs major and minor", place=spec.origins.place(origin), remedy="give both numbers")
    path = inside(spec, row["path"], f"{origin}/path")
    major, minor = (row["major"], row["minor"]) if kind != "p" else (0, 0)
    twin = next((one.path for one in host.devices if (one.kind, one.major, one.minor) == (_KINDS.get(kind), major, minor)), path)
    return MakeDevice(
        path=path,
        kind=kind,
        major=major,
        minor=minor,
        mode=row.get("fileMode", 0o666) & 0o7777,  # podman run --privileged writes the type of the file along
        uid=row.get("uid") or 0,
        gid=row.get("gid") or 0,
        source=twin if kind != "p" else "",
        bind=bound and kind != "p",
        origin=origin,
    )


def _dev_is_bound(spec: Spec) -> bool:
    for row in spec.config["mounts"]:
        if inside(spec, row["destination"], "") == "/dev":
            options = Options(row.get("options") or [])
            return options.bind or row.get("type") == "bind"
    return False
