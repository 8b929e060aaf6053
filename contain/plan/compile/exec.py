"""exec: a further process in a container that runs. It joins by init's pidfd, and has its limits, ids, filter and terminal as a first one has."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.compile.lifecycle import lifecycle
from contain.plan.compile.namespaces import FLAGS
from contain.plan.compile.process import process
from contain.plan.compile.resctrl import join as join_class
from contain.plan.compile.security import security
from contain.plan.compile.terminal import terminal
from contain.plan.operations.cgroup import JoinCgroup, OpenCgroup, OpenTasks, PlaceInCgroup
from contain.plan.operations.joining import AdoptContainer, JoinContainer
from contain.plan.operations.namespaces import BecomeRoot, CreateProcess
from contain.plan.operations.process import EnterFolder
from contain.plan.operations.security import LoadSeccomp
from contain.plan.operations.state import SendPidfd, WritePidFile
from contain.plan.operations.supervise import Supervise
from contain.plan.operations.terminal import OpenTerminal
from contain.plan.plan import Plan
from contain.plan.slots import Slots
from contain.state import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.spec.model import Spec

#: runc's exit code for an exec that failed
RUNC_EXEC_FAILURE = 255


class Target:
    """The container that is joined: where its state is, its cgroups, and whether id 0 of its user namespace is somebody."""

    __slots__ = ("below", "cgroups", "id", "ignore_paused", "init", "maps_root", "root")

    def __init__(
        self,
        root: str,
        id: str,
        cgroups: dict[str, str],
        *,
        maps_root: bool,
        ignore_paused: bool = False,
        below: bool = False,
        init: int = 0,
    ) -> None:
        """`cgroups` is controller → folder, `below` says that --cgroup chose them below the summary's; `init` is the first process."""
        self.root = root
        self.id = id
        self.cgroups = cgroups
        self.maps_root = maps_root
        self.ignore_paused = ignore_paused
        self.below = below
        self.init = init


def compile_exec(spec: Spec, host: Host, target: Target) -> Plan:
    """The plan of one further process; `spec` is the container's own with another process in it."""
    slots = Slots()
    operations = [*_affinity(spec), *_join(spec, host, target, slots), *join_class(spec, host, slots)]
    for family in (terminal, lifecycle, process, security):
        operations += family(spec, host, slots)
    operations = [_as_second(operation, target) for operation in operations]
    if spec.run.pid_file:
        operations.append(WritePidFile(path=spec.run.pid_file, origin="--pid-file"))
    if spec.run.pidfd_socket:
        operations.append(SendPidfd(path=spec.run.pidfd_socket, origin="--pidfd-socket"))
    return Plan([operation for operation in operations if operation.stage != at.TEARDOWN], spec.origins.places)


def compile_lend(target: Target, namespaces: Collection[str], operation: Operation) -> Plan:
    """The plan of a process that joins a few of the container's namespaces, does one thing for the caller, and executes nothing."""
    own = [kind for kind in FLAGS if kind in namespaces]
    operations: list[Operation] = [
        Supervise(guardian=False),
        AdoptContainer(root=target.root, id=target.id, verb="exec", force=True),
        JoinContainer(flags=sum(FLAGS[kind] for kind in own), types=" ".join(own)),
        CreateProcess(flags=0, types=""),
    ]
    if "user" in own and target.maps_root:
        operations.append(BecomeRoot())
    return Plan([*operations, operation])


def _join(spec: Spec, host: Host, target: Target, slots: Slots) -> Iterator[Operation]:
    # a kind that this kernel has not was left out when the container was made
    own = [kind for kind in FLAGS if kind in spec.namespaces() and (kind in host.namespaces or not host.namespaces)]
    timeout = int(spec.run.timeout * 1000) if spec.run.timeout else 0
    # what is executed in a container outlives whoever asked for it; but a terminal that was made raw must be put back
    relayed = bool(spec.config["process"].get("terminal")) and not spec.run.console_socket and not spec.run.detach
    yield Supervise(guardian=relayed, timeout=timeout, failure_code=RUNC_EXEC_FAILURE if spec.run.runc else 0)
    yield AdoptContainer(root=target.root, id=target.id, verb="exec", force=target.ignore_paused)
    for path, controller in {path: controller for controller, path in target.cgroups.items()}.items():
        slot = slots.new(f"cgroup/{path}")
        yield OpenCgroup(folder=path, slot=slot, origin="--cgroup" if target.below else "")
        if controller in {"", "-"}:
            yield PlaceInCgroup(slot=slot, folder=path)
        else:
            tasks = slots.new(f"tasks/{path}")
            yield OpenTasks(slot=slot, tasks=tasks)
            yield JoinCgroup(tasks=tasks, folder=path)
    yield JoinContainer(flags=sum(FLAGS[kind] for kind in own), types=" ".join(own))
    yield CreateProcess(flags=0, types="")
    if "user" in own and target.maps_root:
        yield BecomeRoot()


def _affinity(spec: Spec) -> Iterator[Operation]:
    """The processors before the cgroup is joined, and those from then on."""
    wanted = spec.config["process"].get("execCPUAffinity") or {}
    for name, stage in (("initial", at.JOIN), ("final", at.LOCK)):
        if wanted.get(name):
            from contain.plan.compile.scheduling import affinity

            yield affinity(spec, wanted[name], f"/process/execCPUAffinity/{name}", stage)


def _as_second(operation: Operation, target: Target) -> Operation:
    """/dev/console is the first process's, and so is the pid in the state that a seccomp agent gets; a folder that is missing is a mistake."""
    if isinstance(operation, LoadSeccomp) and operation.state:
        before, _, behind = operation.state.rpartition(layout.hole("pid"))  # the other one is the pid of whom the filter is for
        return LoadSeccomp(**{**operation.values(), "state": f"{before}{target.init}{behind}"})
    if isinstance(operation, OpenTerminal):
        return OpenTerminal(**{**operation.values(), "console": False})
    return EnterFolder(**{**operation.values(), "make": False}) if isinstance(operation, EnterFolder) else operation
