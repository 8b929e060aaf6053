"""DOC2: members: twice, in other case, unknown, misplaced, null. contain.linter.members and document find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.linter.registry import rule
from contain.linter.rules.document.text import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.document import Document, Problem
    from contain.linter.fix import Fix


@rule
def duplicate(document: Document) -> Iterator[tuple[Problem, Fix | str]]:
    r"""DOC201 duplicate-member: no member is given twice.

    runc and Python obey the last one; other parsers take the first or refuse the document. Who checks one and runs the other is fooled.

    section: JSON document level
    readers: runc reads it, crun reads it, actool reads it
    blocking: yes
    rows: RD02 IA02
    bad-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"a\", \"hostname\": \"b\"}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"hostname\": \"b\"}"
    """
    return problems(document, "DOC201", "keep the one that is meant")


@rule
def other_case(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  contain.linter.members finds it
    """DOC202 member-case: members are written in the case of the specification.

    Go reads member names without regard to case: runc obeys `HostName`, and with `hostname` beside it the last one wins. crun matches exactly and
    ignores it. So one document is two configurations.

    section: config.md / Extensibility
    readers: runc reads it, crun reads it, actool reads it
    rows: RD04
    bad: {"HostName": "box"}
    good: {"hostname": "box", "linux": {"namespaces": [{"type": "uts"}, {"type": "mount"}]}}
    """
    return iter(())


@rule
def unknown(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  contain.linter.members finds it
    """DOC203 unknown-member: members are those of the specification.

    Runtimes must ignore what they do not know, so it is no error; but it does nothing either.

    section: config.md / Extensibility
    severity: info
    readers: runc reads it, crun reads it, actool reads it
    rows: RD04
    bad: {"colour": "blue"}
    good: {"annotations": {"com.example.colour": "blue"}}
    """
    return iter(())


@rule
def misspelt(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  contain.linter.members finds it
    """DOC204 misspelt-member: a member is not one slip of the fingers away from one of the specification.

    The setting has no effect, and nothing says so: runtimes must ignore unknown members.

    section: config.md / Extensibility
    severity: warning
    rows: RD04
    bad: {"mounts": [{"destination": "/data", "type": "tmpfs", "option": ["ro"]}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "options": ["ro"]}]}
    """
    return iter(())


@rule
def misplaced(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  contain.linter.members finds it
    """DOC205 misplaced-member: a member stands where the specification has it.

    One level too high or too low it has no effect, and nothing says so.

    section: config.md / Extensibility
    severity: warning
    rows: RD04
    bad: {"linux": {"capabilities": {"bounding": []}}}
    good: {"process": {"capabilities": {"bounding": []}}}
    """
    return iter(())


@rule
def null(document: Document) -> Iterator[tuple[Problem, Fix | str]]:  # noqa: ARG001  contain.linter.members finds it
    r"""DOC206 explicit-null: a member that is absent is left out.

    Programs in Go read null as absent, others may refuse it. Silent for image documents, where engines write it.

    section: config.md / Valid values
    severity: warning
    readers: runc reads it, crun reads it, actool reads it
    rows: RD05 IA06
    bad-text: "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"}, \"mounts\": null}"
    good-text: "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"}}"
    """
    return iter(())
