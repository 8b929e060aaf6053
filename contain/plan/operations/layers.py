"""Operations of the family layers: throw-away layers, and the root under one."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class MakeLayers(Operation):
    """Makes the file system in memory that holds all throw-away layers of the run, `size` bytes together, into `slot`."""

    stage: int = at.PREPARE
    size: int
    slot: int

    def describe(self) -> str:
        """See the base."""
        return f"make room for throw-away layers: {self.size} bytes"


class OverlayRoot(Operation):
    """Lays a throw-away layer over the root, which stays as it is on disk."""

    remedies = {
        "EINVAL": "the root's file system can be no lower folder of an overlay: run without --overlay",
        "ENODEV": "load the module overlay",
    }

    stage: int = at.PREPARE
    path: str
    propagation: int
    layers: int
    options: list[str]

    def describe(self) -> str:
        """See the base."""
        return f"lay a throw-away layer over the root {self.path}"
