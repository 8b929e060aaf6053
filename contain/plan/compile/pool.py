"""A pool of cgroups: the plan of runs that take theirs from one, and the plan of the process that holds it."""

from __future__ import annotations

from contain.linux import CAPABILITIES
from contain.plan import stage as at
from contain.plan.compile.namespaces import FLAGS
from contain.plan.compile.seccomp import OWN
from contain.plan.operations.cgroup import UNIQUE, MakeCgroup, ReadCgroupUsage, RemoveCgroup, WriteCgroup
from contain.plan.operations.notes import EndNote, KeepNote
from contain.plan.operations.pool import HoldCgroups, TakeCgroup
from contain.plan.operations.supervise import Supervise
from contain.plan.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.plan.operation import Operation

#: What is of no use for a run whose cgroups stay: nothing of the host is to be undone.
_UNDOING = {"KeepNote", "NoteInit", "EndNote", "KillCgroup", "RemoveCgroup"}
#: Of all that concerns cgroups, what the next run of the same plan finds as if it were the first.
_HARMLESS = _UNDOING | {"MakeCgroup", "OpenTasks", "JoinCgroup", "WriteCgroup", "ReadCgroupUsage", "LimitProcessorTime"}
_LIMITS = {"pids.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max", "memory.swap.max"}
#: What leaves something else on the host, or adds to what the run before left in the cgroup, or asks what is in it.
_OTHERS = {"NoteUndo", "ClaimState", "RunHook", "WriteDeviceRules", "AttachDeviceProgram", "CheckMemoryUse"}
SYS_ADMIN = 1 << CAPABILITIES.index("CAP_SYS_ADMIN")


class Pooled:
    """The two plans; `key` is equal for sandboxes whose runs can share a pool."""

    __slots__ = ("_made", "_plan", "key")

    def __init__(self, plan: Plan) -> None:
        """See pooled()."""
        self._plan = plan
        self._made = [operation for operation in plan.operations if isinstance(operation, MakeCgroup)]
        self.key = tuple((made.mount, made.path) for made in self._made)

    def folder(self, name: str) -> str:
        """One of those that are there for as long as the pool is."""
        return f"{self._made[0].mount.rstrip('/')}/{_named(self._made[0].path, name)}"

    def of_run(self, name: str) -> Plan:
        """The plan for a run that takes its cgroups from the pool of that name: it needs neither a note nor a guardian."""
        kept = [operation for operation in self._plan.operations if type(operation).__name__ not in _UNDOING]
        return Plan([self._changed(operation, name) for operation in kept], self._plan.places)

    def of_holder(self, name: str) -> Plan:
        """The plan of the process that makes the pool, and removes it when its caller ends."""
        operations: list[Operation] = [Supervise(init=False, guardian=True)]
        for operation in self._plan.operations:
            values = operation.values()
            if isinstance(operation, (KeepNote, EndNote)):
                operations.append(operation)
            elif isinstance(operation, (MakeCgroup, RemoveCgroup)):
                operations.append(type(operation)(**{**values, "path": _named(values["path"], name)}))
            if isinstance(operation, MakeCgroup) and operation.v2:
                lines = [f"+{controller}" for controller in (*operation.needed, *operation.wanted)]
                operations += [
                    WriteCgroup(
                        stage=at.CGROUP,
                        slot=operation.slot,
                        file="cgroup.subtree_control",
                        lines=[line],
                        alternative_lines=[],
                        optional=True,
                    )
                    for line in lines
                ]
        return Plan([*operations, HoldCgroups()])

    def _changed(self, operation: Operation, name: str) -> Operation:
        values = operation.values()
        if isinstance(operation, Supervise):
            return Supervise(**{**values, "guardian": False})
        if isinstance(operation, ReadCgroupUsage):
            return ReadCgroupUsage(**{**values, "path": _named(operation.path, name), "undo": 0, "slot": self._slot(operation.mount)})
        if not isinstance(operation, MakeCgroup):
            return operation
        read = [one for one in self._plan.operations if isinstance(one, ReadCgroupUsage) and one.mount == operation.mount]
        return TakeCgroup(
            mount=operation.mount,
            path=_named(operation.path, name),
            slot=operation.slot,
            v2=operation.v2,
            memory=any(one.memory for one in read),
            cpu=any(one.cpu for one in read),
            limits=_limits(self._plan, operation.slot),
            origin=operation.origin,
        )

    def _slot(self, mount: str) -> int:
        return next(made.slot for made in self._made if made.mount == mount)


def pooled(plan: Plan, uid: int) -> Pooled | None:
    """The two plans for runs of `plan` by the user `uid`; None where a run could find what another one left.

    Nobody inside may see the cgroup, whose counters go on, or change it: whoever is `uid`, to whom its files belong, is nobody there. And
    all who were in it must be dead when a run has ended, as with an init of ours in a pid namespace.
    """
    names = {type(operation).__name__ for operation in plan.operations}
    last = {type(operation).__name__ for operation in plan.operations if operation.stage == at.TEARDOWN}
    groups = {name for name in names if "Cgroup" in name}
    if "KeepNote" not in names or names & _OTHERS or not last <= _HARMLESS or not groups <= _HARMLESS:
        return None
    if not all(_fits(operation, operation.values(), uid) for operation in plan.operations):
        return None
    return Pooled(plan) if "MakeCgroup" in names and _is_hidden(plan) else None


def _is_hidden(plan: Plan) -> bool:
    """Whether nobody inside can see a hierarchy of cgroups: none is in what is shown of the host, and none can be mounted.

    That takes CAP_SYS_ADMIN, or a user namespace of one's own, which our filter refuses; what another one refuses is not looked into.
    """
    mounts = [operation.mount for operation in plan.operations if isinstance(operation, MakeCgroup)]
    filtered = bounded = False
    for operation in plan.operations:
        name, values = type(operation).__name__, operation.values()
        filtered |= name == "LoadSeccomp" and values["summary"].startswith(OWN) and not values["summary"].endswith("log")
        bounded |= name == "DropBounding" and not values["keep"] & SYS_ADMIN
        shown = values["path"] if name == "OpenSource" or (name == "OpenRoot" and values["recursive"]) else ""
        if shown and any(_is_below(shown, mount) or _is_below(mount, shown) for mount in mounts):
            return False
    return filtered and bounded


def _is_below(path: str, top: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{top.rstrip('/')}/")


def _fits(operation: Operation, values: dict[str, Any], uid: int) -> bool:
    name = type(operation).__name__
    if name == "MakeCgroup":
        return UNIQUE in values["path"].rpartition("/")[2]
    if name == "WriteCgroup":
        return values["file"] in _LIMITS and not values["alternative"]
    if name == "Supervise":
        return bool(values["init"])
    if name == "CreateProcess":
        return bool(values["flags"] & FLAGS["pid"] and values["flags"] & FLAGS["user"])
    return name != "WriteIdMap" or values["file"] != "uid_map" or not _maps(values["lines"], uid)


def _maps(lines: str, uid: int) -> bool:
    """Whether `uid` is somebody inside."""
    rows = [[int(word) for word in line.split()] for line in lines.splitlines()]
    return any(outside <= uid < outside + count for _, outside, count in rows)


def _named(path: str, name: str) -> str:
    return f"{path.rpartition('/')[0]}/{name}".lstrip("/")


def _limits(plan: Plan, slot: int) -> list[str]:
    """The files of the limits in `slot`, those that were set last first: what holds two of them together must not be in the way."""
    found = [one.file for one in plan.operations if isinstance(one, WriteCgroup) and one.slot == slot]
    return list(dict.fromkeys(reversed(found)))
