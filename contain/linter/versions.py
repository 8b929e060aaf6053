"""Which members came with which version of a specification: the `x-since` of the schemas, as tables."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from contain.document.pointers import join
from contain.schema.generated.outlines import SINCE

if TYPE_CHECKING:
    from collections.abc import Iterator


def newer(kind: str, value: Any, version: tuple[int, int, int, str]) -> Iterator[tuple[str, str]]:
    """Pointer and version of every member that is newer than `version`; a pre-release counts as the next minor."""
    limit = (version[0], version[1] + 1) if version[3] else (version[0], version[1])
    for parts, number, since in _table(kind):
        if number > limit and (parts[0] == "*" or parts[0] in value):
            yield from ((pointer, since) for pointer in _at(value, parts, ""))


@lru_cache
def _table(kind: str) -> list[tuple[list[str], tuple[int, int], str]]:
    """Parts of the path, major and minor, and the version as it is written."""
    rows = []
    for path, since in SINCE.get(kind, {}).items():
        major, minor = (int(part) for part in since.split(".")[:2])
        rows.append((path.split("/")[1:], (major, minor), since))
    return rows


def _at(value: Any, parts: list[str], at: str) -> Iterator[str]:
    if not parts:
        yield at
    elif parts[0] == "*":
        items = value.items() if value.__class__ is dict else enumerate(value) if value.__class__ is list else ()
        for key, child in items:
            yield from _at(child, parts[1:], join(at, key))
    elif value.__class__ is dict and value.get(parts[0]) is not None:
        yield from _at(value[parts[0]], parts[1:], join(at, parts[0]))
