"""Who watches the container; and the frame around a plan: what has to be known before anything is changed, and undone after everything."""

from __future__ import annotations

from contain.errors import HostError
from contain.linux import RLIMITS
from contain.plan import stage as at
from contain.plan.compile import state
from contain.plan.compile.cgroup import DELEGATE, slot_of
from contain.plan.compile.cgroup_groups import group_of, where
from contain.plan.operations.process import LimitResource
from contain.plan.operations.supervise import LimitProcessorTime, Supervise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: runc's contract: whatever fails of ours
RUNC_FAILURE = 1


def frame(spec: Spec, host: Host, slots: Slots, inner: list[Operation], cgroups: list[tuple[str, str]]) -> list[Operation]:
    """The operations of all other families with what comes before and behind them: whether there is a state folder depends on them."""
    inner = [*_processor_time(spec, host, slots), *inner]  # first: of `go` execve is the last
    if not state.needs_folder(spec, inner):
        return [*supervise(spec), *inner]
    begin = list(state.begin(spec, host, slots, cgroups))
    return [*supervise(spec), *begin, *inner, *state.end(spec, host, slots), *_poststop(spec)]


def _poststop(spec: Spec) -> Iterator[Operation]:
    if spec.config["hooks"].get("poststop"):
        from contain.plan.compile.hooks import poststop

        yield from poststop(spec)


def supervise(spec: Spec) -> Iterator[Operation]:
    """The operations of the family."""
    run = spec.run
    init = run.init
    if init and spec.namespaces().get("pid") != "":
        raise HostError(
            "an init of contain's own needs a new pid namespace",
            place=spec.origins.place("--init"),
            remedy="add a pid namespace without a path to linux.namespaces, or pass --no-init",
        )
    if init and ((spec.config["linux"].get("resources") or {}).get("pids") or {}).get("limit") == 1:
        raise HostError(
            "a limit of one process leaves none for the command",
            place=spec.origins.place("/linux/resources/pids/limit"),
            cause="contain's own init is the first",
            remedy="give at least 2, or --no-init",
        )
    yield Supervise(
        init=init,
        timeout=int(run.timeout * 1000) if run.timeout else 0,
        parent_death=run.die_with_parent,
        guardian=True,
        failure_code=RUNC_FAILURE if run.runc else 0,
    )


def _processor_time(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The limit of all processes together needs a cgroup; without one only a limit of each process can be had."""
    seconds = spec.run.cpu_time
    if seconds is None:
        return
    controller = "cpuacct" if "cpuacct" in host.cgroup.hierarchies else ""
    group = group_of(controller, where(spec, host), host)
    if group:
        yield LimitProcessorTime(milliseconds=max(1, int(seconds * 1000)), slot=slot_of(group, slots), v2=group.v2, origin="--cpu-time")
        return
    if "cpu-time" not in spec.run.allow_missing:
        raise HostError(
            "the processor time of all processes together cannot be limited",
            place=spec.origins.place("--cpu-time"),
            cause=host.cgroup.reason or "no cgroup can be made",
            remedy=f"{DELEGATE}; or pass --allow-missing cpu-time to limit each process alone",
        )
    limit = -int(-seconds // 1)
    yield LimitResource(stage=at.GO, name="RLIMIT_CPU", number=RLIMITS.index("RLIMIT_CPU"), soft=limit, hard=limit, origin="--cpu-time")
