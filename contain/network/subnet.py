"""Subnet: addresses, given out one after the other."""

from __future__ import annotations

from contain.errors import UsageError
from contain.network.faults import number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


class Subnet:
    """`10.90.0.0/16`; the addresses of one are taken in their order, and those that are free again last."""

    __slots__ = ("_first", "_last", "_next", "prefix", "wrapped")

    def __init__(self, given: str) -> None:
        """UsageError for what is none."""
        if not isinstance(given, str):
            raise UsageError(f"{given!r} is no subnet", remedy="write it as 10.90.0.0/16")
        base, _, prefix = given.partition("/")
        parts = base.split(".")
        if len(parts) != 4 or not all(part.isdecimal() and int(part) < 256 for part in parts) or not prefix.isdecimal():
            raise UsageError(f"{given!r} is no subnet", remedy="write it as 10.90.0.0/16")
        self.prefix = int(prefix)
        if not 8 <= self.prefix <= 29:
            raise UsageError(f"{given!r} is too small or too large", remedy="use a prefix from 8 to 29")
        size = 1 << (32 - self.prefix)
        start = number(base) & ~(size - 1)
        self._first, self._last, self._next = start + 1, start + size - 2, start + 1
        self.wrapped = False  # every address was taken once

    def __str__(self) -> str:
        """As it is written."""
        return f"{text(self._first - 1)}/{self.prefix}"

    def take(self, avoid: Collection[str] = ()) -> str:
        """The next address that is not one of those; StateError when there is none."""
        for _ in range(self._first, self._last + 1):
            if self._next > self._last:
                self._next, self.wrapped = self._first + 1, True  # the first one is the bridge's
            found, self._next = text(self._next), self._next + 1
            if found not in avoid:
                return found
        raise UsageError(f"all addresses of {self} are taken", remedy="give Network a larger subnet")
