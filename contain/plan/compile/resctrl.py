"""Intel RDT (linux.intelRdt): a class of the resctrl file system, which has the container's process and its share of cache and memory bandwidth.

resctrl is used as a cgroup v1 hierarchy is: a folder a class, `tasks` and `schemata` in it, removed with the folder (Documentation/arch/x86/resctrl).
"""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan.operations.cgroup import JoinCgroup, MakeCgroup, OpenCgroup, OpenTasks, RemoveCgroup, WriteCgroup
from contain.plan.plan import Plan
from contain.plan.slots import Slots
from contain.state import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.spec.model import Spec

POINTER = "/linux/intelRdt"
MOUNT = "/sys/fs/resctrl"
UNDO, MONITOR = "resctrl", "resctrl/monitor"


def resctrl(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The class is made unless it is there already; the process joins it, and what was made is removed at the end."""
    rdt = spec.config["linux"].get("intelRdt")
    if not rdt:
        return
    mount = required(host, spec.origins.place(POINTER))
    name, lines = class_of(rdt, spec.run.name or layout.hole("id")), schemata(rdt)
    folder = f"{mount}/{name}".rstrip("/")
    found = host.sources.get(f"{MOUNT}/{name}".rstrip("/"))
    there = name == "" or (found is not None and found.exists)
    if rdt.get("closID") and not there and not lines:
        raise ManifestError(
            f"there is no class of RDT {name}",
            place=spec.origins.place(f"{POINTER}/closID"),
            remedy="make it beforehand, or give its schemata",
        )
    slot = slots.new(UNDO)
    if rdt.get("closID") and there:
        _compare(spec, rdt, host.schemata)
        yield OpenCgroup(folder=folder, slot=slot, origin=f"{POINTER}/closID")
    else:
        # a class with a name is the machine's from now on; the container's own goes with it
        undo = 0 if rdt.get("closID") else slots.undo(UNDO)
        yield MakeCgroup(mount=mount, path=f"/{name}", slot=slot, undo=undo, needed=[], wanted=[], origin=POINTER)
    yield from _join(slot, folder, slots)
    if monitored(rdt):
        group = monitoring(name, spec.run.name or layout.hole("id"))
        slot_, undo = slots.new(MONITOR), slots.undo(MONITOR)
        yield MakeCgroup(mount=mount, path=group, slot=slot_, undo=undo, needed=[], wanted=[], origin=f"{POINTER}/enableMonitoring")
        yield RemoveCgroup(mount=mount, path=group, undo=undo)
        yield from _join(slot_, f"{mount}{group}", slots, MONITOR)
    if not rdt.get("closID"):
        yield RemoveCgroup(mount=mount, path=f"/{name}", undo=slots.undo(UNDO))
    if lines:
        yield WriteCgroup(slot=slot, file="schemata", lines=lines, alternative_lines=[], origin=POINTER)


def join(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """A further process of the container goes into its class."""
    rdt = spec.config["linux"].get("intelRdt")
    if rdt:
        folder = f"{required(host, '')}/{class_of(rdt, spec.run.name)}".rstrip("/")
        slot = slots.new(UNDO)
        yield OpenCgroup(folder=folder, slot=slot, origin=POINTER)
        yield from _join(slot, folder, slots)
        if monitored(rdt):
            group = f"{host.resctrl}{monitoring(class_of(rdt, spec.run.name), spec.run.name)}"
            slot = slots.new(MONITOR)
            yield OpenCgroup(folder=group, slot=slot, origin=POINTER)
            yield from _join(slot, group, slots, MONITOR)


def change(held: dict[str, Any], rdt: dict[str, Any], identifier: str, host: Host) -> Plan:
    """The plan of `update`: other lines for the class of a container whose intelRdt is `held`."""
    slot = Slots().new(UNDO)
    opened = OpenCgroup(folder=f"{required(host, '')}/{class_of(held, identifier)}".rstrip("/"), slot=slot)
    return Plan([opened, WriteCgroup(slot=slot, file="schemata", lines=schemata(rdt), alternative_lines=[])])


def _compare(spec: Spec, rdt: dict[str, Any], there: str) -> None:
    """The two older members say what a class that is there already has to be; `schemata` is written in any case."""
    present = _shares(there)
    for key in ("l3CacheSchema", "memBwSchema"):
        for resource, wanted in _shares(rdt.get(key) or "").items():
            if {**present.get(resource, {}), **wanted} != present.get(resource, {}):
                raise ManifestError(
                    f"the class of RDT {rdt['closID']} has other shares of {resource}",
                    place=spec.origins.place(f"{POINTER}/{key}"),
                    cause=f"its schemata: {' '.join(there.split())}",
                    remedy=f"leave {key} out, write what is there, or give schemata, which are written",
                )


def _shares(text: str) -> dict[str, dict[str, str]]:
    """`L3:0=7ff;1=00f` as the kernel or a person writes it: without blanks and leading zeros."""
    found = {}
    for line in text.splitlines():
        resource, _, rest = line.partition(":")
        pairs = (pair.partition("=") for pair in rest.split(";"))
        found[resource.strip()] = {domain.strip(): value.strip().lower().lstrip("0") for domain, _, value in pairs}
    return found


def monitored(rdt: dict[str, Any]) -> bool:
    """Whether the container is to be counted alone; before 1.3 the member was two."""
    return bool(rdt.get("enableMonitoring") or rdt.get("enableCMT") or rdt.get("enableMBM"))


def monitoring(name: str, identifier: str) -> str:
    """The path of its group for that, below the mount."""
    return f"{f'/{name}' if name else ''}/mon_groups/{identifier}"


def _join(slot: int, folder: str, slots: Slots, name: str = UNDO) -> Iterator[Operation]:
    tasks = slots.new(f"tasks/{name}")
    yield OpenTasks(slot=slot, tasks=tasks, origin=POINTER)
    yield JoinCgroup(tasks=tasks, folder=folder, origin=POINTER)


def required(host: Host, place: str) -> str:
    """Where resctrl is mounted; HostError when it is not."""
    if not host.resctrl:
        raise HostError(
            "intelRdt cannot be had",
            place=place,
            cause="resctrl is not mounted: this processor has no resource director, or nobody asked for it",
            remedy=f"mount -t resctrl resctrl {MOUNT}, or leave intelRdt out",
        )
    return host.resctrl


def class_of(rdt: dict[str, Any], identifier: str) -> str:
    """The class's folder below the mount; closID `/` is the class that everybody is in."""
    return str(rdt.get("closID") or identifier).strip("/")


def schemata(rdt: dict[str, Any]) -> list[str]:
    """The lines that are written, each ended as resctrl wants it: those of `schemata` go over the older two."""
    rows = [rdt.get("l3CacheSchema") or "", rdt.get("memBwSchema") or "", *(rdt.get("schemata") or [])]
    return [f"{line.strip()}\n" for row in rows for line in row.splitlines() if line.strip()]
