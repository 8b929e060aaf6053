"""The exceptions of contain.

ContainError            everything that contain raises on purpose; `exit_code` is what the command line exits with
├── UsageError          an option or argument is wrong (125, as docker and podman do)
├── ManifestError       a manifest cannot be read or means something that cannot be run; carries `diagnostics`
├── HostError           this host, or this user on it, lacks something that was asked for
│   └── MissingFeature  the kernel was built without it; the cause names its option
├── StateError          the state folder does not allow it (no such container, wrong status, name taken)
└── LaunchError         an operation of the plan failed; carries the launcher's `report`
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def printable(text: str) -> str:
    """A text that is not ours, on one line of a terminal: what would act there, turn the line round or hide is written as an escape."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class ContainError(Exception):
    """Base of all; `message` is one line, `cause` and `remedy` are optional lines of their own, `place` says where."""

    exit_code = 125

    def __init__(self, message: str, *, place: str = "", cause: str = "", remedy: str = "") -> None:
        """`place` is `file:line:column`, `<command line>:--option` or empty."""
        super().__init__(message)
        self.message = message
        self.place = place
        self.cause = cause
        self.remedy = remedy
        for row in self.lines()[1:]:  # below the message in a traceback
            self.add_note(row)

    def __str__(self) -> str:
        """The first line: place and message."""
        return f"{self.place}: {self.message}" if self.place else self.message

    def lines(self) -> list[str]:
        """All lines as they are shown to a person: the first line, then cause and remedy indented."""
        rows = [str(self)]
        rows += [f"  cause: {self.cause}"] if self.cause else []
        rows += [f"  remedy: {self.remedy}"] if self.remedy else []
        return [printable(row) for row in rows]


class UsageError(ContainError):
    """An option or argument is wrong."""


class ManifestError(ContainError):
    """A manifest that cannot be read, or that means something that cannot be run."""

    def __init__(self, message: str, *, diagnostics: Sequence[object] = (), place: str = "", cause: str = "", remedy: str = "") -> None:
        """`diagnostics` holds every finding (contain.diagnostics.model.Diagnostic), the first blocking one first."""
        super().__init__(message, place=place, cause=cause, remedy=remedy)
        self.diagnostics = tuple(diagnostics)


class HostError(ContainError):
    """This host, or this user on it, lacks something that was asked for."""


class MissingFeature(HostError):  # noqa: N818  what it is
    """The kernel lacks something that was asked for; `cause` names the option with which it is built."""


class StateError(ContainError):
    """The state folder does not allow it."""


class LaunchError(ContainError):
    """An operation of the plan failed."""
