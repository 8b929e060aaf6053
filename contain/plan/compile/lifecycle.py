"""The gate between create and start, and who stays to watch."""

from __future__ import annotations

from contain.plan.operations.lifecycle import HoldDescriptors, LeaveContainer, MakeGate, WaitAtGate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec


def lifecycle(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family: none for a run that is watched to its end."""
    del host
    if spec.run.contract == "create":
        fifo, descriptors = slots.new("gate/fifo"), slots.new("gate/descriptors")
        yield MakeGate(slot=fifo)
        yield HoldDescriptors(slot=descriptors)
        yield WaitAtGate(fifo=fifo, descriptors=descriptors)
        yield LeaveContainer(at_gate=True)
    elif spec.run.detach:
        yield LeaveContainer(at_gate=False)
