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


def access(text: str) -> bool:
    """Letters of r, w, m."""
    return _only(text, "rwm")


def _matches(pattern: str, text: str) -> bool:
    import re  # these forms stand in documents that the hot path does not read

    return re.fullmatch(pattern, text) is not None


_PART = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"


def media_type(text: str) -> bool:
    """TYPE/SUBTYPE (RFC 6838)."""
    return _matches(f"{_PART}/{_PART}", text)


def digest(text: str) -> bool:
    """ALGORITHM:ENCODED."""
    return _matches(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", text)


def identifier(text: str) -> bool:
    """An AC Identifier."""
    return _parts(text, "-._~/")


def ac_name(text: str) -> bool:
    """An AC Name."""
    return _parts(text, "-")


def _parts(text: str, marks: str) -> bool:
    """Lower-case letters and digits, parted by single marks. Without `re`: an .aci is run from the hot path."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    for mark in marks[1:]:
        text = text.replace(mark, marks[0])
    return all(part and _only(part, letters) for part in text.split(marks[0]))


def image_id(text: str) -> bool:
    """sha512- and 32 to 128 hex digits."""
    return text.startswith("sha512-") and 32 <= len(text) - 7 <= 128 and _only(text[7:], "0123456789abcdef")


FORMS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "^RLIMIT_[A-Z]+$": ("rlimit", rlimit),
    "^CAP_[A-Z_]+$": ("capability", capability),
    "^[0-9, -]*$": ("cpu_list", cpu_list),
    "^[1-9][0-9]*[KMG]B$": ("page_size", page_size),
    "^MB:[^\\n]*$": ("bandwidth", bandwidth),
    "^[rwm]*$": ("access", access),
    f"^{_PART}/{_PART}$": ("media_type", media_type),
    "^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$": ("digest", digest),
    "^[a-z0-9]+([-._~/][a-z0-9]+)*$": ("identifier", identifier),
    "^[a-z0-9]+([-][a-z0-9]+)*$": ("ac_name", ac_name),
    "^sha512-[0-9a-f]{32,128}$": ("image_id", image_id),
}
