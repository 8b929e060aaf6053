"""A mapping of the caller's as a Document: it never was a text, so its places are JSON pointers alone."""

from __future__ import annotations

import posix

from contain.document.model import Document, Position, Problem
from contain.document.pointers import join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: deeper than any manifest, and the end of one that holds itself
DEPTH = 100
_NOWHERE = Position(1, 1, 0, 0)


def of(value: Mapping[str, Any], name: str) -> Document:
    """A copy, in JSON's own types: tuples are lists, paths are strings; what JSON has no word for stands in `problems`."""
    found = Document(name, b"", "")
    found.is_text = False
    found.value = _copy(value, "", found.problems)
    return found


def _copy(value: object, pointer: str, problems: list[Problem]) -> object:
    if value is None or value.__class__ in (bool, int):
        return value
    if isinstance(value, str) or hasattr(value.__class__, "__fspath__"):
        return _text(value, pointer, problems)
    if value.__class__ is float:
        if value in (float("inf"), float("-inf")) or value != value:  # noqa: PLR0124  NaN is not itself
            problems.append(Problem("DOC101", f"{value} is no number of JSON", _NOWHERE, pointer))
        return value
    if pointer.count("/") >= DEPTH:
        problems.append(Problem("DOC001", f"more than {DEPTH} objects and lists within each other", _NOWHERE, pointer))
        return None
    if isinstance(value, (list, tuple)):
        return [_copy(item, f"{pointer}/{index}", problems) for index, item in enumerate(value)]
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return _members(value, pointer, problems)
    problems.append(Problem("DOC001", f"JSON has no word for {_kind(value)}", _NOWHERE, pointer))
    return None


def _members(value: Any, pointer: str, problems: list[Problem]) -> dict[str, object]:
    found = {}
    for key in value.keys():  # noqa: SIM118  any Mapping, by what it has
        if not isinstance(key, str):
            problems.append(Problem("DOC001", f"a member's name is a string, not {_kind(key)}", _NOWHERE, pointer))
            continue
        found[str(key)] = _copy(value[key], join(pointer, key), problems)
    return found


def _text(value: Any, pointer: str, problems: list[Problem]) -> str:
    text = posix.fspath(value)
    if not isinstance(text, str):
        problems.append(Problem("DOC001", f"JSON has no word for {_kind(text)}", _NOWHERE, pointer))
        return ""
    if "\0" in text:
        problems.append(Problem("DOC008", "a string holds NUL, which no path, argument or variable can", _NOWHERE, pointer))
    try:
        text.encode("utf-8", "surrogateescape")  # bytes of a path, as os.fsdecode has them
    except UnicodeEncodeError:
        problems.append(Problem("DOC007", "a string holds half of a surrogate pair, which is no character", _NOWHERE, pointer))
    return str(text)


def _kind(value: object) -> str:
    return f"a value of type {value.__class__.__name__}"
