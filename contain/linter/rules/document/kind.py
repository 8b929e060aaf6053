"""DOC3 to DOC9: the kind of a document, limits, the settings of lint, and lint's own faults. The engine finds these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.linter.registry import rule
from contain.linter.rules.document.text import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.document import Document, Problem
    from contain.linter.fix import Fix

    Nothing = Iterator[tuple[Problem, Fix | str]]


@rule
def unknown_kind(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    r"""DOC301 unknown-kind: a file that is named is a manifest of a known kind.

    Only for files named on the command line, and not with --skip-unknown. --kind says what it is meant to be.

    section: contain lint
    bad-text: "{\"colour\": \"blue\"}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"}}"
    """
    return iter(())


@rule
def ambiguous_kind(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    r"""DOC302 ambiguous-kind: a document is of one kind.

    A document with the members of an index and of a manifest is read as one thing by one tool and as another by the next: a way to smuggle an
    image past
    a check (CVE-2021-41190).

    section: image-index.md / Image Index Property Descriptions
    rows: II18
    bad-text: "{\"schemaVersion\": 2, \"manifests\": [], \"config\": {}, \"layers\": []}"
    good-text: "{\"schemaVersion\": 2, \"mediaType\": \"application/vnd.oci.image.index.v1+json\", \"manifests\": []}"
    """
    return iter(())


@rule
def not_checked(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    r"""DOC303 not-checked: a relative of the manifests that has no rules here.

    Seccomp profiles, CRI configs, CDI specifications, Compose files and engines' inspect output are recognised so that nobody thinks they were
    checked.

    section: contain lint
    severity: info
    bad-text: "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": []}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"}}"
    """
    return iter(())


@rule
def too_large(document: Document) -> Nothing:
    """DOC401 too-large: a document has at most 4 MiB, or what --max-size says.

    Registries take no larger manifest, and no hand-written config comes near.

    section: descriptor.md / Embedded Content
    rows: MF21
    """
    return problems(document, "DOC401")


@rule
def too_deep(document: Document) -> Nothing:
    """DOC402 too-deep: a document is nested at most 128 deep.

    No manifest nests more than about ten; parsers that recurse end in a crash. --max-depth says how deep.

    section: contain lint
    """
    return problems(document, "DOC402")


@rule
def too_many(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    """DOC403 too-many-findings: a file has at most 1,000 findings.

    The rest is not told. --max-findings says how many are.

    section: contain lint
    severity: info
    """
    return iter(())


@rule
def too_slow(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    """DOC404 too-slow: a file is checked within the time that it has.

    Its worker was ended; the others went on. --timeout says how many seconds a file has, from 64 files up.

    section: contain lint
    """
    return iter(())


@rule
def idle_allow(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    """DOC501 idle-allow: every [[lint.allow]] entry allows something.

    An entry that matches nothing is left over, or misspelt.

    section: contain lint
    severity: warning
    """
    return iter(())


@rule
def expired_allow(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    """DOC502 expired-allow: no [[lint.allow]] entry is past its day.

    It allows nothing any more: mend the finding, or think again and set a new day.

    section: contain lint
    severity: warning
    """
    return iter(())


@rule
def own_schema(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    """DOC601 own-schema: the document is as the schemas of [[lint.schema]] say.

    They are the user's own, for whole documents, members, or annotations that hold JSON.

    section: contain lint
    """
    return iter(())


@rule
def rule_failed(document: Document) -> Nothing:  # noqa: ARG001  the engine finds it
    """DOC999 rule-failed: a rule of contain did its work.

    A fault of contain: the rule named in the message raised; all others ran. Please report it.

    section: contain lint
    """
    return iter(())
