"""One JSON list of objects, for programs."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:
    """All findings as one list."""
    return whole([[record(item, texts.get(item.file, "")) for item in diagnostics]])


def fragment(_: str, items: Sequence[Diagnostic], text: str) -> list[dict[str, Any]]:
    """The findings of one file."""
    return [record(item, text) for item in items]


def whole(fragments: Iterable[list[dict[str, Any]]]) -> str:
    """All files."""
    return "".join(pieces(fragments))


def pieces(fragments: Iterable[list[dict[str, Any]]]) -> Iterator[str]:
    """The same, one object after the other."""
    opening = "[\n  "
    for rows in fragments:
        for row in rows:
            yield opening + dumped(row, indent=2).replace("\n", "\n  ")
            opening = ",\n  "
    yield "[]\n" if opening[0] == "[" else "\n]\n"


def dumped(value: Any, indent: int | None = None) -> str:
    r"""A value as JSON in UTF-8, which cannot hold half characters (of strings, or bytes of a name that are not UTF-8): they are escaped, as \ud800."""
    text = dumps(value, indent=indent, ensure_ascii=False)
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return "".join(f"\\u{ord(letter):04x}" if "\ud800" <= letter <= "\udfff" else letter for letter in text)


def whole_letters(text: str) -> str:
    """The text for programs that take no half characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def record(item: Diagnostic, text: str) -> dict[str, Any]:
    """One finding: lines and columns from 1 in code points, `offset` in bytes of UTF-8."""
    position = item.position
    place: dict[str, Any] = {"line": None, "column": None, "end_line": None, "end_column": None, "offset": None, "end": None}
    if position:
        line, column = ends(position, text)
        offset = len(text[: position.offset].encode("utf-8", "surrogateescape"))
        size = len(text[position.offset : position.end].encode("utf-8", "surrogateescape"))
        place = {
            "line": position.line,
            "column": position.column,
            "end_line": line,
            "end_column": column,
            "offset": offset,
            "end": offset + size,
        }
    return {
        "id": item.id,
        "name": item.name,
        "severity": item.severity,
        "message": item.message,
        "file": item.file,
        "pointer": item.pointer,
        **place,
        "fix": item.fix,
        "page": item.page,
    }


def ends(position: Any, text: str) -> tuple[int, int]:
    """Line and column behind the last code point of a range."""
    line = position.line + text.count("\n", position.offset, position.end)
    return line, position.end - text.rfind("\n", 0, position.end) if text else position.column + position.end - position.offset
