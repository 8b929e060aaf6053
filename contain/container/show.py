"""What a container shows of itself: its state as the OCI has it, its processes, its statistics."""

from __future__ import annotations

from contain.errors import StateError
from contain.kernel import namespaces, processes
from contain.kernel.usage import usage
from contain.state import layout, undo
from contain.state.layout import state_root
from contain.state.store import Folder, Store
from contain.state.summary import fill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.container.result import Usage
    from contain.state.summary import Summary


def open_folder(store: Store, name: str) -> tuple[Folder, Summary, str]:
    """A container's folder, facts and status now."""
    folder = store.open(name)
    summary = folder.summary()
    return folder, summary, folder.status(summary)


def state(name: str, *, root: str = "") -> str:
    """The JSON of `contain state`."""
    with Store(state_root(root)) as store:
        folder, summary, status = open_folder(store, name)
        with folder:
            template = folder.text(layout.TEMPLATE)
            values = {hole: str(getattr(summary, hole)) for hole in layout.HOLES}
            values |= {"status": status} | ({"pid": "0", "start": "0"} if status == layout.STOPPED else {})
            return fill(template, values) if template else _bare(summary.but(pid=int(values["pid"])), status)


def _bare(summary: Summary, status: str) -> str:
    """The state of a container whose making was broken off before it had a template."""
    import json

    found: dict[str, Any] = {"ociVersion": "1.3.0", "id": summary.id, "status": status, "pid": summary.pid, "bundle": summary.bundle}
    return json.dumps({**found, "rootfs": summary.rootfs, "created": summary.created})


def pids(name: str, *, root: str = "") -> list[int]:
    """The processes of a container as the host sees them, ascending; of a stopped one those that outlived its init, in its cgroup."""
    with Store(state_root(root)) as store:
        folder, summary, status = open_folder(store, name)
        folder.close()
    process = summary.process("init")
    if process is None:
        return []
    found: set[int] = set() if status == layout.STOPPED else set(descendants(process[0]))
    for cgroup in own_cgroups(summary):
        found.update(undo.members(cgroup))
        break
    return sorted(found)


def own_cgroups(summary: Summary) -> list[str]:
    """Cgroup folders that hold this container alone: those that bear init's own membership, and not ours as well."""
    import os

    return [
        folder for folder in dict.fromkeys(summary.cgroups.values()) if os.path.isdir(folder) and os.getpid() not in undo.members(folder)
    ]


def descendants(pid: int) -> list[int]:
    """A process and all below it; in a pid namespace of its own that is everything in there, as orphans go to its init."""
    parents: dict[int, list[int]] = {}
    for one in processes.pids():
        found = processes.stat(one)
        if found:
            parents.setdefault(found.parent, []).append(one)
    ret, todo = [], [pid]
    while todo:
        one = todo.pop()
        ret.append(one)
        todo += parents.get(one, [])
    return sorted(ret)


def stats(name: str, *, root: str = "") -> dict[str, Any]:
    """What a running container uses, as runc's events show it; StateError when it has stopped."""
    with Store(state_root(root)) as store:
        folder, summary, status = open_folder(store, name)
        with folder:
            config = folder.text(layout.CONFIG) or ""
    if status not in {layout.RUNNING, layout.PAUSED, layout.CREATED}:
        raise StateError(f"container {name} is not running")
    return {**usage(summary.cgroups), "intel_rdt": class_usage(config, summary.id), "network_interfaces": interfaces(summary.pid)}


def class_usage(config: str, identifier: str, mount: str = "/sys/fs/resctrl") -> dict[str, Any]:
    """Of the container's class of RDT, if it has one."""
    if '"intelRdt"' not in config:
        return {}
    import json

    from contain.kernel import rdt
    from contain.plan.compile.resctrl import class_of, monitored, monitoring

    held = json.loads(config)["linux"].get("intelRdt")
    if not held:
        return {}
    name = class_of(held, identifier)
    return rdt.usage(mount, name, monitoring(name, identifier).lstrip("/") if monitored(held) else name)


def interfaces(pid: int) -> list[dict[str, Any]]:
    """Counters of the network interfaces of a network namespace of its own; none when it shares ours."""
    from contain.kernel.files import text

    if namespaces.inode("net", pid) in {None, namespaces.inode("net")}:
        return []
    rows = []
    for line in text(f"/proc/{pid}/net/dev").splitlines()[2:]:
        name, _, counters = line.partition(":")
        numbers = [int(one) for one in counters.split()]
        if len(numbers) < 16 or name.strip() == "lo":
            continue
        received = dict(zip(("RxBytes", "RxPackets", "RxErrors", "RxDropped"), numbers[:4], strict=True))
        sent = dict(zip(("TxBytes", "TxPackets", "TxErrors", "TxDropped"), numbers[8:12], strict=True))
        rows.append({"Name": name.strip(), **received, **sent})
    return rows


def used(root: str, id: str, before: tuple[int, int] = (0, 0)) -> Usage:
    """What a container has used so far, as far as its cgroups tell; `before` its program its set-up took this processor time and memory."""
    from contain.container.result import Usage, name_version
    from contain.kernel.files import number
    from contain.kernel.usage import pairs

    with Store(root) as store, store.open(id) as folder:
        groups = folder.summary().cgroups
    cpu = number(f"{groups['cpuacct']}/cpuacct.usage") if "cpuacct" in groups else None
    peak = number(f"{groups['memory']}/memory.max_usage_in_bytes") if "memory" in groups else None
    if "" in groups and cpu is None:
        cpu = pairs(f"{groups['']}/cpu.stat").get("usage_usec", 0) * 1000 or None
    if "" in groups and peak is None:
        peak = number(f"{groups['']}/memory.peak")
    numbers = [None if number is None else max(0, number - own) for number, own in zip((cpu, peak), before, strict=True)]
    found = Usage((None, numbers[0], None, None, None, numbers[1], None))
    name_version(found, "v1" if "cpuacct" in groups or "memory" in groups else "v2")
    return found
