"""Times of RFC 3339."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def is_time(text: str) -> bool:
    """Whether it is a date and time of RFC 3339."""
    return parse_time(text) is not None


def parse_time(text: str) -> datetime | None:
    """The time that it tells, to the second."""
    found = _FORM.fullmatch(text)
    if not found:
        return None
    from datetime import datetime  # few documents hold a time

    clock = found[2].replace(":60", ":59")  # a leap second is allowed there, and not in datetime
    zone = "+00:00" if found[4] in "Zz" else found[4]
    try:
        return datetime.fromisoformat(f"{found[1]}T{clock}{zone}")
    except ValueError:
        return None
