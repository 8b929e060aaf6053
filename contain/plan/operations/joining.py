"""Operations of the family joining: what enters namespaces and containers that others made."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class OpenNamespace(Operation):
    """Opens the namespace file at `path` into `slot` and checks that it is of the type `flag` (a CLONE_NEW* bit)."""

    remedies = {
        "ENOENT": "the process that held this namespace is gone: start it, or correct the path",
        "EINVAL": "the path is no namespace of this type",
        "EPERM": "leave the sysctl out, or give the container a namespace of its own",
    }

    stage: int = at.OPEN
    path: str
    flag: int
    type: str
    slot: int

    def describe(self) -> str:
        """See the base."""
        return f"open the {self.type} namespace {self.path}"


class EnterNamespace(Operation):
    """Joins the namespace in `slot`, once; with `optional`, one that is refused is left for a second try after the user namespace."""

    remedies = {
        "EPERM": "the namespace belongs to a user namespace in which you have no privilege",
        "EINVAL": "it belongs to another kind, or is joined already",
    }

    stage: int = at.JOIN
    flag: int
    type: str
    slot: int
    optional: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"join the {self.type} namespace"


class AdoptContainer(Operation):
    """Takes over a container made by an earlier call: locks its turn, verifies that init's pid is still the same process.

    `verb` decides which statuses are allowed and what happens to init: `start` wants created; `delete` wants stopped, or kills
    a created one, or with `force` any; `exec` wants running or created (`force`: paused too).
    """

    stage: int = at.OPEN
    root: str
    id: str
    verb: str
    force: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"take over the container {self.id} to {self.verb} it"

    def words(self) -> str:
        """See the base: engines match these words."""
        return f"cannot {self.verb} container {self.id}"


class OpenGate(Operation):
    """Opens the start fifo, so that init goes on, and waits until it has executed its program or said why it could not."""

    stage: int = at.OPEN

    def describe(self) -> str:
        """See the base."""
        return "open the gate"

    def words(self) -> str:
        """See the base."""
        return "cannot start the container"


class JoinContainer(Operation):
    """Joins the namespaces (CLONE_NEW* bits in `flags`) of the adopted container by its init's pidfd: no path, so no reused pid can fool it.

    The process is non-dumpable from here on: nothing inside may ptrace it or take its descriptors (CVE-2016-9962).
    """

    remedies = {"EPERM": "joining needs the privileges of whoever created the container", "ESRCH": "the container has ended"}

    stage: int = at.JOIN
    flags: int
    types: str

    def describe(self) -> str:
        """See the base."""
        return f"join the container's namespaces: {self.types}"
