"""Namespaces: which are new, which are joined, who is mapped to whom."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec


def namespaces(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family."""
    yield from ()
