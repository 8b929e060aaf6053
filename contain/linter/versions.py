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
    for parts, since in _table(kind, limit):
        if _begins(value, parts):
            yield from ((pointer, since) for pointer in _at(value, parts, ""))


@lru_cache
def _table(kind: str, limit: tuple[int, int]) -> list[tuple[list[str], str]]:
    """Parts of the path and the version, as it is written, of what came after a version."""
    rows = []
    for path, since in SINCE.get(kind, {}).items():
        major, minor = (int(part) for part in since.split(".")[:2])
        if (major, minor) > limit:
            rows.append((path.split("/")[1:], since))
    return rows


def _begins(value: Any, parts: list[str]) -> bool:
    """Whether the value has the path as far as the first list or map: mostly it has not, and nothing is to be looked for."""
    for part in parts:
        if part == "*":
            break
        if value.__class__ is not dict:
            return False
        value = value.get(part)
        if value is None:
            return False
    return True


def _at(value: Any, parts: list[str], at: str) -> Iterator[str]:
    if not parts:
        yield at
    elif parts[0] == "*":
        items = value.items() if value.__class__ is dict else enumerate(value) if value.__class__ is list else ()
        for key, child in items:
            yield from _at(child, parts[1:], join(at, key))
    elif value.__class__ is dict and value.get(parts[0]) is not None:
        yield from _at(value[parts[0]], parts[1:], join(at, parts[0]))
