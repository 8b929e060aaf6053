"""SemVer 2.0.0, strictly."""

from __future__ import annotations

import re

from contain.linter.ranges import number

_FORM = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)


def parse_version(text: str) -> tuple[int, int, int, str] | None:
    """Major, minor, patch and pre-release; None when it is no version."""
    found = _FORM.fullmatch(text)
    if not found:
        return None
    return number(found[1]) or 0, number(found[2]) or 0, number(found[3]) or 0, found[4] or ""
