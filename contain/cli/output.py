"""How verbs print: tables for people, JSON for programs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded. Control characters are shown, not sent to the terminal."""
    cells = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)


def printable(text: str) -> str:
    """A text that is not ours, safe for a terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def json_text(value: object, *, indent: int | None = 2) -> str:
    """JSON as we print it everywhere."""
    import json

    return json.dumps(value, indent=indent, ensure_ascii=False)
