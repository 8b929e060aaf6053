"""Where values stand in a sound JSON text: only the wanted pointers are followed, all else is skipped by json's own C scanner."""

from __future__ import annotations

from _json import make_scanner, scanstring

from contain.document.pointers import join, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain.document.scanner import Span


class _Plain:
    """What json's scanner wants to know: nothing special."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = float  # never fails on many digits; values are thrown away here
    parse_constant = float


_BLANK = " \t\n\r"
_BLANKS = frozenset(_BLANK)


def spans(text: str, pointers: list[str]) -> dict[str, Span]:
    """The places (start, end, start and end of the member name) of the pointers that exist, and of all their parents."""
    tree: dict[str, Any] = {}
    for pointer in pointers:
        node = tree
        for part in split(pointer):
            node = node.setdefault(part, {})
    found: dict[str, Span] = {}
    start = _skip(text, 1 if text[:1] == "\ufeff" else 0)
    scan = make_scanner(_Plain)  # type: ignore[arg-type]  # typeshed asks for a scanner to make one
    end = _value(text, start, "", tree, scan, found)
    found[""] = (start, end, 0, 0)
    return found


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _BLANKS:
        chunk = text[at : at + 64]
        at += len(chunk) - len(chunk.lstrip(_BLANK))
    return at


def _value(
    text: str, at: int, pointer: str, tree: dict[str, Any], scan: Callable[[str, int], tuple[object, int]], found: dict[str, Span]
) -> int:
    """Note the wanted values in the value that begins at `at`; the offset behind it."""
    opening = text[at]
    if not tree or opening not in "{[":
        return scan(text, at)[1]
    return (_object if opening == "{" else _array)(text, at + 1, pointer, tree, scan, found)


def _object(
    text: str, at: int, pointer: str, tree: dict[str, Any], scan: Callable[[str, int], tuple[object, int]], found: dict[str, Span]
) -> int:
    at = _skip(text, at)
    while text[at] != "}":
        name_start = at
        name, at = scanstring(text, at + 1, False)
        name_end = at
        start = _skip(text, _skip(text, at) + 1)
        if name in tree:
            here = join(pointer, name)
            at = _value(text, start, here, tree[name], scan, found)
            found[here] = (start, at, name_start, name_end)
        else:
            at = scan(text, start)[1]
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _array(
    text: str, at: int, pointer: str, tree: dict[str, Any], scan: Callable[[str, int], tuple[object, int]], found: dict[str, Span]
) -> int:
    end = scan(text, at - 1)[1]
    last = max(int(part) if part.isdigit() else -1 for part in tree)
    at = _skip(text, at)
    index = 0
    while index <= last and text[at] != "]":
        start = at
        part = str(index)
        if part in tree:
            here = f"{pointer}/{part}"
            at = _value(text, start, here, tree[part], scan, found)
            found[here] = (start, at, 0, 0)
        else:
            at = scan(text, start)[1]
        index += 1
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return end
