"""Who watches the container; and the frame around a plan: what has to be known before anything is changed, and undone after everything."""

from __future__ import annotations

from contain.errors import HostError
from contain.plan.compile import state
from contain.plan.compile.hooks import poststop
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
    if not state.needs_folder(spec, inner):
        return [*supervise(spec), *inner]
    begin = list(state.begin(spec, host, slots, cgroups))
    return [*supervise(spec), *begin, *inner, *state.end(spec, host, slots), *poststop(spec)]


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
    yield Supervise(
        init=init,
        timeout=int(run.timeout * 1000) if run.timeout else 0,
        parent_death=run.die_with_parent,
        guardian=True,
        failure_code=RUNC_FAILURE if run.runc else 0,
    )
    if run.cpu_time is not None:
        yield LimitProcessorTime(milliseconds=max(1, int(run.cpu_time * 1000)), origin="--cpu-time")
