"""Limit: how much of an output stream is kept."""

from __future__ import annotations

KEEP = 1 << 20  # bytes of an output stream that are kept, head and tail together


class Limit:
    """How much of an output stream is kept, and what happens to more: `on_excess`.

    "both": the first and the last half are kept (what happens when nobody asked for a limit); "tail": the last bytes; "drain": the
    first ones, the others are read and dropped; "kill": the first ones, and the run ends with Reason.OUTPUT_LIMIT.
    """

    __slots__ = ("on_excess", "size")

    def __init__(self, size: int = KEEP, on_excess: str = "both") -> None:
        """`size` is in bytes, for each stream."""
        self.size = size
        self.on_excess = on_excess

    @property
    def head(self) -> int:
        """How many of the kept bytes are the first ones."""
        return {"both": self.size // 2, "tail": 0}.get(self.on_excess, self.size)
