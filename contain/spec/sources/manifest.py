"""Reading a manifest: bounded, parsed, held against its schema; the first blocking finding is the error, all are carried by it."""

from __future__ import annotations

import os
import stat

from contain.errors import ManifestError
from contain.spec.model import path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.diagnostics.model import Diagnostic
    from contain.document import Document

LIMIT = 4 << 20


def read(file: str, shown: str) -> bytes:
    """The bytes of a regular file of at most 4 MiB."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as problem:
        remedy = (
            "give a bundle (a folder with config.json and a rootfs)"
            if problem.errno == 2
            else "check the permissions of the file and its folders"
        )
        raise ManifestError(f"cannot read it: {problem.strerror}", place=shown, remedy=remedy) from None
    with open(descriptor, "rb", closefd=True, buffering=0) as source:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise ManifestError("cannot read it: not a regular file", place=shown, remedy="give the path of a JSON file")
        if facts.st_size > LIMIT:
            raise ManifestError(
                f"cannot read it: {facts.st_size} bytes, the limit is {LIMIT}",
                place=shown,
                remedy="move large annotations out of the manifest",
            )
        chunks = []
        while chunk := source.read(LIMIT + 1):
            chunks.append(chunk)
            if sum(map(len, chunks)) > LIMIT:
                raise ManifestError(
                    f"cannot read it: more than {LIMIT} bytes", place=shown, remedy="move large annotations out of the manifest"
                )
    return b"".join(chunks)


def parse(data: bytes, shown: str) -> Document:
    """The document; text that is no JSON object is an error with line and column."""
    from contain import document as reader

    document = reader.parse(data, shown, limit=LIMIT)
    if document.problems:
        _problems(document, shown)
    if not isinstance(document.value, dict):
        raise ManifestError("is not a JSON object", place=f"{shown}:1:1", remedy="a manifest begins with { and ends with }")
    return document


def _problems(document: Document, shown: str) -> None:
    from contain.diagnostics import rules

    found = [_diagnostic(shown, problem.id, problem.message, problem.pointer, problem.position) for problem in document.problems]
    blocking = [one for one in found if document.value is None or rules.rule(one.id).blocking]
    if blocking:
        raise _error(blocking, found)


def validate(kind: str, document: Document, shown: str = "") -> None:
    """Holds the document against its schema; only on a finding is anything else imported."""
    from contain import schema

    findings = schema.validate(kind, document.value)
    if not findings:
        return
    positions = document.positions({finding.pointer for finding in findings})
    found = [_diagnostic(shown or document.name, one.id, one.message, one.pointer, positions[one.pointer]) for one in findings]
    raise _error(found, found)


def _diagnostic(shown: str, rule: str, message: str, pointer: str, position: object) -> Diagnostic:
    from contain.diagnostics import rules
    from contain.diagnostics.model import Diagnostic

    known = rules.rule(rule)
    return Diagnostic(id=rule, name=known.name, severity=known.severity, message=message, file=shown, pointer=pointer, position=position)


def _error(blocking: list[Diagnostic], found: list[Diagnostic]) -> ManifestError:
    first = blocking[0]
    position = first.position
    place = f"{first.file}:{position.line}:{position.column}" if position is not None else first.file
    words = path(first.pointer)
    more = len(blocking) - 1
    return ManifestError(
        f"{words}: {first.message}" if words and not first.message.startswith(words) else first.message,
        place=place,
        cause=f"and {more} more like this: contain lint shows all" if more else "",
        remedy=first.fix or f"contain lint {first.file} explains the rule {first.id}",
        diagnostics=[first, *(one for one in found if one is not first)],
    )
