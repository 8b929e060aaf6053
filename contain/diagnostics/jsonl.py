"""One JSON object a line, for programs that read as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.diagnostics.json import dumped, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:
    """All findings, each on a line."""
    return "".join(dumped(record(item, texts.get(item.file, ""))) + "\n" for item in diagnostics)


def fragment(file: str, items: Sequence[Diagnostic], text: str) -> str:
    """The findings of one file."""
    return render(items, {file: text} | {item.file: text for item in items})


def whole(fragments: Iterable[str]) -> str:
    """All files."""
    return "".join(fragments)
