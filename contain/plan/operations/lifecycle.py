"""Operations of the family lifecycle: the gate between create and start, and taking over a container that another call made."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class MakeGate(Operation):
    """Makes the start fifo in the state folder and opens it (as a mere path) into `slot`, for init."""

    stage: int = at.OPEN
    slot: int

    def describe(self) -> str:
        """See the base."""
        return "make the start fifo"


class HoldDescriptors(Operation):
    """Opens init's own /proc/self/fd in the host's procfs into `slot`: the way to open the fifo once the host is out of view."""

    stage: int = at.PREPARE
    slot: int

    def describe(self) -> str:
        """See the base."""
        return "hold the own descriptors"


class WaitAtGate(Operation):
    """Waits until `start` opens the fifo for reading; from then on failures are reported through it. execve closes it."""

    stage: int = at.GATE
    fifo: int
    descriptors: int

    def describe(self) -> str:
        """See the base."""
        return "wait for start"


class LeaveContainer(Operation):
    """The caller goes when init waits at the gate (`at_gate`), or when the program was executed; nobody of ours stays to watch."""

    stage: int = at.OPEN
    at_gate: bool

    def describe(self) -> str:
        """See the base."""
        return "leave the container to its caller" + (" when it waits for start" if self.at_gate else " once it runs")


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


class LendFile(Operation):
    """Opens a regular file of the container for the caller, found below its root whatever its links say, and ends.

    With `write` it is made when it is missing, emptied, and gets `mode`, of which only the permissions count.
    """

    stage: int = at.GO
    path: str
    write: bool
    mode: int = 0

    def describe(self) -> str:
        """See the base."""
        return f"{'write' if self.write else 'read'} {self.path} of the container"


class LendTree(Operation):
    """Opens what the caller asks for on our standard input, a socket, one packet each, until it is closed; found as by LendFile.

    A letter, then a path: `r` a regular file; `d` a folder; `l` a link itself; `w` and four octal digits: a file to write; `m` and digits: a
    folder is made; `s`, the path, a zero byte and what it says: a link is made. The answer is an errno (int32), with the descriptor.
    """

    stage: int = at.GO

    def describe(self) -> str:
        """See the base."""
        return "copy a folder of the container"


class LendSockets(Operation):
    """Makes `count` stream sockets of an address family in the container's network for the caller, and ends."""

    stage: int = at.GO
    family: int
    count: int

    def describe(self) -> str:
        """See the base."""
        return f"make {self.count} sockets in the container's network"
