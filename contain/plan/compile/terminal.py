"""The terminal, the session, and what standard input is."""

from __future__ import annotations

from contain.errors import UsageError
from contain.plan import stage as at
from contain.plan.operations.terminal import ConnectConsoleSocket, EmptyInput, OpenTerminal, OwnStreams, StartSession, TakeTerminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

POINTER = "/process/terminal"


def terminal(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family."""
    del host
    process = spec.config["process"]
    yield StartSession()
    if not (process.get("terminal") or spec.run.tty):
        _refuse_socket(spec)
        if not spec.run.interactive:
            yield EmptyInput()
        if spec.run.runc:
            yield OwnStreams(uid=process["user"]["uid"])
        return
    socket = _socket(spec, slots)
    if socket:
        yield ConnectConsoleSocket(path=spec.run.console_socket, slot=socket, origin=POINTER)
    size = process.get("consoleSize") or {}
    yield OpenTerminal(
        uid=process["user"]["uid"],
        width=size.get("width") or 0,
        height=size.get("height") or 0,
        socket=socket,
        input=spec.run.interactive,
        origin=POINTER,
    )
    # our own PID 1 stays without a terminal: the program leads the session
    yield TakeTerminal(stage=at.GO if spec.run.init else at.PREPARE, origin=POINTER)


def _socket(spec: Spec, slots: Slots) -> int:
    """The slot of the console socket; 0 when the monitor relays the terminal."""
    alone = spec.run.contract == "create" or spec.run.detach
    if alone and not spec.run.console_socket:
        raise UsageError(
            "a terminal needs --console-socket when nobody stays to relay it",
            place=spec.origins.place(POINTER),
            remedy="pass --console-socket, or set process.terminal to false",
        )
    return slots.new("terminal/socket") if spec.run.console_socket else 0


def _refuse_socket(spec: Spec) -> None:
    if spec.run.console_socket:
        raise UsageError(
            "--console-socket is given but the process has no terminal",
            place="<command line>:--console-socket",
            remedy="set process.terminal to true, or drop --console-socket",
        )
