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
UNDO = "resctrl"


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
    if rdt.get("enableMonitoring") or rdt.get("enableCMT") or rdt.get("enableMBM"):
        spec.warn("a class of RDT counts what its container uses by itself: no group of its own is made for monitoring", POINTER)
    if rdt.get("closID") and not there and not lines:
        raise ManifestError(
            f"there is no class of RDT {name}",
            place=spec.origins.place(f"{POINTER}/closID"),
            remedy="make it beforehand, or give its schemata",
        )
    slot = slots.new(UNDO)
    if rdt.get("closID") and there:
        yield OpenCgroup(folder=folder, slot=slot, origin=f"{POINTER}/closID")
    else:
        yield MakeCgroup(mount=mount, path=f"/{name}", slot=slot, undo=slots.undo(UNDO), needed=[], wanted=[], origin=POINTER)
        yield RemoveCgroup(mount=mount, path=f"/{name}", undo=slots.undo(UNDO))
    yield from _join(slot, folder, slots)
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


def change(held: dict[str, Any], rdt: dict[str, Any], identifier: str, host: Host) -> Plan:
    """The plan of `update`: other lines for the class of a container whose intelRdt is `held`."""
    slot = Slots().new(UNDO)
    opened = OpenCgroup(folder=f"{required(host, '')}/{class_of(held, identifier)}".rstrip("/"), slot=slot)
    return Plan([opened, WriteCgroup(slot=slot, file="schemata", lines=schemata(rdt), alternative_lines=[])])


def _join(slot: int, folder: str, slots: Slots) -> Iterator[Operation]:
    tasks = slots.new(f"tasks/{UNDO}")
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
