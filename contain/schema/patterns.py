"""The string forms that specs/ uses, each as a function without `re`, which costs the hot path 6 ms. A test compares each with its pattern.

A pattern that is not here is refused by the generator.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"


def _only(text: str, letters: str) -> bool:
    return not text.strip(letters) if text else True


def rlimit(text: str) -> bool:
    """RLIMIT_ and upper-case letters."""
    return text.startswith("RLIMIT_") and len(text) > 7 and _only(text[7:], _UPPER)


def capability(text: str) -> bool:
    """CAP_ and upper-case letters or underscores."""
    return text.startswith("CAP_") and len(text) > 4 and _only(text[4:], _UPPER + "_")


def cpu_list(text: str) -> bool:
    """Digits, commas, dashes, blanks."""
    return _only(text, _DIGITS + ", -")


def page_size(text: str) -> bool:
    """A number and KB, MB or GB."""
    return len(text) > 2 and text[-2] in "KMG" and text[-1] == "B" and text[0] in "123456789" and _only(text[:-2], _DIGITS)


def bandwidth(text: str) -> bool:
    """MB: and the rest of one line."""
    return text.startswith("MB:") and "\n" not in text


def device_type(text: str) -> bool:
    """One of c, b, u, p."""
    return len(text) == 1 and text in "cbup"


def access(text: str) -> bool:
    """Letters of r, w, m."""
    return _only(text, "rwm")


FORMS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "^RLIMIT_[A-Z]+$": ("rlimit", rlimit),
    "^CAP_[A-Z_]+$": ("capability", capability),
    "^[0-9, -]*$": ("cpu_list", cpu_list),
    "^[1-9][0-9]*[KMG]B$": ("page_size", page_size),
    "^MB:[^\\n]*$": ("bandwidth", bandwidth),
    "^[cbup]$": ("device_type", device_type),
    "^[rwm]*$": ("access", access),
}
