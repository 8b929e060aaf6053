"""For people at a terminal: place and words, the line with a caret below the range, and the fix.

Engines write documents of one line of 10 kB, so the line is shown as a window round the range, and the pointer stands beside it.
"""

from __future__ import annotations

from contain.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic
    from contain.document import Position

_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "info": "\x1b[1;36m"}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str], *, colour: bool = False, width: int = 100) -> str:
    """All findings, a blank line between them; `texts` holds each file's text for the excerpts."""
    return "\n".join(one(item, texts.get(item.file, ""), colour=colour, width=width) for item in diagnostics)


def fragment(file: str, items: Sequence[Diagnostic], text: str, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """The findings of one file: errors and warnings with their lines, then advice on one line each."""
    advice = [] if verbose else [item for item in items if item.id.startswith("SEC") and item.severity != "error"]
    shown = [item for item in items if item not in advice]
    blocks = [one(item, text, colour=colour, width=width) for item in shown]
    if advice:
        title = f"{printable(file)}: security advice"
        rows = [f"  {item.position.line if item.position else 1}: {printable(item.message)} [{item.id} {item.name}]" for item in advice]
        blocks.append("\n".join([f"{_BOLD}{title}{_PLAIN}" if colour else title, *rows]) + "\n")
    return "".join(block + "\n" for block in blocks)


def whole(fragments: Iterable[str]) -> str:
    """All files."""
    return "".join(fragments)


def one(item: Diagnostic, text: str, *, colour: bool = False, width: int = 100) -> str:
    """One finding, some lines, the last one ended."""
    severity = f"{_COLOURS[item.severity]}{item.severity}{_PLAIN}" if colour else item.severity
    where = printable(item.place)
    place = f"{_BOLD}{where}{_PLAIN}" if colour else where
    lines = [f"{place}: {severity}: {printable(item.message)} [{item.id} {item.name}]"]
    if item.position and text:
        lines += excerpt(text, item.position, width)
    if item.pointer:
        lines.append(f"  at {printable(item.pointer)}")
    if item.fix:
        lines.append(f"  fix: {printable(item.fix)}")
    return "\n".join(lines) + "\n"


def excerpt(text: str, position: Position, width: int = 100) -> list[str]:
    """The line of a position, cut to a window, and carets below the range."""
    start = position.offset - position.column + 1
    end = text.find("\n", start)
    line = _flat(text[start : end if end >= 0 else len(text)])
    first = position.column - 1
    last = max(first + 1, min(first + position.end - position.offset, len(line)))
    margin = f"{position.line:>5} | "
    room = max(20, width - len(margin))
    if len(line) > room:
        # a third of the window stands before the range
        left = max(0, min(first - room // 3, len(line) - room))
        right = left + room
        line = ("…" if left else "") + line[left + bool(left) : right - (right < len(line))] + ("…" if right < len(line) else "")
        first, last = first - left, min(last, right) - left
    return [f"{margin}{line}".rstrip(), f"{' ' * 5} | {' ' * first}{'^' * max(1, last - first)}"]


def _flat(line: str) -> str:
    """The line with one column for each code point, whatever the terminal would make of it."""
    return "".join(letter if letter.isprintable() else " " if letter == "\t" else "·" for letter in line.rstrip("\r"))
