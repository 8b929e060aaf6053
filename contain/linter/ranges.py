"""Numbers in texts, which anybody may have written; and lists of them and of ranges, as cpuset files have them: 0-3,7."""

from __future__ import annotations

import re

_FORM = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*", re.ASCII)


#: digits beyond which a number is like any other: no field is so wide, and Python reads no more than 4300
_DIGITS = 20


def number(text: str) -> int | None:
    """What decimal digits say, at most 10^20; None when there are others."""
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS else 10**_DIGITS


def is_list(text: str) -> bool:
    """Whether it is a list of numbers and rising ranges."""
    if not _FORM.fullmatch(text):
        return False
    pairs = [[number(text) or 0 for text in part.split("-")] for part in text.split(",")]
    return all(pair[0] <= pair[-1] for pair in pairs)
