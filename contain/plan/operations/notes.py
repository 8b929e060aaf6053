"""Operations of the family notes: of a run that nobody can ask for only what is to be undone is written down."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation
from contain.plan.operations.state import ClaimState


class KeepNote(Operation):
    """Makes ROOT/.note-TOKEN, locked for as long as monitor or guardian live: what a sweep has to undo of a run that nobody can ask for.

    Slot NOTE is the file. A state folder has nine of them, which cost 0.3 ms where /run lies on a disk, and more to remove.
    """

    remedies = ClaimState.remedies

    stage: int = at.OPEN
    root: str
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"keep a note in {self.root} of what is to be undone"

    def words(self) -> str:
        """See the base."""
        return f"cannot keep a note in {self.root}"


class NoteInit(Operation):
    """Notes which process is the container's first: its pid, start time and boot, so that a sweep kills it and no other."""

    stage: int = at.MAP

    def describe(self) -> str:
        """See the base."""
        return "note which process is the container's first"


class NoteUndo(Operation):
    """Notes in the state folder that `path` is to be undone at the end (`kind` as in contain/state/layout.py), and arms that."""

    stage: int = at.OPEN
    kind: str
    path: str
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"note that {self.path} is to be removed at the end"


class EndNote(Operation):
    """Removes the run's note: all is undone."""

    stage: int = at.TEARDOWN
    root: str
    undo: int

    def describe(self) -> str:
        """See the base."""
        return "remove the note of what was to be undone"
