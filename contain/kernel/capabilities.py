"""Sets of capabilities, as /proc shows them."""

from __future__ import annotations

from contain.kernel.files import number
from contain.linux import CAPABILITIES


def names(mask: int) -> frozenset[str]:
    """The names of the bits set in `mask`; a bit that has no name yet is left out."""
    return frozenset(name for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1)


def last() -> int:
    """The number of the last capability that the running kernel knows."""
    found = number("/proc/sys/kernel/cap_last_cap")
    return len(CAPABILITIES) - 1 if found is None else found
