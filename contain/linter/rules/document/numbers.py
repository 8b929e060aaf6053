"""DOC1: numbers, which JSON leaves to the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.linter.registry import rule
from contain.linter.rules.document.text import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.document import Document, Problem
    from contain.linter.fix import Fix


@rule
def no_number(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC101 no-number: numbers are numbers: not NaN, not infinite, and small enough to be held.

    Python writes NaN and Infinity, no runtime reads them; 1e999 is infinite to a parser that does not refuse it.

    section: JSON document level
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    bad-text: "{\"ociVersion\": \"1.0.2\", \"linux\": {\"resources\": {\"pids\": {\"limit\": Infinity}}}}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"linux\": {\"resources\": {\"pids\": {\"limit\": -1}}}}"
    """
    return problems(document, "DOC101")


@rule
def too_long(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    """DOC102 number-too-long: no number has more than 4,300 digits.

    No field holds it, and reading it is work for nothing.

    section: JSON document level
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    """
    return problems(document, "DOC102")


@rule
def float_for_integer(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  the schema finds it
    """DOC103 float-for-integer: an integer is written without point and exponent.

    `1.0` and `1e3` are integers to JSON Schema since draft 6, but runc, crun and every program in Go refuse them.

    section: config.md / Valid values
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    rows: RD05
    bad: {"process": {"user": {"uid": 1.0}}}
    good: {"process": {"user": {"uid": 1}}}
    """
    return iter(())


@rule
def integer_width(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  the schema finds it
    """DOC104 integer-width: an integer fits its field.

    An id has 32 bits, and 4294967295 is none: the kernel takes it for "as before". Most limits have 64.
    Runtimes refuse what does not fit; tools in JavaScript round it silently.

    section: config.md / Valid values
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    rows: RD03 RD05
    bad: {"process": {"user": {"uid": 4294967296}}}
    good: {"process": {"user": {"uid": 4294967294}}}
    """
    return iter(())
