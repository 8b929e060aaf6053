"""How verbs print: tables for people, JSON for programs."""

from __future__ import annotations

import posix
import sys

from contain.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded. Control characters are shown, not sent to the terminal."""
    cells = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)


def complain(lines: Iterable[str]) -> None:
    """An error's lines to stderr. Nobody need be able to read them: the exit code says it too."""
    try:
        print("\n".join(lines), file=sys.stderr, flush=True)
    except OSError:  # what the stream still holds goes nowhere: else Python flushes it at exit, fails and exits with a code of its own
        posix.dup2(posix.open("/dev/null", posix.O_WRONLY), 2)


def json_text(value: object, *, indent: int | None = 2) -> str:
    """JSON as we print it everywhere; with a path that is no UTF-8 in it all but ASCII is escaped, so that it can still be read."""
    import json

    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
