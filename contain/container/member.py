"""What a container needs of a network: a place in it. contain.network gives these; nothing below knows how."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Member(Protocol):
        """A place in a network, for one run."""

        name: str
        address: str
        holder: int  # the descriptor by which the launcher finds the network

        def values(self, operation: str) -> dict[str, Any]:
            """What the run's own plan has in an operation of this name."""

        def started(self) -> None:
            """The run has its link."""

        def leave(self) -> None:
            """The run has ended, or was not started; called more than once."""

    class Network(Protocol):
        """What Sandbox(network=…) takes beside words."""

        @property
        def hosts(self) -> str:
            """The file that says where members are, shown as their /etc/hosts."""

        def attach(self, name: str, *, above: int) -> Member:
            """A place for one run; its descriptor's number is above that."""
