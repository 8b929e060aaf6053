"""How rules read a document.

In the value that rules get, types are as the schema says; what has a finding of the schema is UNKNOWN, and members that are null are left out.
"""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

from contain.document.pointers import escape
from contain.linter.unknown import UNKNOWN, UnknowableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: lists up to this length share their items' pointers between documents
_SHORT = 1024


def once(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What many rules ask of the same document, found once: remembers the answer for the last one.

    Every run of the engine has a top-level object of its own, so an answer is never older than what it is about.
    """
    last: tuple[Any, Any] = (None, None)

    @wraps(function)
    def remembered(value: Any) -> Any:
        nonlocal last
        known, answer = last
        if known is not value:
            answer = function(value)
            last = value, answer
        return answer

    return remembered


def once_each(function: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterable[Any]]:
    """The same for a generator; one that stops at something unknown does so each time, after the same items."""

    @once
    def collected(value: Any) -> tuple[list[Any], Exception | None]:
        items = []
        try:
            for item in function(value):
                items.append(item)  # noqa: PERF402  what came before an exception counts
        except Exception as error:  # noqa: BLE001  it is raised again below
            return items, error
        return items, None

    @wraps(function)
    def remembered(value: Any) -> Iterable[Any]:
        items, error = collected(value)
        return _stopping(items, error) if error else items

    return remembered


def _stopping(items: list[Any], error: Exception) -> Iterator[Any]:
    yield from items
    raise error


def get(value: Any, *path: str) -> Any:
    """The value at a path of members, or None."""
    for part in path:
        if value.__class__ is not dict:
            return UNKNOWN if value is UNKNOWN else None
        value = value.get(part)
    return value


def known(value: Any, *path: str) -> Any:
    """The same for a list or object of which every part must be known, since the rule concludes from what is not there."""
    found = get(value, *path)
    if found is UNKNOWN or (found.__class__ is list and [True for item in found if item is UNKNOWN]):
        raise UnknowableError
    return found


def each(value: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Pointer and item of the list at a path; items that are not known are passed over."""
    items = get(value, *path)
    if items is UNKNOWN:
        raise UnknowableError
    if items.__class__ is not list or not items:
        return iter(())
    size = len(items)
    found = zip(_places(path, 1 << size.bit_length()) if size <= _SHORT else _numbered(path, size), items, strict=False)
    if [True for item in items if item is UNKNOWN]:
        return iter([(pointer, item) for pointer, item in found if item is not UNKNOWN])
    return found


@lru_cache(maxsize=1024)
def _base(path: tuple[str, ...]) -> str:
    return "".join(f"/{escape(part)}" for part in path)


@lru_cache(maxsize=512)
def _places(path: tuple[str, ...], size: int) -> tuple[str, ...]:
    return tuple(_numbered(path, size))


def _numbered(path: tuple[str, ...], size: int) -> Iterator[str]:
    base = _base(path)
    return (f"{base}/{index}" for index in range(size))


def entries(value: Any, *path: str) -> Iterator[tuple[str, str, Any]]:
    """Pointer, name and value of the members of the object at a path."""
    members = get(value, *path)
    if members is UNKNOWN:
        raise UnknowableError
    if members.__class__ is dict:
        base = _base(path)
        for name, item in members.items():
            if item is not None:
                yield f"{base}/{escape(name)}", name, item


def has_namespace(config: Any, kind: str) -> bool:
    """Whether the container has an own namespace of a kind, new or joined."""
    return kind in _namespaces(config)


@once
def _namespaces(config: Any) -> list[Any]:
    return [item.get("type") for item in known(config, "linux", "namespaces") or ()]


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
