"""Device nodes, and the rules of who may open them."""

from __future__ import annotations

from contain.paths import normpath
from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.spec.model import Spec


def devices(spec: Spec) -> Iterator[Finding]:
    """Nodes have numbers and places of their own; rules say what they allow."""
    linux, places = spec.config["linux"], set()
    for index, row in enumerate(linux.get("devices") or ()):
        pointer = f"/linux/devices/{index}"
        if not row["path"].startswith("/"):
            yield Finding("RUN419", f"{pointer}/path", f"{row['path']!r} is not an absolute path", f"write /dev/{row['path']}")
        place = normpath(row["path"])
        if place in places:
            yield Finding("RUN422", f"{pointer}/path", f"{row['path']} is made twice", "keep one of the two")
        places.add(place)
        if row["type"] != "p" and ("major" not in row or "minor" not in row):
            yield Finding("RUN420", pointer, f"a device of type {row['type']} needs major and minor", "ls -l shows them")
        yield from _numbers(row, pointer, 0)
    for index, row in enumerate((linux.get("resources") or {}).get("devices") or ()):
        pointer = f"/linux/resources/devices/{index}"
        if not row.get("access") and (row.get("allow") or row.get("type", "a") != "a"):
            yield Finding("RUN534", pointer, "a device rule without access", 'add "access": "rwm", or less')
        elif (row.get("access") or "r").strip("rwm"):
            yield Finding("RUN503", f"{pointer}/access", f"{row['access']!r} is not made of r, w and m", 'write "rwm", or less')
        yield from _numbers(row, pointer, -1)


def _numbers(row: dict[str, Any], pointer: str, least: int) -> Iterator[Finding]:
    """The kernel's dev_t: 12 bits and 20 bits; -1 in a rule means all."""
    for key, most in (("major", 0xFFF), ("minor", 0xFFFFF)):
        number = row.get(key)
        if number is not None and not least <= number <= most:
            yield Finding("RUN420", f"{pointer}/{key}", f"{number} is not a {key} number", f"write 0 to {most}")


RULES = (devices,)
