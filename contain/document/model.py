"""Document, Position, Problem: what reading a manifest gives."""

from __future__ import annotations

from contain.document.pointers import parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from contain.document.scanner import Span


class Position:
    """Where something stands in a text: line and column from 1, offset and end from 0, all in code points."""

    __slots__ = ("column", "end", "line", "offset")

    def __init__(self, line: int, column: int, offset: int, end: int) -> None:
        """`end` is the offset behind the last code point."""
        self.line = line
        self.column = column
        self.offset = offset
        self.end = end

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"Position(line={self.line}, column={self.column}, offset={self.offset}, end={self.end})"

    def __eq__(self, other: object) -> bool:
        """Equal when all four numbers are."""
        return isinstance(other, Position) and (self.line, self.column, self.offset, self.end) == (
            other.line,
            other.column,
            other.offset,
            other.end,
        )

    def __hash__(self) -> int:
        """By place in the text."""
        return hash((self.offset, self.end))


class Problem:
    """Something wrong with the text itself; `id` is a rule of the family DOC."""

    __slots__ = ("id", "message", "pointer", "position")

    def __init__(self, id: str, message: str, position: Position, pointer: str = "") -> None:
        """`pointer` is the value that the problem belongs to, as far as it is known."""
        self.id = id
        self.message = message
        self.position = position
        self.pointer = pointer

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"Problem({self.id!r}, {self.message!r}, line {self.position.line}, column {self.position.column}, {self.pointer!r})"


class Document:
    """A manifest as it was read.

    `value` is what it says, None when it cannot be read as JSON; `problems` is what is wrong with the text.
    Positions are looked up only when asked for.
    """

    __slots__ = ("_spans", "data", "guess", "is_text", "name", "problems", "text", "value")

    def __init__(self, name: str, data: bytes, text: str) -> None:
        """Made by `parse`."""
        self.name = name
        self.data = data
        self.text = text
        #: False for a mapping of the caller's (contain/document/value.py): it has pointers and no lines
        self.is_text = True
        self.value: object = None
        #: what a document that cannot be read seems to say, good enough to tell its kind
        self.guess: object = None
        self.problems: list[Problem] = []
        #: every value's place, only there when the tolerant scanner had to read the text
        self._spans: dict[str, Span] | None = None

    def set_spans(self, spans: dict[str, Span]) -> None:
        """The tolerant scanner's map of places."""
        self._spans = spans

    def place(self, offset: int, end: int) -> Position:
        """The position of a range of the text. Lines end at LF only."""
        return Position(self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset), offset, end)

    def position(self, pointer: str, *, key: bool = False) -> Position:
        """Where the value at `pointer` stands; with `key` where its member name stands; when it is not there, its nearest parent."""
        return self.positions([pointer], keys=[pointer] if key else ())[pointer]

    def positions(self, pointers: Iterable[str], *, keys: Iterable[str] = ()) -> dict[str, Position]:
        """The positions of many pointers, found in one pass; of those also in `keys` the member name's."""
        wanted = list(pointers)
        spans = self._spans
        if spans is None:
            from contain.document import locate

            spans = locate.spans(self.text, wanted, self.value) if self.text else {}
        names = frozenset(keys)
        found = [(self._span(spans, pointer, pointer in names), pointer) for pointer in wanted]
        found.sort()
        result = {}
        line, seen = 1, 0
        for (offset, end), pointer in found:
            line += self.text.count("\n", seen, offset)
            seen = offset
            result[pointer] = Position(line, offset - self.text.rfind("\n", 0, offset), offset, end)
        return result

    def _span(self, spans: dict[str, Span], pointer: str, key: bool) -> tuple[int, int]:  # noqa: FBT001
        span = spans.get(pointer)
        if span is not None:
            return (span[2], span[3]) if key and span[3] else (span[0], span[1])
        while span is None and pointer:
            pointer = parent(pointer)
            span = spans.get(pointer)
        if span is None:
            return 0, min(1, len(self.text))
        # something that is missing in an object is shown at the member name of that object, or at its opening brace
        return (span[2], span[3]) if span[3] else (span[0], min(span[0] + 1, span[1]))
