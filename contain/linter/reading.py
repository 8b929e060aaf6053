"""How rules read a document: what is absent, or has a finding of the schema already, is passed over.

In the value that rules get, members with a finding are left out and list items with one are None, so types are as the schema says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.document.pointers import escape

if TYPE_CHECKING:
    from collections.abc import Iterator


def get(value: Any, *path: str) -> Any:
    """The value at a path of members, or None."""
    for part in path:
        if value.__class__ is not dict:
            return None
        value = value.get(part)
    return value


def each(value: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Pointer and item of the list at a path."""
    items = get(value, *path)
    if items.__class__ is list:
        base = "".join(f"/{escape(part)}" for part in path)
        for index, item in enumerate(items):
            if item is not None:
                yield f"{base}/{index}", item


def entries(value: Any, *path: str) -> Iterator[tuple[str, str, Any]]:
    """Pointer, name and value of the members of the object at a path."""
    members = get(value, *path)
    if members.__class__ is dict:
        base = "".join(f"/{escape(part)}" for part in path)
        for name, item in members.items():
            if item is not None:
                yield f"{base}/{escape(name)}", name, item


def has_namespace(config: Any, kind: str) -> bool:
    """Whether the container has an own namespace of a kind, new or joined."""
    return any(item.get("type") == kind for _, item in each(config, "linux", "namespaces"))


def namespace(config: Any, kind: str) -> tuple[str, Any] | None:
    """Pointer and entry of the namespace of a kind."""
    return next(((pointer, item) for pointer, item in each(config, "linux", "namespaces") if item.get("type") == kind), None)


def pruned(value: Any, poisoned: frozenset[str], at: str = "") -> Any:
    """The value without what has a finding, and without members that are null; the original is left as it is."""
    if value.__class__ is dict:
        result = {}
        for name, child in value.items():
            pointer = f"{at}/{escape(name)}"
            if child is not None and pointer not in poisoned:
                result[name] = pruned(child, poisoned, pointer)
        return result
    if value.__class__ is list:
        return [None if f"{at}/{index}" in poisoned else pruned(child, poisoned, f"{at}/{index}") for index, child in enumerate(value)]
    return value
