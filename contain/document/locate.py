"""Where values stand in a sound JSON text: only the wanted pointers are followed, all else is skipped by json's own C scanner.

Most member names stand in a document once. Such a name is found by searching for it, and what is before it need not be read at all.
"""

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
#: in a member name these may be written in more than one way
_MANY_WAYS = frozenset('"\\/\b\f\n\r\t')


def spans(text: str, pointers: list[str], value: object) -> dict[str, Span]:
    """The places (start, end, start and end of the member name) of the pointers that exist in `value`, which is what the text says.

    Of a pointer that does not exist its nearest parent is there. Ends are right for the pointers themselves; of a parent only that its end lies
    behind its first character.
    """
    found: dict[str, Span] = {"": (_skip(text, 1 if text[:1] == "\ufeff" else 0), len(text.rstrip(_BLANK)), 0, 0)}
    names: dict[str, int] = {}
    #: from where to read on → the tree of what is wanted there
    trees: dict[str, dict[Any, Any]] = {}
    escapes = "\\" in text and "\\u" in text
    scan = make_scanner(_Plain)  # type: ignore[arg-type]  # typeshed asks for a scanner to make one
    for pointer in dict.fromkeys(pointers):
        raw = pointer.split("/")
        parts = split(pointer) if "~" in pointer else raw[1:]
        have, item = _existing(value, parts)
        depth = top = len(have)
        if item and not escapes and _once(text, item, names) >= 0:
            found[pointer] = (names[item], names[item] + len(item) + 2, 0, 0)
            continue
        while top and (escapes or have[top - 1] is None or _once(text, have[top - 1], names) < 0):
            top -= 1
        begin = "/".join(raw[: top + 1])
        if begin not in found:
            found[begin] = _named(text, names[parts[top - 1]], len(parts[top - 1]) + 2)
        if top == depth:
            if top and depth == len(parts):
                at, _, name_start, name_end = found[begin]
                found[begin] = (at, scan(text, at)[1], name_start, name_end)
            continue  # where the document ends is known, and of a parent only the beginning is wanted
        node = trees.setdefault(begin, {})
        for part in parts[top:depth]:
            node = node.setdefault(part, {})
        if depth == len(parts):
            node[_SELF] = node
    for begin, tree in trees.items():
        _value(text, found[begin][0], begin, tree, scan, found, False)
    return found


def _existing(value: Any, parts: list[str]) -> tuple[list[Any], str]:
    """The parts of a pointer that exist: names of members, and None for items of lists; and the value, if it is a string in a list."""
    have: list[Any] = []
    for part in parts:
        if value.__class__ is dict:
            if part not in value:
                break
            value = value[part]
            have.append(part)
        elif value.__class__ is list and part.isdecimal() and str(int(part)) == part and int(part) < len(value):
            value = value[int(part)]
            have.append(None)
        else:
            break
    item = value if have and have[-1] is None and value.__class__ is str and len(have) == len(parts) else ""
    return have, item


def _once(text: str, name: str, names: dict[str, int]) -> int:
    """Where a string that the text has as a value or name stands, if that must be there since it stands nowhere else; else -1."""
    if name not in names:
        quoted = f'"{name}"'
        at = -1 if not _MANY_WAYS.isdisjoint(name) else text.rfind(quoted)
        names[name] = at if at >= 0 and text.find(quoted, 0, at + len(quoted)) == at else -1
    return names[name]


def _named(text: str, at: int, size: int) -> Span:
    """The place of the value of the member whose name stands at `at`; of its end, that it is not at its beginning."""
    end = at + size
    start = _skip(text, end) + 1  # behind the colon
    if text[start] in _BLANKS:
        start = _skip(text, start)
    return start, start + 1, at, end


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
        return scan(text, at)[1] if onward or _SELF in tree else at + 1
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
