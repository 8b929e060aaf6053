"""Which files a set of installed distributions consists of, with what they require: for run_python.

Also a program, run by another interpreter over its own packages (`python -I packages.py NAME…`), so it imports the standard library only.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def requirement(text: str) -> tuple[str, set[str], str]:
    """Name, extras and marker of a requirement (PEP 508), as far as they are needed here."""
    head, _, marker = text.partition(";")
    name = head.strip()
    for index, letter in enumerate(name):
        if not (letter.isalnum() or letter in "-_."):
            rest, name = name[index:].strip(), name[:index]
            inside = rest[1:].partition("]")[0] if rest.startswith("[") else ""
            return name, {extra.strip() for extra in inside.split(",") if extra.strip()}, marker
    return name, set(), marker


def asked(text: str) -> None:
    """LookupError for what a caller asks for and an installed distribution cannot tell: a version or a marker, and for what names none."""
    name, extras, marker = requirement(text)
    rest = text.strip().removeprefix(name).strip()
    if not name or marker or (rest and not (extras and rest.endswith("]"))):
        raise LookupError(f"{text!r} is no name of a distribution, as requests or requests[socks]: what is installed has its version")


def sole(marker: str) -> bool:
    """Whether a marker is only about an extra, so that nothing else can be the reason why it is not installed."""
    return marker.strip().replace("'", '"').replace(" ", "").startswith('extra=="') and marker.count("=") == 2


def closure(names: Iterable[str]) -> list[metadata.Distribution]:
    """The distributions and all that they require. LookupError says which one is missing.

    Markers are not evaluated: what stands under one is taken when it is installed, and what an extra asks for when the extra was asked for; then
    it has to be there, unless its marker says more.
    """
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [(name, "") for name in names]
    for text, _ in left:
        asked(text)
    while left:
        text, asker = left.pop()
        name, extras, marker = requirement(text)
        key = name.lower().replace("_", "-").replace(".", "-")
        if (key, frozenset(extras)) in seen:
            continue
        seen.add((key, frozenset(extras)))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if marker and not sole(marker):
                continue
            raise LookupError(f"the distribution {name} is not installed" + (f", which {asker} requires" if asker else "")) from None
        found[key] = distribution
        if not asker:
            known = (distribution.metadata.get_all("Provides-Extra") or []) + [requirement(row)[2] for row in distribution.requires or ()]
            unknown = [extra for extra in extras if not any(extra in text for text in known)]
            if unknown:
                raise LookupError(f"the distribution {name} has no extra {unknown[0]}")
        for row in distribution.requires or ():
            _, _, marker = requirement(row)
            if "extra" not in marker or any(f'"{extra}"' in marker.replace("'", '"') for extra in extras):
                left.append((row, name))
    return list(found.values())


def entries(distribution: metadata.Distribution) -> dict[str, str]:
    """Path below a folder of modules → path on this host: packages whole, modules, metadata; of shared folders only the own part."""
    files = [path for path in distribution.files or () if path.parts and path.parts[0] != ".." and not path.is_absolute()]
    names = {str(path) for path in files}
    if not any(path.suffix in {".py", ".so"} for path in files):
        raise LookupError(f"{distribution.metadata['Name']} has no modules here (is it an editable install?): pass its folder as volume")
    found = {}
    for path in files:
        for depth in range(1, len(path.parts) + 1):
            part = "/".join(path.parts[:depth])
            whole = depth == len(path.parts) or f"{part}/__init__.py" in names or part.endswith((".dist-info", ".egg-info", ".libs"))
            if whole:
                if "__pycache__" not in part and not part.endswith(".pth"):
                    found[part] = os.path.realpath(str(distribution.locate_file(part)))
                break
    return found


def resolve(names: Iterable[str]) -> dict[str, str]:
    """The entries of all of them."""
    found: dict[str, str] = {}
    for distribution in closure(names):
        found |= entries(distribution)
    return found


def main() -> int:
    """Prints base prefix, executable and entries, each name and path ended by NUL."""
    try:
        found = resolve(sys.argv[1:])
    except LookupError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    rows = [sys.base_prefix, os.path.realpath(sys.executable), *(text for row in found.items() for text in row)]
    sys.stdout.write("\0".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
