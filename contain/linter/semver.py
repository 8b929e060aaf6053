"""SemVer 2.0.0, strictly."""

from __future__ import annotations

import re

_FORM = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)


def parse_version(text: str) -> tuple[int, int, int, str] | None:
    """Major, minor, patch and pre-release; None when it is no version."""
    found = _FORM.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None
