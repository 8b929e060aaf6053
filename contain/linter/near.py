"""The nearest name, remembered: the same slip stands in many documents."""

from __future__ import annotations

from functools import lru_cache

from contain.schema.support import nearest as _nearest


@lru_cache(maxsize=4096)
def nearest(word: str, choices: tuple[str, ...] | frozenset[str]) -> str:
    """The choice that is most likely meant, or nothing."""
    return _nearest(word, choices if isinstance(choices, tuple) else sorted(choices))
