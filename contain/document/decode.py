"""Bytes to a Document: json's C scanner first, and only when something looks odd the tolerant scanner that explains it."""

from __future__ import annotations

from _json import make_scanner

from contain.document.model import Document, Position, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: the largest manifest that registries take
LIMIT = 4 * 1024 * 1024
_BLANK = " \t\n\r"
_INFINITY = float("inf")


class _Strict:
    """The hooks of json's scanner; `odd` turns true for what a plain reading would hide."""

    __slots__ = ("object_hook", "odd", "parse_int", "strict")

    def __init__(self) -> None:
        self.strict = True
        self.object_hook = None
        self.parse_int = int
        self.odd = False

    def object_pairs_hook(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            self.odd = True
        return members

    def parse_float(self, digits: str) -> float:
        number = float(digits)
        if number in (_INFINITY, -_INFINITY):
            self.odd = True
        return number

    def parse_constant(self, _: str) -> None:
        self.odd = True


def parse(data: bytes, name: str, *, limit: int = LIMIT) -> Document:
    """Read a JSON document. Never fails on what it says: what is wrong stands in `problems`, and `value` is None when it cannot be read."""
    if len(data) > limit:
        document = Document(name, data, "")
        document.problems.append(_at_start("DOC401", f"the document is larger than the limit of {limit} bytes"))
        return document
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _badly_encoded(data, name)
    document = Document(name, data, text)
    hooks = _Strict()
    try:
        start = len(text) - len(text.lstrip(_BLANK))
        document.value, end = make_scanner(hooks)(text, start)  # type: ignore[arg-type]  # typeshed asks for a scanner to make one
    except (StopIteration, ValueError, RecursionError, SystemError):
        # SystemError: CPython's scanner gives it for a syntax error when json.decoder is not imported, and we do not import it
        _explain(document)
        return document
    # most texts have no backslash, and that is seen much faster than that they have none of these
    escapes = "\\" in text and ("\\u0000" in text or "\\ud" in text or "\\uD" in text)
    if hooks.odd or escapes or text[end:].strip(_BLANK):
        _explain(document)
    return document


def _explain(document: Document) -> None:
    """Read again with the scanner that survives everything; fills problems, value and places."""
    from contain.document.scanner import Scanner

    scanner = Scanner(document.text)
    scanner.run()
    document.value = None if scanner.unreadable else scanner.value
    document.guess = scanner.value
    document.set_spans(scanner.spans)
    document.problems += [
        Problem(id, message, document.place(start, end), pointer) for id, message, start, end, pointer in scanner.problems
    ]
    document.problems.sort(key=lambda problem: problem.position.offset)


def _badly_encoded(data: bytes, name: str) -> Document:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(data) > 1 and data[:2].count(0) == 1):
        document = Document(name, data, "")
        document.problems.append(_at_start("DOC002", "the document is UTF-16; JSON is UTF-8 (RFC 8259)"))
        return document
    text = data.decode("utf-8", "surrogateescape")
    document = Document(name, data, text)
    # bytes that are not UTF-8 stand as lone surrogates U+DC80..U+DCFF: name each run of them once
    at = 0
    while at < len(text):
        if not "\udc80" <= text[at] <= "\udcff":
            at += 1
            continue
        end = at
        while end < len(text) and "\udc80" <= text[end] <= "\udcff":
            end += 1
        raw = text[at:end].encode("utf-8", "surrogateescape")
        shown = " ".join(f"{byte:02x}" for byte in raw[:8])
        document.problems.append(Problem("DOC002", f"the document is not UTF-8 here: bytes {shown}", document.place(at, end)))
        at = end
        if len(document.problems) >= 20:
            break
    _explain(document)
    return document


def _at_start(id: str, message: str) -> Problem:
    return Problem(id, message, Position(1, 1, 0, 0))
