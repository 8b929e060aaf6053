"""A port of a container at an address of the host: a thread that accepts, connects inside, and carries bytes both ways."""

from __future__ import annotations

import os
import selectors
import socket
import threading

from contain.container.ready import check_port
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: bytes that are read at once, and the most that waits for a slow reader
CHUNK = 1 << 16


class _Half:
    """One direction of a connection: what `source` says goes to `target`."""

    __slots__ = ("data", "ended", "source", "target")

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.data = b""
        self.ended = False  # the source has said all, and the target was told so

    def read(self) -> None:
        """Takes what is there; the end is passed on."""
        try:
            self.data = self.source.recv(CHUNK)
        except BlockingIOError:
            return
        if self.data:
            self.write()
        else:
            self.ended = True
            self.target.shutdown(socket.SHUT_WR)

    def write(self) -> None:
        """Gives what the target takes."""
        try:
            self.data = self.data[self.target.send(self.data) :]
        except BlockingIOError:
            return


def _pair(address: Any) -> tuple[str, int]:
    """An address; UsageError for what is none."""
    if not isinstance(address, (tuple, list)) or len(address) != 2 or not isinstance(address[0], str):
        raise UsageError(f"{address!r} is no address", remedy='write ("127.0.0.1", 0)')
    return address[0], address[1]


class Publisher:
    """The thread and its sockets; close() ends both."""

    def __init__(self, connect: Callable[[], socket.socket], inside: int, address: tuple[str, int]) -> None:
        """`connect` gives a new connection to the port `inside`. UsageError for a port that is none, OSError when the address is taken."""
        check_port(inside)
        host, port = _pair(address)
        if port != 0:
            check_port(port)
        self._connect = connect
        self._listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._wake, self._stop = os.pipe2(os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._halves: dict[socket.socket, _Half] = {}  # by source
        self._thread = threading.Thread(target=self._run, name=f"contain port {self.address[1]}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends all connections and the thread."""
        if self._stop >= 0:
            os.close(self._stop)
            self._stop = -1
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        finally:
            for one in list(self._halves):
                one.close()
            self._selector.close()
            self._listener.close()
            os.close(self._wake)

    def _step(self) -> bool:
        for key, events in self._selector.select():
            if key.fileobj == self._wake:
                return False
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._halves:
                self._carry(key.fileobj, events)
        return True

    def _accept(self) -> None:
        from contain.errors import ContainError

        try:
            outer, _ = self._listener.accept()
        except OSError:
            return
        try:
            inner = self._connect()
        except (OSError, ContainError):  # nobody listens inside, or the container is dead: the client sees the end
            outer.close()
            return
        for one, other in ((outer, inner), (inner, outer)):
            one.setblocking(False)
            self._halves[one] = _Half(one, other)
            self._selector.register(one, selectors.EVENT_READ)

    def _carry(self, one: socket.socket, events: int) -> None:
        mine = self._halves[one]
        theirs = self._halves[mine.target]  # what goes to `one`
        try:
            if events & selectors.EVENT_WRITE:
                theirs.write()
            if events & selectors.EVENT_READ and not mine.data and not mine.ended:
                mine.read()
        except OSError:
            self._drop(mine)
            return
        if mine.ended and theirs.ended and not mine.data and not theirs.data:
            self._drop(mine)
            return
        for half, back in ((mine, theirs), (theirs, mine)):
            wanted = 0 if half.ended or half.data else selectors.EVENT_READ
            wanted |= selectors.EVENT_WRITE if back.data else 0
            self._want(half.source, wanted)

    def _want(self, one: socket.socket, events: int) -> None:
        known = one in self._selector.get_map()
        if events and known:
            self._selector.modify(one, events)
        elif events:
            self._selector.register(one, events)
        elif known:
            self._selector.unregister(one)

    def _drop(self, half: _Half) -> None:
        for one in (half.source, half.target):
            self._want(one, 0)
            self._halves.pop(one, None)
            one.close()
