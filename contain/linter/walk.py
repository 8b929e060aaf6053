"""Which files are checked: those that are named, and in folders those that can be manifests; layouts are taken as one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from contain.errors import UsageError
from contain.linter.settings import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contain.linter.settings import Settings

_SKIPPED = frozenset(
    (".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", ".ruff_cache", "build", "dist")
)

#: how files begin that gzip, bzip2 and xz made
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")


class Target:
    """One thing to check: a `document`, an image `layout` or an `archive`; `named` when it stood on the command line."""

    __slots__ = ("kind", "named", "path")

    def __init__(self, path: str, kind: str, *, named: bool) -> None:
        """`path` is as it is to be shown."""
        self.path = path
        self.kind = kind
        self.named = named


def targets(paths: Iterable[str], settings: Settings, *, force_exclude: bool = False) -> list[Target]:
    """Everything to check, in order, each once."""
    found: dict[str, Target] = {}
    for path in paths:
        if path == "-":
            found["-"] = Target("-", "document", named=True)
        elif os.path.isdir(path):
            for target in _folder(path, settings):
                found.setdefault(target.path, target)
        elif not os.path.exists(path):
            raise UsageError(f"{path}: no such file or folder")
        elif not (force_exclude and excluded(path, settings)):
            found[path] = Target(path, _kind(path), named=True)
    return list(found.values())


def excluded(path: str, settings: Settings) -> bool:
    """Whether the settings leave a path out."""
    while path.strip("/") and settings.exclude:
        if any(matches(path, pattern, settings.folder) for pattern in settings.exclude):
            return True
        path = os.path.dirname(path)  # what is in a folder that is left out is left out too
    return False


def _kind(path: str) -> str:
    name = os.path.basename(path)
    if name == "oci-layout":
        return "layout"
    return "archive" if not name.endswith(".json") and _is_archive(path) else "document"


def _is_archive(path: str) -> bool:
    """Whether a file is called like an archive, or begins like one."""
    if path.endswith((".aci", ".tar", ".tar.gz", ".tgz")):
        return True
    try:
        if not os.path.isfile(path):
            return False  # a pipe can be read once only
        with open(path, "rb") as file:
            head = file.read(262)
    except OSError:
        return False  # reading it will say why
    return head.startswith(_MAGIC) or head[257:] == b"ustar"


def _folder(path: str, settings: Settings) -> Iterator[Target]:
    if os.path.isfile(os.path.join(path, "oci-layout")):
        yield Target(path, "layout", named=True)
        return
    layouts: list[str] = []
    names = sorted(_git(path) or _plain(path))
    for name in sorted([name for name in names if name.endswith("oci-layout")], key=lambda name: name.count("/")):
        folder = os.path.dirname(name)
        if os.path.basename(name) == "oci-layout" and not excluded(folder, settings):
            layouts.append(folder + "/")
            yield Target(folder, "layout", named=False)
    for name in names:
        base = os.path.basename(name)
        if name.startswith(tuple(layouts)) or excluded(name, settings) or not os.path.isfile(name):
            continue
        if base.endswith((".json", ".aci")) or base == "manifest":
            yield Target(name, _kind(name), named=False)


def _git(path: str) -> list[str]:
    """The files of a work tree that .gitignore leaves; nothing when it is none."""
    import subprocess  # 10 ms, and only folders need it

    # a work tree may be anybody's, and its configuration may name a program to be asked what has changed: not by us
    command = ["git", "-c", "core.fsmonitor=false", "-C", path, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        result = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return []
    names = result.stdout.decode("utf-8", "surrogateescape").split("\0") if result.returncode == 0 else []
    return [os.path.join(path, name).removeprefix("./") for name in names if name]


def _plain(path: str) -> Iterator[str]:
    for folder, folders, names in os.walk(path):  # follows no links to folders
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (os.path.join(folder, name).removeprefix("./") for name in names)
