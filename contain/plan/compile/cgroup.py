"""Cgroups: which are made, what is limited in them, and how they end."""

from __future__ import annotations

from contain.errors import HostError
from contain.plan.compile.cgroup_groups import group_of, groups, where
from contain.plan.compile.cgroup_limits import settings
from contain.plan.compile.process_limit import POINTER, own_default, suffices
from contain.plan.operations.cgroup import (
    CheckMemoryUse,
    DelegateCgroup,
    JoinCgroup,
    KillCgroup,
    MakeCgroup,
    OpenTasks,
    ReadCgroupUsage,
    RemoveCgroup,
    WriteCgroup,
)
from contain.plan.slots import CGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.compile.cgroup_groups import Group, Where
    from contain.plan.compile.cgroup_limits import Setting
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

RESOURCES = "/linux/resources"
DELEGATE = "see `contain doctor`: run as root, or have the controller delegated to you"


def cgroup(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family."""
    place = where(spec, host)
    had, found = _decide(spec, host, place)
    _refuse_missing(spec, host, place)
    _refuse_absent(spec, host)
    for group in found:
        if not (place.scope and group.v2):
            yield _make(spec, host, group, slots, had, place)
    if place.scope:
        from contain.plan.compile.cgroup_scope import start_scope

        yield from start_scope(spec, host, place.scope, found, slots, devices=_device_rules_wanted(spec, host))
    yield from _delegate(spec, host, found)
    for group in found:
        if not group.v2:
            tasks = slots.new(f"tasks{group.mount}")
            yield OpenTasks(slot=slot_of(group, slots), tasks=tasks, origin=place.origin)
            yield JoinCgroup(tasks=tasks, folder=group.folder, origin=place.origin)
    yield from _limits(spec, host, found, had, slots)
    yield from _end(host, found, slots, place)


def uses_clone_into(spec: Spec, host: Host) -> bool:
    """Whether the first process is to be made inside a v2 cgroup (CreateProcess.cgroup = slot CGROUP)."""
    place = where(spec, host)
    return bool(host.cgroup.unified) and not place.scope and any(group.v2 for group in _decide(spec, host, place)[1])


def placed_late(spec: Spec, host: Host) -> bool:
    """Whether the first process gets its place only after it was made; a cgroup namespace of its own has to wait for that."""
    place = where(spec, host)
    return place.scope is not None or (host.cgroup.mode != "v2" and bool(_decide(spec, host, place)[1]))


def folders(spec: Spec, host: Host) -> list[tuple[str, str]]:
    """(controller or "-" for the unified hierarchy, folder) of the container, as the state's summary lists them."""
    found = []
    place = where(spec, host)
    for group in _decide(spec, host, place)[1]:
        found += [(name, group.folder) for name in (["-"] if group.v2 else group.controllers)]
    scope, own = place.scope, host.cgroup.hierarchies.get("name=systemd")
    if scope and own:  # systemd puts the first process there itself, and those of `exec` belong to it too
        found.append(("name=systemd", f"{own}/{scope.path}"))
    return found


def pids_without_cgroup(spec: Spec, host: Host) -> int | None:
    """Contain's own default limit of processes where no cgroup is there to hold it: then RLIMIT_NPROC has to."""
    limit = own_default(spec)
    place = where(spec, host)
    held = group_of("pids", place, host) is not None and any(one.pointer == POINTER for one in _decide(spec, host, place)[0])
    return None if held else limit


def _resources(spec: Spec) -> dict[str, Any]:
    found: dict[str, Any] = spec.config["linux"].get("resources") or {}
    return found


def _settings(spec: Spec, host: Host) -> Iterator[Setting]:
    for one in settings(_resources(spec), host.cgroup.is_v2):
        if one.name == "swap" and not host.cgroup.swap:
            one.lacking = "this kernel does not account swap by cgroup (on v1: boot with swapaccount=1)"
        yield one


def _decide(spec: Spec, host: Host, place: Where) -> tuple[list[Setting], list[Group]]:
    """The limits that can be had, and the groups for them."""
    had = [one for one in _settings(spec, host) if not one.lacking and group_of(one.controller, place, host) is not None]
    limited = len(had)
    if _is_dear(spec, host, had) and suffices(spec, host):
        had = [one for one in had if one.pointer != POINTER]
    needed = [one.controller for one in had]
    if _device_rules_wanted(spec, host):
        needed.append("devices" if "devices" in host.cgroup.hierarchies else "")
    if spec.run.cpu_time is not None:
        needed.append("cpuacct" if "cpuacct" in host.cgroup.hierarchies else "")
    if spec.run.measure and (limited or needed):  # who asks for no cgroup at all (--pids-limit -1) gets none
        needed += [name for name in ("memory", "cpuacct") if name in host.cgroup.hierarchies or (name in host.cgroup.available)]
        needed += [""] if host.cgroup.mode == "v2" else []
        if spec.run.name and "freezer" in host.cgroup.hierarchies:  # a library's container that goes on can be paused
            needed.append("freezer")
    if spec.namespaces().get("pid") != "" or spec.run.cgroup_parent:
        needed.append(_tracking(host, place))
    return had, groups(spec, host, needed, place)


def _is_dear(spec: Spec, host: Host, had: list[Setting]) -> bool:
    """Whether contain's own limit of processes would need a group that is of no other use: it costs 0.3 ms, a first one with note and guardian 0.5."""
    if not any(one.pointer == POINTER for one in had):
        return False
    return "pids" in host.cgroup.hierarchies or not (len(had) > 1 or spec.run.measure or spec.run.cpu_time is not None)


def _tracking(host: Host, place: Where) -> str:
    """The hierarchy in which processes are found again when no pid namespace of their own holds them together."""
    names = ["", "pids", "freezer", *host.cgroup.hierarchies]
    return next((name for name in names if group_of(name, place, host)), "")


def _refuse_missing(spec: Spec, host: Host, place: Where) -> None:
    """Says which limits will not be there: an error for options, engines and with --strict, else a warning; nothing for our own defaults."""
    hierarchies = ("", *host.cgroup.hierarchies)
    if spec.run.cgroup_parent and not place.disabled and all(group_of(name, place, host) is None for name in hierarchies):
        raise HostError(
            f"no cgroup can be made below {spec.run.cgroup_parent}",
            place=spec.origins.place("--cgroup-parent"),
            cause=host.cgroup.reason or "no cgroup can be made",
            remedy=f"{DELEGATE}; or leave the option out",
        )
    asked = spec.config["linux"].get("cgroupsPath")
    if spec.run.runc and asked and not place.disabled and not place.scope and not groups(spec, host, (), place):
        raise HostError(
            f"no cgroup can be made at {asked}", place=spec.origins.place(place.origin), cause=host.cgroup.reason, remedy=DELEGATE
        )
    for one in _settings(spec, host):
        lost = not one.lacking and group_of(one.controller, place, host) is None
        # else another setting of the same pointer is reported; no limit is had without a cgroup too
        if (one.lacking or lost) and not one.optional and not one.endless:
            from contain.plan.compile.cgroup_lacking import report

            report(spec, host, one, disabled=place.disabled)


def _refuse_absent(spec: Spec, host: Host) -> None:
    """An option that names processors which this machine has not: the kernel's own words for it help nobody."""
    pointer = f"{RESOURCES}/cpu/cpus"
    asked = (_resources(spec).get("cpu") or {}).get("cpus")
    if not asked or not host.cpus or not spec.origins.option(pointer) or group_of("cpuset", where(spec, host), host) is None:
        return
    absent = sorted(_members(asked) - _members(host.cpus))
    if absent:
        words = f"processor {absent[0]} is" if len(absent) == 1 else f"processors {absent[0]} and others are"
        raise HostError(
            f"{words} not there",
            place=spec.origins.place(pointer),
            cause=f"this machine has {host.cpus}",
            remedy=f"write {host.cpus}, or less",
        )


def _members(text: str) -> set[int]:
    """The numbers of a list such as 0-3,7, as far as they can be meant."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.strip().isdecimal() and (last or first).strip().isdecimal():
            found |= set(range(int(first), min(int(last or first), int(first) + 8192) + 1))
    return found


def slot_of(group: Group, slots: Slots) -> int:
    """The slot that holds a group's folder."""
    return CGROUP if group.v2 else slots.new(f"cgroup{group.mount}")


def _make(spec: Spec, host: Host, group: Group, slots: Slots, had: list[Setting], place: Where) -> MakeCgroup:
    needed = sorted({one.controller for one in had if one.controller and host.cgroup.is_v2(one.controller)}) if group.v2 else []
    others = [name for name in host.cgroup.available if name not in needed] if group.v2 and spec.kind == "oci" else []
    if group.v2 and spec.run.measure and "memory" in host.cgroup.available and "memory" not in [*needed, *others]:
        others.append("memory")
    return MakeCgroup(
        mount=group.mount,
        path=group.path,
        slot=slot_of(group, slots),
        undo=slots.undo(f"cgroup{group.mount}"),
        v2=group.v2,
        cpuset="cpuset" in group.controllers and not group.v2,
        needed=needed,
        wanted=others,
        origin=place.origin,
    )


def _delegate(spec: Spec, host: Host, found: list[Group]) -> Iterator[Operation]:
    """The runtime-spec's "Cgroup ownership": v2, a cgroup namespace of its own, and /sys/fs/cgroup writable in it."""
    if not any(group.v2 and host.cgroup.mode == "v2" for group in found) or spec.namespaces().get("cgroup") != "":
        return
    mounts = [
        row
        for row in spec.config["mounts"]
        if row.get("destination", "").rstrip("/") == "/sys/fs/cgroup" and row.get("type") in {"cgroup", "cgroup2"}
    ]
    if not mounts or any("ro" in (row.get("options") or []) for row in mounts):
        return
    from contain.plan.compile.idmaps import id_maps

    maps = id_maps(spec, host)
    if maps is None or not host.can("CAP_CHOWN"):
        return
    user = spec.config["process"]["user"]
    uid, gid = _outside(user.get("uid", 0), maps.uid), _outside(user.get("gid", 0), maps.gid)
    if uid is not None and gid is not None:
        yield DelegateCgroup(slot=CGROUP, uid=uid, gid=gid, origin="/mounts")


def _outside(inside: int, lines: list[tuple[int, int, int]]) -> int | None:
    return next((start + inside - first for first, start, count in lines if first <= inside < first + count), None)


def _limits(spec: Spec, host: Host, found: list[Group], had: list[Setting], slots: Slots) -> Iterator[Operation]:
    layout = host.cgroup
    by_mount = {group.mount: group for group in found}
    memory = _resources(spec).get("memory") or {}
    for one in had:
        group = by_mount[layout.mount(one.controller)]
        if one.pointer == f"{RESOURCES}/memory/limit" and memory.get("checkBeforeUpdate") and memory["limit"] >= 0:
            usage = "memory.current" if group.v2 else "memory.usage_in_bytes"
            yield CheckMemoryUse(slot=slot_of(group, slots), file=usage, limit=memory["limit"], origin=one.pointer)
        yield write(one, slot_of(group, slots))
    if _device_rules_wanted(spec, host):
        from contain.plan.compile.cgroup_devices import device_operation

        holder = by_mount.get(layout.mount("devices"))
        if holder is None:
            from contain.plan.compile.cgroup_lacking import report_devices

            report_devices(spec, host)
        else:
            rows = _resources(spec).get("devices") or []
            yield device_operation(rows, slot_of(holder, slots), v2=holder.v2, place=spec.origins.place(f"{RESOURCES}/devices"))


def write(one: Setting, slot: int) -> WriteCgroup:
    """The operation for a setting."""
    return WriteCgroup(
        slot=slot,
        file=one.file,
        lines=one.lines,
        alternative=one.alternative,
        alternative_lines=one.alternative_lines,
        optional=one.optional,
        origin=one.pointer,
    )


def _device_rules_wanted(spec: Spec, host: Host) -> bool:
    """Bundles have them as the OCI says. A run of our own needs them only where mknod could reach the host's devices.

    Without CAP_SYS_ADMIN on the host they cannot be had, nor are they needed: a user namespace makes no device nodes.
    """
    if not host.privileged or where(spec, host).disabled or not (spec.kind == "oci" or spec.namespaces().get("user") != ""):
        return False
    from contain.plan.compile.cgroup_devices import everything_allowed

    return not everything_allowed(_resources(spec).get("devices") or [])


def _end(host: Host, found: list[Group], slots: Slots, place: Where) -> Iterator[Operation]:
    for group in found[-1:]:  # the surest comes last in groups()
        method = "freezer"
        if group.v2:
            method = "kill" if host.cgroup.kill else method
        elif "freezer" not in group.controllers:
            method = "pids" if "pids" in group.controllers else ""
        yield KillCgroup(mount=group.mount, path=group.path, undo=slots.undo(f"cgroup{group.mount}"), method=method)
    for group in found:
        memory, cpu = "memory" in group.controllers, (group.v2 and host.cgroup.mode == "v2") or "cpuacct" in group.controllers
        if memory or cpu:
            yield ReadCgroupUsage(
                mount=group.mount, path=group.path, undo=slots.undo(f"cgroup{group.mount}"), v2=group.v2, memory=memory, cpu=cpu
            )
    for group in found:
        yield RemoveCgroup(
            mount=group.mount,
            path=group.path,
            undo=slots.undo(f"cgroup{group.mount}"),
            scope=bool(place.scope and group.v2),
        )
