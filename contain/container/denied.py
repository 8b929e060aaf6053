"""What the filter refused, and who asked for it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Denied:
    """A system call that the filter did not allow: its name, how often it was asked for, and who asked first."""

    __slots__ = ("count", "pid", "syscall")

    def __init__(self, syscall: str, pid: int, count: int) -> None:
        """`pid` is the host's number of the thread that asked first."""
        self.syscall = syscall
        self.pid = pid
        self.count = count

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return {slot: getattr(self, slot) for slot in self.__slots__}

    def __repr__(self) -> str:
        """The call and how often."""
        return f"Denied({self.syscall!r}, count={self.count})"
