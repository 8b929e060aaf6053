"""How rules read a document.

In the value that rules get, types are as the schema says; what has a finding of the schema is UNKNOWN, and members that are null are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.document.pointers import escape
from contain.linter.unknown import UNKNOWN, UnknowableError

if TYPE_CHECKING:
    from collections.abc import Iterator


def get(value: Any, *path: str) -> Any:
    """The value at a path of members, or None."""
    for part in path:
        if value is UNKNOWN:
            return UNKNOWN
        if value.__class__ is not dict:
            return None
        value = value.get(part)
    return value


def known(value: Any, *path: str) -> Any:
    """The same for a list or object of which every part must be known, since the rule concludes from what is not there."""
    found = get(value, *path)
    if found is UNKNOWN or (found.__class__ is list and any(item is UNKNOWN for item in found)):
        raise UnknowableError
    return found


def each(value: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Pointer and item of the list at a path; items that are not known are passed over."""
    items = get(value, *path)
    if items is UNKNOWN:
        raise UnknowableError
    if items.__class__ is list:
        base = "".join(f"/{escape(part)}" for part in path)
        for index, item in enumerate(items):
            if item is not UNKNOWN:
                yield f"{base}/{index}", item


def entries(value: Any, *path: str) -> Iterator[tuple[str, str, Any]]:
    """Pointer, name and value of the members of the object at a path."""
    members = get(value, *path)
    if members is UNKNOWN:
        raise UnknowableError
    if members.__class__ is dict:
        base = "".join(f"/{escape(part)}" for part in path)
        for name, item in members.items():
            if item is not None:
                yield f"{base}/{escape(name)}", name, item


def has_namespace(config: Any, kind: str) -> bool:
    """Whether the container has an own namespace of a kind, new or joined."""
    return any(item.get("type") == kind for item in known(config, "linux", "namespaces") or ())


def namespace(config: Any, kind: str) -> tuple[str, Any] | None:
    """Pointer and entry of the namespace of a kind."""
    items = known(config, "linux", "namespaces") or ()
    return next(((f"/linux/namespaces/{index}", item) for index, item in enumerate(items) if item.get("type") == kind), None)


def pruned(value: Any, poisoned: frozenset[str], at: str = "") -> Any:
    """The value with UNKNOWN for what has a finding, and without members that are null; the original is left as it is."""
    if value.__class__ is dict:
        result = {}
        for name, child in value.items():
            pointer = f"{at}/{escape(name)}"
            if pointer in poisoned:
                result[name] = UNKNOWN
            elif child is not None:
                result[name] = pruned(child, poisoned, pointer)
        return result
    if value.__class__ is list:
        return [UNKNOWN if f"{at}/{index}" in poisoned else pruned(child, poisoned, f"{at}/{index}") for index, child in enumerate(value)]
    return value
