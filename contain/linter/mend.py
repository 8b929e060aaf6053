"""Fixes applied: edits of ranges of the text, so that all other bytes stay as they are."""

from __future__ import annotations

import json
import os
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from contain.document import parse
from contain.linter.fix import Fix

if TYPE_CHECKING:
    from contain.document import Document
    from contain.linter.engine import Linter

_ROUNDS = 10
_BLANK = " \t\r\n"
Edit = tuple[int, int, str]


def edit(document: Document, fix: Fix) -> Edit | None:
    """The range of the text that a fix replaces, and by what."""
    if fix.cut:
        return fix.cut
    if fix.rename:
        pointer, name = fix.rename
        place = document.position(pointer, key=True)
        return place.offset, place.end, json.dumps(name, ensure_ascii=False)
    if fix.replace:
        place = document.position(fix.replace[0])
        return place.offset, place.end, json.dumps(fix.replace[1], ensure_ascii=False)
    if fix.remove:
        start, end = document.position(fix.remove, key=True).offset, document.position(fix.remove).end
        return (*_with_comma(document.text, start, end), "")
    return None


def _with_comma(text: str, start: int, end: int) -> tuple[int, int]:
    """The range of a member or item with the comma and the blanks that go with it."""
    behind = end
    while behind < len(text) and text[behind] in _BLANK:
        behind += 1
    if text[behind : behind + 1] == ",":
        behind += 1
        while behind < len(text) and text[behind] in _BLANK:
            behind += 1
        return start, behind
    before = start
    while before and text[before - 1] in _BLANK:
        before -= 1
    return (before - 1, end) if before and text[before - 1] == "," else (start, end)


def mended(linter: Linter, data: bytes, name: str, *, unsafe: bool, **more: Any) -> tuple[bytes, int]:
    """The content after all fixes that may be made, and how many were; the result is again a document that can be read."""
    count = 0
    for _ in range(_ROUNDS):
        document = parse(data, name, limit=linter.settings.max_size)
        found = linter.check(document, **more)
        edits = [
            edit(document, item.edit) for item in found if isinstance(item.edit, Fix) and item.edit.editable and (item.edit.safe or unsafe)
        ]
        text, made = _applied(document.text, [item for item in edits if item])
        if not made or not document.text:
            break
        better = text.encode("utf-8", "surrogateescape")
        if document.value is not None and parse(better, name).value is None:
            break  # never make it worse
        data, count = better, count + made
    return data, count


def _applied(text: str, edits: list[Edit]) -> tuple[str, int]:
    """All edits that do not overlap an earlier one."""
    result, at, made = [], 0, 0
    for start, end, put in sorted(set(edits)):
        if start < at or (start, end) == (0, 0):
            continue
        result += [text[at:start], put]
        at, made = end, made + 1
    return "".join(result) + text[at:], made


def refused(path: str) -> str:
    """Why a file must not be changed, in a sentence; nothing when it may be."""
    real = os.path.realpath(path)
    status = os.stat(real)
    folders = real.split("/")[-3:]
    if len(folders) == 3 and folders[0] == "blobs" and len(folders[2]) >= 32:
        return "it is named by its digest: a changed blob breaks what refers to it"
    if status.st_nlink > 1:
        return "it has other hard links"
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        return "it belongs to somebody else"
    return ""


def write(path: str, old: bytes, new: bytes) -> str:
    """Put the new content in the place of the old one; a sentence when that must not or cannot be done.

    A link is followed; mode and owner are kept; a file with other names, or one that changed meanwhile, is left alone.
    """
    try:
        return refused(path) or _replace(os.path.realpath(path), old, new)
    except OSError as error:
        return f"it cannot be written: {error.strerror}"


def _replace(real: str, old: bytes, new: bytes) -> str:
    status = os.stat(real)
    with open(real, "rb") as file:
        if file.read() != old:
            return "it changed meanwhile"
    beside = f"{real}.contain-{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new)
            os.fchmod(file.fileno(), status.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
        now = os.stat(real)
        if (now.st_mtime_ns, now.st_ino) != (status.st_mtime_ns, status.st_ino):
            os.unlink(beside)
            return "it changed meanwhile"
        os.rename(beside, real)
    except OSError:
        os.unlink(beside)
        raise
    return ""


def diff(path: str, old: bytes, new: bytes) -> str:
    """What would change, as a unified diff."""
    before, after = (data.decode("utf-8", "backslashreplace").splitlines(keepends=True) for data in (old, new))
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in unified_diff(before, after, path, path)
    )
