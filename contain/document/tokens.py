"""The pieces of a JSON text, sound or broken: each with its place, each oddity with a problem. Used only on texts that need explaining."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: id, message, start, end; the scanner adds the pointer
Report = "Callable[[str, str, int, int], None]"

_BLANK = " \t\n\r"
_PUNCTUATION = "{}[],:"
_STOP = frozenset(_BLANK + _PUNCTUATION + '"')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = frozenset("0123456789abcdefABCDEF")
_LITERALS = {"true": True, "false": False, "null": None}
_INFINITY = float("inf")
#: Python refuses to read more (CVE-2020-10735); no runtime has a field for as many
_DIGITS = 4300


class Token:
    """One piece: `kind` is a punctuation mark, `value` (a literal, number or string), `word` (none of these) or `end`."""

    __slots__ = ("end", "kind", "start", "text", "value")

    def __init__(self, kind: str, start: int, end: int, value: object = None, *, text: bool = False) -> None:
        """`text` is true for strings, the only values that may name a member."""
        self.kind = kind
        self.start = start
        self.end = end
        self.value = value
        self.text = text


class Tokens:
    """Gives one token after the other, and reports what is odd about it."""

    __slots__ = ("at", "report", "text")

    def __init__(self, text: str, report: Callable[[str, str, int, int], None]) -> None:
        """Begins at the start of the text, behind a byte order mark."""
        self.text = text
        self.report = report
        self.at = 0
        if text[:1] == "\ufeff":
            report("DOC003", "the document begins with a byte order mark, which runc and crun refuse", 0, 1)
            self.at = 1

    def next(self) -> Token:
        """The next token; `end` for ever when there is no more."""
        self._blank()
        start = self.at
        if start >= len(self.text):
            return Token("end", len(self.text), len(self.text))
        mark = self.text[start]
        if mark in _PUNCTUATION:
            self.at += 1
            return Token(mark, start, self.at)
        if mark in "\"'":
            return self._string(mark)
        while self.at < len(self.text) and self.text[self.at] not in _STOP:
            self.at += 1
        return self._word(self.text[start : self.at], start)

    def _blank(self) -> None:
        text, size = self.text, len(self.text)
        while self.at < size:
            mark = text[self.at]
            if mark in _BLANK:
                self.at += 1
            elif mark == "#" or text.startswith(("//", "/*"), self.at):
                start = self.at
                closing = "*/" if text.startswith("/*", start) else "\n"
                end = text.find(closing, start + 2 if closing == "*/" else start)
                self.at = size if end < 0 else end + (2 if closing == "*/" else 0)
                self.report("DOC005", "a comment, which runc refuses and crun accepts", start, self.at)
            else:
                return

    def _word(self, word: str, start: int) -> Token:
        end = self.at
        if word in _LITERALS:
            return Token("value", start, end, _LITERALS[word])
        if word.lstrip("+-") in ("NaN", "Infinity", "nan", "inf"):
            self.report("DOC101", f"{word} is no JSON number, every runtime refuses it", start, end)
            return Token("value", start, end)
        if word[0] in "-+.0123456789":
            return Token("value", start, end, self._number(word, start))
        return Token("word", start, end, word)

    def _number(self, word: str, start: int) -> object:
        whole, _, exponent = word.lower().partition("e")
        integer, dot, fraction = whole.partition(".")
        digits = integer[1:] if integer[:1] == "-" else integer
        sound = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
        sound = sound and (not dot or (fraction.isascii() and fraction.isdigit()))
        power = exponent[1:] if exponent[:1] in ("+", "-") else exponent
        sound = sound and ("e" not in word.lower() or (power.isascii() and power.isdigit()))
        if not sound:
            self.report("DOC001", f"{word[:40]} is no JSON number", start, self.at)
            return None
        if len(digits) > _DIGITS:
            self.report("DOC102", f"a number of {len(digits)} digits fits no field", start, self.at)
            return None
        if not dot and "e" not in word.lower():
            return int(word)
        number = float(word)
        if number in (_INFINITY, -_INFINITY):
            self.report("DOC101", f"{word[:40]} is larger than any number that a parser can hold", start, self.at)
            return None
        return number

    def _string(self, quote: str) -> Token:
        text, start = self.text, self.at
        if quote == "'":
            self.report("DOC001", "strings stand in double quotes", start, start + 1)
        at = start + 1
        parts: list[str] = []
        while at < len(text) and text[at] not in (quote, "\n"):
            mark = text[at]
            if mark == "\\":
                at = self._escape(at, parts)
                continue
            if mark < " ":
                self.report("DOC001", f"a control character (U+{ord(mark):04X}) stands unescaped in a string", at, at + 1)
            parts.append(mark)
            at += 1
        if at >= len(text) or text[at] == "\n":
            self.report("DOC001", "a string that is not closed on its line", start, at)
            self.at = at
        else:
            self.at = at + 1
        return Token("value", start, self.at, "".join(parts), text=True)

    def _escape(self, at: int, parts: list[str]) -> int:
        """Read the escape at `at` into `parts`; the offset behind it."""
        text = self.text
        letter = text[at + 1 : at + 2]
        if letter in _ESCAPES and letter:
            parts.append(_ESCAPES[letter])
            return at + 2
        code = self._unit(at)
        if code is None:
            self.report("DOC001", f"no escape sequence of JSON: {text[at : at + 2]!r}"[:60], at, min(at + 2, len(text)))
            parts.append(letter)
            return at + (2 if letter and letter != "\n" else 1)
        end = at + 6
        if code == 0:
            self.report("DOC008", "NUL in a string, which runc cuts off and the kernel refuses", at, end)
        if 0xD800 <= code < 0xDC00:
            low = self._unit(end)
            if low is not None and 0xDC00 <= low < 0xE000:
                parts.append(chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00))
                return end + 6
        if 0xD800 <= code < 0xE000:
            self.report("DOC007", "half of a surrogate pair: it stands for no character", at, end)
        parts.append(chr(code))
        return end

    def _unit(self, at: int) -> int | None:
        digits = self.text[at + 2 : at + 6]
        if self.text[at : at + 2] == "\\u" and len(digits) == 4 and _HEX.issuperset(digits):
            return int(digits, 16)
        return None
