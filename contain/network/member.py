"""Member: one run's place in a network."""

from __future__ import annotations

import os

from contain.network.faults import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.network.network import Network


class Member:
    """A place; `name` is "" for one that nobody looks for by a name."""

    __slots__ = ("_link", "_replaced", "address", "holder", "name", "network", "setting")

    def __init__(self, network: Network, name: str, address: str, link: int, replaced: int, holder: int) -> None:
        """`link` is the index of the bridge's end, `replaced` that of an earlier member there; `holder` a descriptor of this one's own."""
        self.network, self._link, self._replaced = network, link, replaced
        self.name, self.address, self.holder = name, address, holder
        self.setting = Setting()

    def __repr__(self) -> str:
        """Name and address."""
        return f"Member({self.name!r}, {self.address})"

    def values(self, operation: str) -> dict[str, Any]:
        """See contain.container.member."""
        if operation == "EnterNetwork":
            return {"holder": self.holder}
        if operation == "AddMember":
            own = {"link": self._link, "replaces": self._replaced, "address": self.address, "prefix": self.network.prefix}
            return {**own, **self.setting.fields()}
        return {"name": self.name} if operation == "SetHostname" and self.name else {}

    def started(self) -> None:
        """See contain.container.member."""
        self.network.settle(self)

    def leave(self) -> None:
        """See contain.container.member."""
        if self.holder >= 0:
            os.close(self.holder)
            self.holder = -1
            self.network.release(self)
