"""Namespaces: which are new, which are joined, who is mapped to whom, and what is set inside them."""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan import stage as at
from contain.plan.compile.cgroup import placed_late, uses_clone_into
from contain.plan.compile.idmaps import helper_for, id_maps, maps_zero, text
from contain.plan.operations.namespaces import (
    BecomeRoot,
    CreateProcess,
    LoopbackUp,
    MoveNetDevice,
    SetDomainname,
    SetHostname,
    Unshare,
    WriteIdMap,
    WriteSysctl,
    WriteTimeOffsets,
)
from contain.plan.slots import CGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from contain.host.model import Host
    from contain.plan.compile.idmaps import Maps
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: OCI's name → CLONE_NEW* bit, in the order in which they are joined with the host's privileges: user last, mount before it.
FLAGS = {
    "network": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
    "pid": 0x20000000,
    "time": 0x00000080,
    "mount": 0x00020000,
    "user": 0x10000000,
}


def namespaces(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family."""
    wanted = _wanted(spec, host)
    _refuse(spec, host, wanted)
    new = [kind for kind in FLAGS if wanted.get(kind) == "" and not (kind == "network" and _is_member(spec))]
    joined = {kind: wanted[kind] for kind in FLAGS if wanted.get(kind)}
    offsets = spec.config["linux"].get("timeOffsets") or {}
    maps = id_maps(spec, host)
    yield from _joins(spec, joined, new, slots)
    if _is_member(spec):
        yield from _join_network(host)
    throws = joined or (offsets and "time" in new) or _is_member(spec)
    through_joiner = [kind for kind in ("user", "time") if kind in new and (kind == "user" or offsets)] if throws else []
    if through_joiner:
        yield Unshare(flags=_bits(through_joiner), types=" and ".join(through_joiner), origin=_origin(spec, through_joiner[0]))
        yield from _retries(spec, joined, slots)
    if maps is not None:
        yield from _map(spec, host, maps)
    if offsets and "time" in new:
        yield WriteTimeOffsets(lines=_offset_lines(offsets), origin="/linux/timeOffsets")
    later = ["cgroup"] if "cgroup" in new and placed_late(spec, host) else []
    made = [kind for kind in new if kind not in through_joiner and kind not in later]
    group = CGROUP if uses_clone_into(spec, host) else 0
    yield CreateProcess(flags=_bits(made), types=" ".join(made), cgroup=group, origin="/linux/namespaces")
    if (maps is not None and maps_zero(maps.uid) and maps_zero(maps.gid)) or "user" in joined:
        yield BecomeRoot(origin=_origin(spec, "user"))
    if later:  # the place in the hierarchies comes first, else the namespace would show the host's root
        yield Unshare(stage=at.PREPARE, flags=_bits(later), types="cgroup", origin=_origin(spec, "cgroup"))
    yield from _net_devices(spec, host)
    yield from _inside(spec, host, new)


def _wanted(spec: Spec, host: Host) -> dict[str, str]:
    """The spec's, without a time namespace that only our defaults ask for where the kernel has none: it shields from nothing."""
    wanted = spec.namespaces()
    if spec.kind != "oci" and host.namespaces and "time" not in host.namespaces and wanted.get("time") == "":
        del wanted["time"]
    return wanted


def _is_member(spec: Spec) -> bool:
    """Whether each run of this spec is to be a member of a network."""
    return spec.run.network == "member"


def _join_network(host: Host) -> Iterator[Operation]:
    from contain.plan.compile.network import join_network  # of no use to others

    return join_network(host)


def _refuse(spec: Spec, host: Host, wanted: dict[str, str]) -> None:
    for kind in wanted:
        if host.namespaces and kind not in host.namespaces:
            raise HostError(
                f"this kernel has no {kind} namespaces",
                place=spec.origins.place(_origin(spec, kind)),
                remedy="remove it from the manifest, or use a newer kernel",
            )
    if "user" not in wanted and "CAP_SYS_ADMIN" not in host.caps:
        place = spec.origins.place("/linux/namespaces")
        wish = "leave --userns host out" if place.startswith("<command line>") else 'add {"type": "user"} to linux.namespaces'
        raise HostError("an ordinary user needs a user namespace", place=place, remedy=f"{wish}, or run as root")


def _origin(spec: Spec, kind: str) -> str:
    for index, row in enumerate(spec.config["linux"]["namespaces"]):
        if row["type"] == kind:
            return f"/linux/namespaces/{index}"
    return "/linux/namespaces"


def _bits(kinds: Sequence[str]) -> int:
    return sum(FLAGS[kind] for kind in kinds)


def _joins(spec: Spec, joined: dict[str, str], new: list[str], slots: Slots) -> Iterator[Operation]:
    """Opened first, joined later: with the host's privileges before the user namespace, which may lack them."""
    if not joined:
        return
    from contain.plan.operations.joining import EnterNamespace, OpenNamespace

    for kind, path in joined.items():
        slot = slots.new(f"namespaces/{kind}")
        yield OpenNamespace(path=path, flag=FLAGS[kind], type=kind, slot=slot, origin=_origin(spec, kind))
    user_comes = "user" in joined or "user" in new
    for kind in joined:
        optional = kind != "user" and user_comes
        yield EnterNamespace(
            flag=FLAGS[kind], type=kind, slot=slots.new(f"namespaces/{kind}"), optional=optional, origin=_origin(spec, kind)
        )
    if "user" in joined:
        yield from _retries(spec, joined, slots)


def _retries(spec: Spec, joined: dict[str, str], slots: Slots) -> Iterator[Operation]:
    from contain.plan.operations.joining import EnterNamespace

    for kind in joined:
        if kind != "user":
            yield EnterNamespace(
                flag=FLAGS[kind], type=kind, slot=slots.new(f"namespaces/{kind}"), optional=False, origin=_origin(spec, kind)
            )


def _map(spec: Spec, host: Host, maps: Maps) -> Iterator[Operation]:
    where = {"uid": "/linux/uidMappings", "gid": "/linux/gidMappings"}
    if maps.chosen:
        where = dict.fromkeys(where, _origin(spec, "user"))
    if _is_member(spec) and not (host.can("CAP_SYS_ADMIN") and host.can("CAP_NET_ADMIN")):
        # written from within the network's user namespace, which has all our ids as they are
        yield WriteIdMap(file="gid_map", lines=text(maps.gid), origin=where["gid"])
        yield WriteIdMap(file="uid_map", lines=text(maps.uid), origin=where["uid"])
        return
    uid_helper = helper_for(maps.uid, host.euid, host, group=False, place=lambda: spec.origins.place(where["uid"]))
    gid_helper = helper_for(maps.gid, host.egid, host, group=True, place=lambda: spec.origins.place(where["gid"]))
    deny = not gid_helper and "CAP_SETGID" not in host.caps  # user_namespaces(7): the price of writing gid_map oneself
    yield WriteIdMap(file="gid_map", lines=text(maps.gid), helper=gid_helper, deny_setgroups=deny, origin=where["gid"])
    yield WriteIdMap(file="uid_map", lines=text(maps.uid), helper=uid_helper, origin=where["uid"])


def _offset_lines(offsets: dict[str, dict[str, int]]) -> str:
    return "".join(f"{clock} {row.get('secs', 0)} {row.get('nanosecs', 0)}\n" for clock, row in offsets.items())


def _net_devices(spec: Spec, host: Host) -> Iterator[Operation]:
    for name, row in (spec.config["linux"].get("netDevices") or {}).items():
        pointer = f"/linux/netDevices/{name.replace('~', '~0').replace('/', '~1')}"
        if not host.can("CAP_NET_ADMIN"):
            raise HostError(
                f"cannot move the interface {name}: it needs CAP_NET_ADMIN",
                place=spec.origins.place(pointer),
                remedy="run as root, or remove linux.netDevices",
            )
        yield MoveNetDevice(name=name, rename=(row or {}).get("name") or name, origin=pointer)


def _inside(spec: Spec, host: Host, new: list[str]) -> Iterator[Operation]:
    config = spec.config
    for key in ("hostname", "domainname"):
        if config.get(key) and "uts" not in spec.namespaces():
            raise ManifestError(
                f"{key} would be the host's own", place=spec.origins.place(f"/{key}"), remedy="add a uts namespace, or remove it"
            )
    if "network" in new:
        yield LoopbackUp(origin=_origin(spec, "network"))
    # Docker's filter refuses sethostname to what it contains: then nobody asked for a name that we only give by ourselves
    refused = host.seccomp_mode == 2 and not host.can("CAP_SYS_ADMIN") and not spec.origins.place("/hostname")
    if config.get("hostname") and not refused:
        yield SetHostname(name=config["hostname"], origin="/hostname")
    if config.get("domainname"):
        yield SetDomainname(name=config["domainname"], origin="/domainname")
    for key, value in (config["linux"].get("sysctl") or {}).items():
        from contain.spec.semantics.sysctl import sysctl_path

        pointer = key.replace("~", "~0").replace("/", "~1")
        yield WriteSysctl(path=sysctl_path(key), value=str(value), origin=f"/linux/sysctl/{pointer}")
