"""Operations of the family lifecycle: the gate between create and start, and taking over a container that another call made."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class MakeGate(Operation):
    """Makes the start fifo in the state folder and opens it (as a mere path) into `slot`, for init."""

    stage: int = at.OPEN
    slot: int

    def describe(self) -> str:
        """See the base."""
        return "make the start fifo"


class HoldDescriptors(Operation):
    """Opens init's own /proc/self/fd in the host's procfs into `slot`: the way to open the fifo once the host is out of view."""

    stage: int = at.PREPARE
    slot: int

    def describe(self) -> str:
        """See the base."""
        return "hold the own descriptors"


class WaitAtGate(Operation):
    """Waits until `start` opens the fifo for reading; from then on failures are reported through it. execve closes it."""

    stage: int = at.GATE
    fifo: int
    descriptors: int

    def describe(self) -> str:
        """See the base."""
        return "wait for start"


class LeaveContainer(Operation):
    """The caller goes when init waits at the gate (`at_gate`), or when the program was executed; nobody of ours stays to watch."""

    stage: int = at.OPEN
    at_gate: bool

    def describe(self) -> str:
        """See the base."""
        return "leave the container to its caller" + (" when it waits for start" if self.at_gate else " once it runs")
