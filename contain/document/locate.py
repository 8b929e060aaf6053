"""Where values stand in a sound JSON text: only the wanted pointers are followed, all else is skipped by json's own C scanner."""

from __future__ import annotations

from _json import make_scanner, scanstring

from contain.document.pointers import join, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain.document.scanner import Span

    Scan = Callable[[str, int], tuple[object, int]]


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
#: the key in a node of the tree of wanted places that says that the node itself is wanted; no member name is a number
_SELF = 0


def spans(text: str, pointers: list[str]) -> dict[str, Span]:
    """The places (start, end, start and end of the member name) of the pointers that exist, and of all their parents.

    Ends are right for the pointers themselves; of a parent only that its end lies behind its first character.
    """
    tree: dict[Any, Any] = {}
    for pointer in pointers:
        node = tree
        for part in split(pointer):
            node = node.setdefault(part, {})
        node[_SELF] = node
    found: dict[str, Span] = {}
    start = _skip(text, 1 if text[:1] == "\ufeff" else 0)
    scan = make_scanner(_Plain)  # type: ignore[arg-type]  # typeshed asks for a scanner to make one
    end = _value(text, start, "", tree, scan, found, False)
    found[""] = (start, end, 0, 0)
    return found


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _BLANKS:
        chunk = text[at : at + 64]
        at += len(chunk) - len(chunk.lstrip(_BLANK))
    return at


def _value(text: str, at: int, pointer: str, tree: dict[Any, Any], scan: Scan, found: dict[str, Span], onward: bool) -> int:  # noqa: FBT001
    """Note the wanted values in the value that begins at `at`; the offset behind it, if `onward` or the value itself is wanted."""
    opening = text[at]
    wanted = len(tree) - (_SELF in tree)
    if not wanted or opening not in "{[":
        return scan(text, at)[1]
    end = (_object if opening == "{" else _array)(text, at + 1, pointer, tree, scan, found, wanted)
    if end:
        return end
    return scan(text, at)[1] if onward or _SELF in tree else at + 1


def _object(text: str, at: int, pointer: str, tree: dict[Any, Any], scan: Scan, found: dict[str, Span], left: int) -> int:
    """The offset behind the object, or 0 when all that is wanted was found before its end."""
    at = _skip(text, at)
    while text[at] != "}":
        name_start = at
        name, at = scanstring(text, at + 1, False)
        name_end = at
        if text[at] != ":":
            at = _skip(text, at)
        start = at + 1
        if text[start] in _BLANKS:
            start += 1
            if text[start] in _BLANKS:
                start = _skip(text, start + 1)
        if name in tree:
            left -= 1
            here = join(pointer, name)
            at = _value(text, start, here, tree[name], scan, found, left > 0)
            found[here] = (start, at, name_start, name_end)
            if not left:
                return 0
        else:
            at = scan(text, start)[1]
        if text[at] in _BLANKS:
            at = _skip(text, at + 1)
        if text[at] == ",":
            at += 1
            if text[at] in _BLANKS:
                at += 1
                if text[at] in _BLANKS:
                    at = _skip(text, at + 1)
    return at + 1


def _array(text: str, at: int, pointer: str, tree: dict[Any, Any], scan: Scan, found: dict[str, Span], left: int) -> int:
    """The same for an array."""
    last = max([int(part) for part in tree if part.__class__ is str and part.isdigit()], default=-1)
    at = _skip(text, at)
    index = 0
    while text[at] != "]":
        if index > last:
            return 0
        start = at
        part = str(index)
        if part in tree:
            left -= 1
            here = f"{pointer}/{part}"
            at = _value(text, start, here, tree[part], scan, found, left > 0)
            found[here] = (start, at, 0, 0)
            if not left:
                return 0
        else:
            at = scan(text, start)[1]
        index += 1
        if text[at] in _BLANKS:
            at = _skip(text, at + 1)
        if text[at] == ",":
            at += 1
            if text[at] in _BLANKS:
                at += 1
                if text[at] in _BLANKS:
                    at = _skip(text, at + 1)
    return at + 1
