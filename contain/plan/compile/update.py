"""The tiny plan of `update`: new limits for cgroups that exist, in an order that the kernel takes step by step."""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan import stage as at
from contain.plan.compile.cgroup_lacking import spec_words
from contain.plan.compile.cgroup_limits import PERIOD, settings
from contain.plan.operations.cgroup import CheckMemoryUse, OpenCgroup, WriteCgroup
from contain.plan.plan import Plan
from contain.plan.slots import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from contain.plan.compile.cgroup_limits import Setting
    from contain.plan.operation import Operation

    #: (folder, file) → what it holds now, "" when it is not there
    Read = Callable[[str, str], str]


def compile_update(resources: dict[str, Any], groups: dict[str, str], read: Read) -> Plan:
    """`groups`: controller ("" the unified hierarchy) → folder of the container. `resources` holds only what is to change.

    Raises ManifestError for values that contradict each other, HostError for a limit that these cgroups cannot have.
    """
    slots = Slots()
    resources = _completed(resources, groups, read)
    found: list[Operation] = []
    for one in _ordered(list(settings(resources, lambda name: name not in groups)), groups, read):
        folder = folder_of(one.controller, groups)
        if one.lacking:
            raise HostError(f"{spec_words(one.pointer)} cannot be set", cause=one.lacking, remedy="leave it out")
        elsewhere = one.controller not in {"", *groups} and one.controller not in read(folder, "cgroup.controllers").split()
        if not folder or elsewhere:
            raise HostError(
                f"{spec_words(one.pointer)} cannot be set",
                cause=f"the container is in no cgroup that has the controller {one.controller}",
                remedy="give the limit when the container is created",
            )
        slot = slots.new(folder)
        found.append(OpenCgroup(folder=folder, slot=slot))
        if one.pointer.endswith("/memory/limit") and resources["memory"].get("checkBeforeUpdate") and resources["memory"]["limit"] >= 0:
            file = "memory.usage_in_bytes" if one.controller in groups else "memory.current"
            found.append(CheckMemoryUse(stage=at.CGROUP, slot=slot, file=file, limit=resources["memory"]["limit"]))
        found.append(_write(one, slot))
    if resources.get("devices"):
        found += _devices(resources["devices"], groups, slots)
    return Plan(_once(found))


def folder_of(controller: str, groups: dict[str, str]) -> str:
    """The folder that holds a controller's files; "" when the container has none."""
    return groups.get(controller) or groups.get("", "")


def _once(found: list[Operation]) -> Iterator[Operation]:
    """Each folder is opened once."""
    for index, one in enumerate(found):
        if not isinstance(one, OpenCgroup) or one not in found[:index]:
            yield one


def _write(one: Setting, slot: int) -> WriteCgroup:
    return WriteCgroup(
        stage=at.CGROUP,
        slot=slot,
        file=one.file,
        lines=one.lines,
        alternative=one.alternative,
        alternative_lines=one.alternative_lines,
        optional=one.optional,
    )


def _devices(rows: list[dict[str, Any]], groups: dict[str, str], slots: Slots) -> Iterator[Operation]:
    from contain.plan.compile.cgroup_devices import device_operation

    folder = folder_of("devices", groups)
    if not folder:
        raise HostError("access to devices cannot be limited", cause="the container has no cgroup for it")
    slot = slots.new(folder)
    yield OpenCgroup(folder=folder, slot=slot)
    yield device_operation(rows, slot, v2="devices" not in groups, stage=at.CGROUP, replace=True)


def _completed(resources: dict[str, Any], groups: dict[str, str], read: Read) -> dict[str, Any]:
    """What one file of the kernel holds together with a value that is not to change: taken from the file."""
    memory, cpu = dict(resources.get("memory") or {}), dict(resources.get("cpu") or {})
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit and limit < 0 and swap is None:
        memory["swap"] = -1  # memory without limit inside a limit of both would be refused
    if "memory" not in groups and swap and swap > 0 and not limit:
        now = read(folder_of("memory", groups), "memory.max")
        if not now.isdecimal():
            raise ManifestError("memory.swap needs memory.limit", remedy="give both: swap counts memory and swap together")
        memory["limit"] = int(now)
    if "memory" not in groups and swap and limit and 0 < swap < limit:
        raise ManifestError("memory.swap is less than memory.limit", remedy="swap counts memory and swap together: give at least the limit")
    if "cpu" not in groups and (cpu.get("quota") or cpu.get("period")):
        quota, _, period = read(folder_of("cpu", groups), "cpu.max").partition(" ")
        if not cpu.get("period") and period.isdecimal():
            cpu["period"] = int(period)
        if not cpu.get("quota") and quota.isdecimal():
            cpu["quota"] = int(quota)
    return {**resources, **({"memory": memory} if memory else {}), **({"cpu": cpu} if cpu else {})}


def _ordered(found: list[Setting], groups: dict[str, str], read: Read) -> list[Setting]:
    """Pairs of files that the kernel checks against each other, in the order that fits the values they have now."""

    def number(controller: str, file: str) -> int:
        text = read(folder_of(controller, groups), file).split(" ")[0]
        return int(text) if text.lstrip("-").isdecimal() else -1

    def first(file: str, other: str) -> None:
        names = [one.file for one in found]
        if file in names and other in names and names.index(file) > names.index(other):
            found.insert(names.index(other), found.pop(names.index(file)))

    values = {one.file: int(one.lines[0]) for one in found if one.lines and one.lines[0].lstrip("-").isdecimal()}
    # v1: memory may not rise above memory and swap, nor both sink below memory
    both, now = values.get("memory.memsw.limit_in_bytes"), number("memory", "memory.limit_in_bytes")
    if both is not None and (both < 0 or both > now >= 0):
        first("memory.memsw.limit_in_bytes", "memory.limit_in_bytes")
    # v1: the share of a period that a quota makes may not rise in between
    period, now = values.get("cpu.cfs_period_us", PERIOD), number("cpu", "cpu.cfs_period_us")
    if period < now:
        first("cpu.cfs_quota_us", "cpu.cfs_period_us")
    # both: a burst is at most the quota
    quota = values.get(
        "cpu.cfs_quota_us", next((int(one.lines[0].split()[0]) for one in found if one.file == "cpu.max" and one.lines[0][0] != "m"), -1)
    )
    if 0 <= quota < max(number("cpu", "cpu.max.burst"), number("cpu", "cpu.cfs_burst_us")):
        first("cpu.cfs_burst_us", "cpu.cfs_quota_us")
        first("cpu.max.burst", "cpu.max")
    return found
