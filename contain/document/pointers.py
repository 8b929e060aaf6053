"""JSON pointers (RFC 6901): the address of a value, as a string for people and as parts for code."""

from __future__ import annotations


def escape(part: str) -> str:
    """One member name as it stands in a pointer."""
    return part.replace("~", "~0").replace("/", "~1") if "~" in part or "/" in part else part


def join(base: str, part: str | int) -> str:
    """The pointer of a member or item of the value at `base`."""
    return f"{base}/{part}" if part.__class__ is int else f"{base}/{escape(str(part))}"


def split(pointer: str) -> list[str]:
    """The member names and indices of a pointer, unescaped."""
    parts = pointer.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts] if "~" in pointer else parts


def parent(pointer: str) -> str:
    """The pointer of the value that holds this one; of the document itself: the document."""
    return pointer[: pointer.rfind("/")] if pointer else ""


def label(pointer: str) -> str:
    """The pointer in the words of a message: `/mounts/3/options` is `mounts[3].options`."""
    words = ""
    for part in split(pointer):
        if part.isascii() and part.isdigit():
            words += f"[{part}]"
        elif part.replace("_", "").isalnum():
            words += f".{part}" if words else part
        else:
            words += f'["{part}"]'
    return words
