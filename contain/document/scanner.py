"""The tolerant scanner: reads any text as JSON as far as it makes sense, and says of each thing wrong with it what and where.

It is a machine of five states over the tokens, with a stack of open objects and arrays, so depth costs no recursion.
"""

from __future__ import annotations

from contain.document.pointers import join, label
from contain.document.tokens import Token, Tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: start and end of a value, start and end of its member name (0, 0 where there is none)
Span = tuple[int, int, int, int]

_DEPTH = 1000
_PROBLEMS = 100
#: what a strict reading refuses but a value can still be had from
_READABLE = frozenset(("DOC002", "DOC003", "DOC004", "DOC005", "DOC006", "DOC007", "DOC008", "DOC101", "DOC102", "DOC201"))
_NAME, _COLON, _VALUE, _COMMA = range(4)


class _Frame:
    """An object or array that is not closed yet."""

    __slots__ = ("comma", "key", "key_span", "members", "pointer", "start", "state", "where")

    def __init__(self, members: dict[str, Any] | list[Any], pointer: str, start: int, where: tuple[int, int]) -> None:
        self.members = members
        self.pointer = pointer
        self.start = start
        self.where = where
        self.state = _NAME if isinstance(members, dict) else _VALUE
        self.comma: Token | None = None
        self.key = ""
        self.key_span = (0, 0)


