"""Lists of numbers and ranges, as cpuset files have them: 0-3,7."""

from __future__ import annotations

import re

_FORM = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*", re.ASCII)


def is_list(text: str) -> bool:
    """Whether it is a list of numbers and rising ranges."""
    if not _FORM.fullmatch(text):
        return False
    pairs = [part.split("-") for part in text.split(",")]
    return all(len(pair) == 1 or int(pair[0]) <= int(pair[1]) for pair in pairs)
