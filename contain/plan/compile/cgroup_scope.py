"""The scope of a container whose cgroup systemd makes."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.compile.cgroup import RESOURCES
from contain.plan.compile.cgroup_systemd import base_properties, device_properties, everything, limit_properties, request
from contain.plan.operations.cgroup import LimitScope, OpenCgroup, StartScope
from contain.plan.slots import CGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.compile.cgroup_groups import Group
    from contain.plan.compile.cgroup_systemd import Scope
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec


def start_scope(spec: Spec, host: Host, scope: Scope, found: list[Group], slots: Slots, *, devices: bool) -> Iterator[Operation]:
    """systemd makes the scope around the process; what it has properties for is limited through them, and checked by writing the files."""
    group = found[-1] if found else None
    first = base_properties(spec, scope)
    if (
        devices and "devices" in host.cgroup.hierarchies
    ):  # else systemd takes the process out of the scope of that hierarchy when it starts it
        first += everything()
    helper, process = slots.new("cgroup/systemd"), slots.new("cgroup/helper")
    yield StartScope(
        unit=scope.unit,
        program=spec.run.systemd,
        request=request(scope, first),
        folder=next((one.folder for one in found if one.v2), group.folder if group else ""),
        slot=helper,
        process=process,
        undo=slots.undo(f"cgroup{next((one.mount for one in found if one.v2), '')}"),
        origin="/linux/cgroupsPath",
    )
    resources = spec.config["linux"].get("resources") or {}
    limits = limit_properties(resources, v2=all(one.v2 for one in found))
    if devices:
        limits += device_properties(resources.get("devices") or [])
    yield LimitScope(unit=scope.unit, request=request(scope, limits), slot=helper, process=process, origin=RESOURCES)
    for one in found:
        if one.v2:
            yield OpenCgroup(stage=at.HOST_HOOKS, folder=one.folder, slot=CGROUP)