class Scanner:
    """Reads one text: `problems` (id, message, start, end, pointer), `value`, and `spans` of every value by pointer."""

    def __init__(self, text: str) -> None:
        """Nothing is read before `run`."""
        self.text = text
        self.problems: list[tuple[str, str, int, int, str]] = []
        self.spans: dict[str, Span] = {}
        self.value: Any = None
        self.unreadable = False
        self._stack: list[_Frame] = []
        self._done = False
        self._tokens = Tokens(text, self._report)

    def run(self) -> None:
        """Read all of it."""
        while not self._done:
            token = self._tokens.next()
            if not self._stack:
                self._begin(token)
                return
            self._step(token)

    def _report(self, id: str, message: str, start: int, end: int) -> None:
        pointer = ""
        if self._stack:
            frame = self._stack[-1]
            pointer = self._pointer(frame) if frame.state == _VALUE else frame.pointer
        self.problems.append((id, message, start, max(end, start), pointer))
        if id not in _READABLE:
            self.unreadable = True
        if len(self.problems) >= _PROBLEMS:
            self._done = True

    def _syntax(self, message: str, token: Token) -> None:
        self._report("DOC001", message, token.start, token.end)

    def _begin(self, token: Token) -> None:
        """The document's own value, and what may follow it."""
        if token.kind == "end":
            self._syntax("the document is empty", token)
            return
        if token.kind in "{[":
            self._open(token)
            while self._stack and not self._done:
                self._step(self._tokens.next())
        elif token.kind == "value":
            self.value = token.value
            self.spans[""] = (token.start, token.end, 0, 0)
        else:
            self._syntax(f"{_shown(token)} where the document's value is expected", token)
            return
        if self._done:
            return
        rest = self._tokens.next()
        if rest.kind != "end":
            # one finding, whatever follows: crun refuses it, runc does not look at it
            end = len(self.text.rstrip())
            self.problems.append(
                ("DOC004", "text after the document, which runc ignores and crun refuses", rest.start, max(end, rest.end), "")
            )

    def _pointer(self, frame: _Frame) -> str:
        members = frame.members
        return join(frame.pointer, len(members) if isinstance(members, list) else frame.key)

    def _open(self, token: Token) -> None:
        members: dict[str, Any] | list[Any] = {} if token.kind == "{" else []
        pointer, where = "", (0, 0)
        if self._stack:
            pointer, where = self._pointer(self._stack[-1]), self._stack[-1].key_span
            self._put(members)
        else:
            self.value = members
        if len(self._stack) >= _DEPTH:
            self.problems.append(("DOC402", f"the document is nested more than {_DEPTH} deep", token.start, token.end, ""))
            self.unreadable = self._done = True
            return
        self._stack.append(_Frame(members, pointer, token.start, where))

    def _put(self, value: object) -> None:
        """Store a value in the innermost open object or array."""
        frame = self._stack[-1]
        if isinstance(frame.members, list):
            frame.members.append(value)
        else:
            if frame.key in frame.members:
                self.problems.append(
                    (
                        "DOC201",
                        f"{label(join(frame.pointer, frame.key))} is given twice: runc obeys the last one, other readers may not",
                        *frame.key_span,
                        join(frame.pointer, frame.key),
                    )
                )
            frame.members[frame.key] = value
        frame.state = _COMMA
        frame.comma = None

    def _close(self, end: int) -> None:
        frame = self._stack.pop()
        self.spans[frame.pointer] = (frame.start, end, *frame.where)

    def _step(self, token: Token) -> None:
        frame = self._stack[-1]
        if token.kind == "end":
            mark = "{" if isinstance(frame.members, dict) else "["
            self._report("DOC001", f"this {mark} is never closed", frame.start, frame.start + 1)
            while self._stack:
                self._close(token.start)
        elif token.kind in "}]":
            self._closing(frame, token)
        elif frame.state == _COMMA:
            self._comma(frame, token)
        elif frame.state == _NAME:
            self._name(frame, token)
        elif frame.state == _COLON:
            self._colon(frame, token)
        else:
            self._value(frame, token)

    def _closing(self, frame: _Frame, token: Token) -> None:
        is_object = isinstance(frame.members, dict)
        if frame.state == _COLON:
            self._syntax("a member name without a value", token)
        elif frame.state == _VALUE and is_object:
            self._syntax(f"{token.kind} where the value of {frame.key!r} is expected", token)
        elif frame.comma is not None:
            self._report("DOC006", "a comma before the end of the list, which every runtime refuses", frame.comma.start, frame.comma.end)
        frame.state = _COMMA
        if (token.kind == "}") == is_object:
            self._close(token.end)
            return
        wanted = list if token.kind == "]" else dict
        if not any(isinstance(open_.members, wanted) for open_ in self._stack):
            self._syntax(f"{token.kind} where {'}' if is_object else ']'} is expected", token)
            self._close(token.end)
            return
        self._report(
            "DOC001", f"this {'{' if is_object else '['} is not closed before a {token.kind} follows", frame.start, frame.start + 1
        )
        while not isinstance(self._stack[-1].members, wanted):
            self._close(token.start)
        self._close(token.end)

    def _comma(self, frame: _Frame, token: Token) -> None:
        expects = _NAME if isinstance(frame.members, dict) else _VALUE
        if token.kind == ",":
            frame.state = expects
            frame.comma = token
        elif token.kind == ":":
            self._syntax("a colon where a comma is expected", token)
            frame.state = _VALUE
        else:
            self._syntax(f"a comma is missing before {_shown(token)}", token)
            frame.state = expects
            self._step(token)

    def _name(self, frame: _Frame, token: Token) -> None:
        if token.kind == ",":
            self._syntax("a comma where a member name is expected", token)
            return
        if token.kind == ":":
            self._syntax("a member name is missing", token)
            frame.key, frame.key_span, frame.state = "", (token.start, token.end), _VALUE
            return
        if token.kind in "{[":
            self._syntax(f"{token.kind} where a member name is expected", token)
            frame.key, frame.key_span = "", (token.start, token.end)
            self._open(token)
            return
        if not token.text:
            self._syntax(f"member names stand in double quotes: {self.text[token.start : token.end][:40]}", token)
        frame.key = str(token.value) if token.text else self.text[token.start : token.end]
        frame.key_span, frame.state, frame.comma = (token.start, token.end), _COLON, None

    def _colon(self, frame: _Frame, token: Token) -> None:
        if token.kind == ":":
            frame.state = _VALUE
        elif token.kind == ",":
            self._syntax(f"the member {frame.key!r} has no value", token)
            frame.state, frame.comma = _NAME, token
        else:
            self._syntax(f"a colon is missing behind {frame.key!r}", token)
            frame.state = _VALUE
            self._step(token)

    def _value(self, frame: _Frame, token: Token) -> None:
        if token.kind in "{[":
            self._open(token)
        elif token.kind == ",":
            self._syntax("a comma where a value is expected", token)
            if isinstance(frame.members, dict):
                frame.state, frame.comma = _NAME, token
        elif token.kind == ":":
            self._syntax("a colon where a value is expected", token)
        else:
            if token.kind == "word":
                self._syntax(f"{str(token.value)[:40]} is no JSON value", token)
            self.spans[self._pointer(frame)] = (token.start, token.end, *(frame.key_span if isinstance(frame.members, dict) else (0, 0)))
            self._put(token.value)


def _shown(token: Token) -> str:
    if token.kind in "{}[],:":
        return token.kind
    return f"{token.value!r}"[:40] if token.text or token.kind == "word" else "this"
