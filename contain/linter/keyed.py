"""Pointers that name list items by what they are: `/mounts[destination=/data]/options` survives insertions, `/mounts/3/options` does not."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from contain.document.pointers import escape, split

#: the members that name an item of a list, most telling first
_KEYS = ("destination", "path", "name", "names", "digest", "containerID", "pageSize", "type", "id", "volume")


def pointer(document: Any, text: str) -> str:
    """The keyed form of a pointer."""
    parts = split(text)
    if not any(map(str.isdigit, parts)):
        return text
    result, value = "", document
    for part in parts:
        if value.__class__ is list and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
            result += _item(value, part)
            continue
        value = value.get(part) if value.__class__ is dict else None
        result += f"/{escape(part)}"
    return result


def _item(value: Any, index: str) -> str:
    if value.__class__ is str:
        return f"[{value}]"
    for key in _KEYS:
        named = value.get(key) if value.__class__ is dict else None
        if named.__class__ is list and named:
            named = named[0]
        if named.__class__ is str or named.__class__ is int:
            return f"[{key}={named}]"
    return f"/{index}"


def matches(wanted: str, key: str, plain: str) -> bool:
    """Whether an `at` of the settings means a place or something above it; `*` stands for anything."""
    return any(
        place == wanted or place.startswith((wanted + "/", wanted + "[")) or ("*" in wanted and fnmatchcase(place, wanted))
        for place in (key, plain)
    )
