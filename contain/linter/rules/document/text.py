"""DOC0: the text itself. What these rules find makes runtimes disagree about what a document says, or whether it says anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.linter.fix import Fix
from contain.linter.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.document import Document, Problem


def problems(document: Document, id: str, words: str = "", put: str = "", *, cut: bool = False) -> Iterator[tuple[Problem, Fix | str]]:
    """The problems of one id that reading found, with a fix that replaces their range by `put`."""
    for problem in document.problems:
        if problem.id == id:
            yield problem, Fix(words, cut=(problem.position.offset, problem.position.end, put), safe=True) if cut else words


@rule
def syntax(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC001 syntax-error: the document is JSON (RFC 8259).

    No runtime reads it otherwise. All errors of a text are told at once, each with its place.

    section: JSON document level
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    rows: RD05
    bad-text: "{\"ociVersion\": \"1.0.2\" \"root\": {\"path\": \"rootfs\"}}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"}}"
    """
    return problems(document, "DOC001")


@rule
def encoding(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC002 not-utf8: the document is UTF-8.

    runc puts U+FFFD in the place of what is not UTF-8 and goes on; crun refuses the document. An engine that checks one text and a runtime that reads
    another is how containers get names and paths that nobody allowed.

    section: JSON document level
    readers: runc reads it, crun refuses it, actool reads it
    blocking: yes
    rows: RD01
    bad-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"b\udcffx\"}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"bøx\"}"
    """
    return problems(document, "DOC002", "save it as UTF-8")


@rule
def byte_order_mark(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC003 byte-order-mark: the document begins with no byte order mark.

    runc and crun both refuse it, though editors show nothing.

    section: JSON document level
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    rows: RD01
    bad-text: "\ufeff{\"ociVersion\": \"1.0.2\"}"
    good-text: "{\"ociVersion\": \"1.0.2\"}"
    """
    return problems(document, "DOC003", "remove it", cut=True)


@rule
def trailing_text(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC004 text-after-document: nothing follows the document's value.

    runc stops reading at the end of the first value and ignores the rest; crun refuses the document.

    section: JSON document level
    readers: runc reads it, crun refuses it, actool refuses it
    blocking: yes
    bad-text: "{\"ociVersion\": \"1.0.2\"} {}"
    good-text: "{\"ociVersion\": \"1.0.2\"}\n"
    """
    return problems(document, "DOC004", "remove it")


@rule
def comments(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC005 comment: the document has no comments.

    JSON has none: runc refuses the document, crun reads over them.

    section: JSON document level
    readers: runc refuses it, crun reads it, actool refuses it
    blocking: yes
    bad-text: "{\"ociVersion\": \"1.0.2\" /* of 2020 */}"
    good-text: "{\"ociVersion\": \"1.0.2\"}"
    """
    return problems(document, "DOC005", "remove it", cut=True)


@rule
def trailing_commas(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC006 trailing-comma: no comma stands before the end of a list or object.

    Many languages allow it, JSON does not, and every runtime refuses it.

    section: JSON document level
    readers: runc refuses it, crun refuses it, actool refuses it
    blocking: yes
    bad-text: "{\"ociVersion\": \"1.0.2\",}"
    good-text: "{\"ociVersion\": \"1.0.2\"}"
    """
    return problems(document, "DOC006", "remove the comma", cut=True)


@rule
def lone_surrogates(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC007 lone-surrogate: escapes of surrogates come in pairs.

    Half a pair stands for no character. runc puts U+FFFD in its place, crun takes three bytes that are no UTF-8, and other parsers refuse it: one
    text,
    several names.

    section: JSON document level
    readers: runc reads it, crun reads it, actool reads it
    blocking: yes
    bad-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"\\ud83d\"}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"\\ud83d\\ude00\"}"
    """
    return problems(document, "DOC007")


@rule
def nul_in_strings(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC008 nul-in-string: no string holds the character NUL.

    Strings of the kernel end at NUL: what follows is cut off silently (a path, a host name) or refused, depending on field and runtime.

    section: JSON document level
    readers: runc reads it, crun reads it, actool reads it
    blocking: yes
    rows: RC27
    bad-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"box\\u0000.evil\"}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"box\"}"
    """
    return problems(document, "DOC008")
