"""Diagnostic: one thing that is wrong, with its place and its remedy."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.document import Document, Position, Problem

ERROR, WARNING, INFO = "error", "warning", "info"
#: worst first
SEVERITIES = (ERROR, WARNING, INFO)


class Diagnostic:
    """One finding: rule id and name, severity, words, file, JSON pointer and position, and the fix in words."""

    __slots__ = ("edit", "file", "fix", "id", "key", "message", "name", "page", "pointer", "position", "severity")

    def __init__(
        self,
        *,
        id: str,
        name: str,
        severity: str,
        message: str,
        file: str,
        pointer: str = "",
        position: Position | None = None,
        fix: str = "",
        page: str = "",
        edit: object = None,
    ) -> None:
        """`position` is None when the finding is about no place in a text (a missing file, a folder); `edit` is a contain.linter.fix.Fix."""
        self.id = id
        self.name = name
        self.severity = severity
        self.message = message
        self.file = file
        self.pointer = pointer
        self.position = position
        self.fix = fix
        self.page = page
        self.edit = edit
        #: the pointer with list items named by what they are, for fingerprints
        self.key = pointer

    @property
    def place(self) -> str:
        """`file:line:column`, or the file alone."""
        return f"{self.file}:{self.position.line}:{self.position.column}" if self.position else self.file

    @property
    def blocking(self) -> bool:
        """Whether a launch must be refused for it."""
        return table(self.id)[2]

    def __str__(self) -> str:
        """One line, as the format `concise` has it."""
        return f"{self.place}: {self.id} {self.severity}: {self.message}"

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"<{self!s}>"


def table(id: str) -> tuple[str, str, bool, str, str]:
    """Name, severity, blocking, section and page of a rule; unknown ids are errors that block."""
    from contain.diagnostics.table import RULES

    return RULES.get(id, (id.lower(), ERROR, True, "", ""))


def make(id: str, message: str, file: str, pointer: str = "", position: Position | None = None, *, fix: str = "") -> Diagnostic:
    """A diagnostic with what the table of rules knows about its id."""
    name, severity, _, _, page = table(id)
    return Diagnostic(
        id=id, name=name, severity=severity, message=message, file=file, pointer=pointer, position=position, fix=fix, page=page
    )


def from_problem(document: Document, problem: Problem) -> Diagnostic:
    """What is wrong with a text, as a diagnostic."""
    return make(problem.id, problem.message, document.name, problem.pointer, problem.position if document.is_text else None)
