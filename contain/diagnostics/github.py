"""Workflow commands that GitHub shows as annotations: errors first, since it shows ten of a level a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.diagnostics.json import ends
from contain.diagnostics.model import SEVERITIES
from contain.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:
    """All findings."""
    return whole([_rows(diagnostics, texts)])


def fragment(file: str, items: Sequence[Diagnostic], text: str) -> list[tuple[int, str]]:
    """The findings of one file."""
    return _rows(items, {file: text} | {item.file: text for item in items})


def whole(fragments: Iterable[list[tuple[int, str]]]) -> str:
    """All files, errors first."""
    return "".join(pieces(list(fragments)))


def pieces(fragments: Iterable[list[tuple[int, str]]]) -> Iterator[str]:
    """The same, line by line; the fragments are gone through once for each severity."""
    for severity in range(len(SEVERITIES)):
        yield from (line for rows in fragments for level, line in rows if level == severity)


def _rows(items: Sequence[Diagnostic], texts: Mapping[str, str]) -> list[tuple[int, str]]:
    return [(SEVERITIES.index(item.severity), _line(item, texts.get(item.file, ""))) for item in items]


def _line(item: Diagnostic, text: str) -> str:
    fields = [f"file={_value(item.file)}"]
    if item.position:
        line, column = ends(item.position, text)
        fields += [f"line={item.position.line}", f"endLine={line}"]
        # GitHub shows columns only when a range stays on its line
        fields += [f"col={item.position.column}", f"endColumn={column}"] if line == item.position.line else []
    fields.append(f"title={_value(f'{item.id} {item.name}')}")
    words = f"{item.message} ({item.pointer})" if item.pointer else item.message
    return f"::{_LEVELS[item.severity]} {','.join(fields)}::{_message(words)}\n"


def _message(text: str) -> str:
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _value(text: str) -> str:
    return _message(text).replace(",", "%2C").replace(":", "%3A")
