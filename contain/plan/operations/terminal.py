"""Operations of the family terminal: a terminal of the container's own, its session, and what its standard streams are."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class ConnectConsoleSocket(Operation):
    """Connects to the unix socket at `path`, on which the caller waits for the terminal, into `slot`."""

    remedies = {
        "ENOENT": "listen on the console socket before the container is made",
        "ECONNREFUSED": "nobody listens on the console socket",
    }

    stage: int = at.OPEN
    path: str
    slot: int

    def describe(self) -> str:
        """See the base."""
        return f"connect to the console socket {self.path}"


class StartSession(Operation):
    """Starts a session, so that signals from the caller's terminal reach the container only through the monitor."""

    stage: int = at.ENTER

    def describe(self) -> str:
        """See the base."""
        return "start a session"


class OpenTerminal(Operation):
    """Opens a terminal of the container's own devpts, shows it as /dev/console (for its first process), and hands its other side to the host.

    There it goes to the console socket in slot `socket`, or (0) the monitor relays it; `input` says whether our standard input goes in.
    `uid` will own it; `width` and `height` are 0 to take those of our terminal.
    """

    asks = True
    remedies = {
        "ENOENT": "mount devpts on /dev/pts with the option newinstance, or do without a terminal",
        "ENODEV": "mount devpts on /dev/pts with the option newinstance, or do without a terminal",
    }

    stage: int = at.PREPARE
    uid: int
    width: int = 0
    height: int = 0
    socket: int = 0
    input: bool = True
    console: bool = True

    def describe(self) -> str:
        """See the base."""
        return "open a terminal for the container"


class TakeTerminal(Operation):
    """Makes the terminal in slot CONSOLE the controlling one of a session, and the three standard streams."""

    stage: int = at.PREPARE

    def describe(self) -> str:
        """See the base."""
        return "take the terminal"


class EmptyInput(Operation):
    """Makes standard input the container's own /dev/null."""

    remedies = {
        "EACCES": "the container's /dev/null cannot be opened: a /dev of the host needs the option dev, as -v /dev:/dev:dev, or pass -i",
        "ENOENT": "the container has no /dev/null: mount a /dev, or pass -i",
    }

    stage: int = at.LOCK

    def describe(self) -> str:
        """See the base."""
        return "make standard input empty"


class OwnStreams(Operation):
    """Gives pipes and terminals among the standard streams to the process's user, so that it may open /dev/stdout; what is refused stays as it is.

    A stream that is the caller's /dev/null becomes the container's own.
    """

    stage: int = at.LOCK
    uid: int

    def describe(self) -> str:
        """See the base."""
        return f"give the standard streams to user {self.uid}"
