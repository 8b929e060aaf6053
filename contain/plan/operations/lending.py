"""Operations of the family lending: descriptors from inside a container, for who called."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


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
