"""What is done in a network that exists: a process of the launcher enters it, does it, and is gone."""

from __future__ import annotations

from errno import ENOENT

from contain.container import steps
from contain.container.steps import Launch, drive
from contain.container.streams import DEVNULL, Streams
from contain.errors import LaunchError, MissingFeature
from contain.plan.compile.network import compile_within
from contain.plan.encode import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from contain.host.model import Host
    from contain.plan.operation import Operation

#: operation that fails with ENOENT → the options of the kernel that it needs
_OPTIONS = {
    "SetFilters": "CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_BPF",
    "SetQueue": "CONFIG_NET_SCH_TBF",
    "AddMember": "CONFIG_NET_CLS_BPF, CONFIG_NET_SCH_TBF or CONFIG_NET_SCH_NETEM",
}
NETEM = "CONFIG_NET_SCH_NETEM"


class Work:
    """One such process: drive `steps`, then settle(); close() in any case."""

    __slots__ = ("_operations", "_streams", "launch", "steps")

    def __init__(self, host: Host, holder: int, operations: Sequence[Operation]) -> None:
        """Spawns it."""
        self._operations = operations
        self._streams = Streams(stdout=DEVNULL, stderr=DEVNULL)
        try:
            self.launch = Launch(encode(compile_within(host, holder, operations)), self._streams, (holder,))
        except BaseException:
            self._streams.close()
            raise
        self.steps = steps.run(self.launch, self._streams, ["network"])

    def take(self) -> list[int]:
        """The descriptors that it sent."""
        found, self.launch.lent = self.launch.lent, []
        return found

    def explain(self, problem: LaunchError) -> LaunchError | MissingFeature:
        """The error with its cause: a feature that the kernel lacks has an own one."""
        record = self.launch.result
        if record is None or record.error != ENOENT:
            return problem
        failed = self._operations[record.operation - 2]  # from 1, and the first one enters the network
        option = NETEM if failed.values().get("delay") or failed.values().get("jitter") else _OPTIONS.get(type(failed).__name__, "")
        return missing(option) if option else problem

    def close(self) -> None:
        """Frees what was not taken."""
        self.launch.close()
        self._streams.close()


def missing(option: str) -> MissingFeature:
    """The error for a kernel without it."""
    if option == NETEM:
        return MissingFeature(
            "this kernel cannot delay packets",
            cause=f"it was built without {NETEM}, or its module is not loaded",
            remedy="modprobe sch_netem as root, or another kernel; cut, loss and rate need it not",
        )
    return MissingFeature("this kernel lacks what the fault needs", cause=f"it was built without {option}")


def now(work: Work) -> list[int]:
    """Drives it in this thread; the descriptors that it sent."""
    try:
        drive(work.steps)
        return work.take()
    except LaunchError as problem:
        raise work.explain(problem) from None
    finally:
        work.close()
