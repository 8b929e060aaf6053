"""Reading a manifest: bounded, parsed, held against its schema; the first blocking finding is the error, all are carried by it."""

from __future__ import annotations

import _stat as stat
import posix

from contain.errors import ManifestError
from contain.spec.model import path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.diagnostics.model import Diagnostic
    from contain.document import Document

LIMIT = 4 << 20


def read(file: str, shown: str) -> bytes:
    """The bytes of a regular file of at most 4 MiB."""
    try:
        descriptor = posix.open(file, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK | posix.O_NOCTTY)
    except OSError as problem:
        remedy = (
            "give a bundle (a folder with config.json and a rootfs)"
            if problem.errno == 2
            else "check the permissions of the file and its folders"
        )
        raise ManifestError(f"cannot read it: {problem.strerror}", place=shown, remedy=remedy) from None
    facts = posix.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        posix.close(descriptor)
        raise ManifestError("cannot read it: not a regular file", place=shown, remedy="give the path of a JSON file")
    with open(descriptor, "rb", buffering=0) as source:
        if facts.st_size > LIMIT:
            raise ManifestError(
                f"cannot read it: {facts.st_size} bytes, the limit is {LIMIT}",
                place=shown,
                remedy="move large annotations out of the manifest",
            )
        chunks = []
        while chunk := source.read(facts.st_size + 4096):
            chunks.append(chunk)
            if sum(map(len, chunks)) > LIMIT:
                raise ManifestError(
                    f"cannot read it: more than {LIMIT} bytes", place=shown, remedy="move large annotations out of the manifest"
                )
    return b"".join(chunks)


def parse(data: bytes, shown: str) -> Document:
    """The document, whatever is wrong with its text."""
    from contain import document

    return document.parse(data, shown, limit=LIMIT)


def require(kind: str, document: Document, *, warnings: list[str]) -> dict[str, Any]:
    """What a document of this kind says; ManifestError when its text or shape is blocking, else findings are warnings."""
    from contain import schema

    found = schema.check(kind, document)
    blocking = [one for one in found if one.blocking]
    if blocking:
        raise error(blocking, found)
    if not isinstance(document.value, dict):
        raise ManifestError("is not a JSON object", place=f"{document.name}:1:1", remedy="a manifest begins with { and ends with }")
    warnings += [f"{one.place}: {one.message}" for one in found]
    return document.value


def error(blocking: list[Diagnostic], found: list[Diagnostic]) -> ManifestError:
    """The first finding as an error that carries them all."""
    first = blocking[0]
    words, more = path(first.pointer), len(blocking) - 1
    return ManifestError(
        f"{words}: {first.message}" if words and not first.message.startswith(words) else first.message,
        place=first.place,
        cause=f"and {more} more: contain lint shows all" if more else "",
        remedy=first.fix or f"contain rule {first.id} explains it",
        diagnostics=[first, *(one for one in found if one is not first)],
    )
