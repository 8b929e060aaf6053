"""Operations of the family state: what is written down about a container, and what of it is undone."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


def _shown(id: str) -> str:
    return id or "(a name of the launcher's own)"


class ClaimState(Operation):
    """Makes the state folder ROOT/ID complete beside its place, then renames it there: a name is taken by one container only.

    `id` is empty for a name of the launcher's own. `marks` are empty files (contain/state/layout.py); `config`, `template` and `summary` are the
    texts of the files of those names, the last two with holes; an empty one makes no file. Slot STATE is the folder, slot `lock` holds its lock.
    """

    remedies = {
        "EEXIST": "choose another name, or end that container: `contain rm --force NAME`",
        "EACCES": "choose a folder of your own with --root or $XDG_RUNTIME_DIR",
        "EROFS": "choose a writable folder with --root",
        "EPERM": "the folder must be yours, and nobody else may write to it: choose another with --root",
    }

    stage: int = at.OPEN
    root: str
    id: str
    config: str = ""
    template: str = ""
    summary: str
    marks: list[str]
    lock: int
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"claim the state folder {self.root}/{_shown(self.id)}"

    def words(self) -> str:
        """See the base."""
        return f'cannot take the name "{self.id}"' if self.id else f"cannot make a state folder in {self.root}"


class PublishState(Operation):
    """Writes `status` and what goes with it into the state folder; with `release` nobody of ours answers for the container any more."""

    stage: int = at.PUBLISH
    status: str
    release: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"write down that the container is {self.status}"


class WritePidFile(Operation):
    """Writes init's pid, without a newline, into a file that appears whole or not at all; `undo` removes it at the end, 0 leaves it."""

    remedies = {"ENOENT": "create the folder of the pid file", "EACCES": "choose a pid file in a folder that you may write to"}

    stage: int = at.PUBLISH
    path: str
    undo: int = 0

    def describe(self) -> str:
        """See the base."""
        return f"write the pid file {self.path}"


class SendPidfd(Operation):
    """Sends a pidfd of the container's process (of exec: the further process) to the unix socket at `path`, as one message "pidfd"."""

    remedies = {
        "ENOENT": "listen on the pidfd socket before the container is made",
        "ECONNREFUSED": "nobody listens on the pidfd socket",
    }

    stage: int = at.PUBLISH
    path: str

    def describe(self) -> str:
        """See the base."""
        return f"send a pidfd to the socket {self.path}"


class RemoveFile(Operation):
    """Removes the pid file, if it was made and still holds this run's pid."""

    stage: int = at.TEARDOWN
    path: str
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"remove {self.path}"


class RemoveTree(Operation):
    """Removes a folder of this run with all that is in it, following no link and crossing no mount."""

    stage: int = at.TEARDOWN
    path: str
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"remove {self.path} with all that is in it"


class EndState(Operation):
    """Writes down how the container ended, then removes its state folder, or with `keep` leaves it as `stopped`."""

    stage: int = at.TEARDOWN
    root: str
    keep: bool = False
    undo: int

    def describe(self) -> str:
        """See the base."""
        return "write down how the container ended" + ("" if self.keep else " and remove its state folder")
