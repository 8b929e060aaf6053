"""Connections to a port of a container's loopback, through sockets that were made inside: as steps, for all drivers."""

from __future__ import annotations

import os
import socket
import time
from errno import EINPROGRESS

from contain.container import lend
from contain.container.job import moment
from contain.container.ready import check_port
from contain.container.steps import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.container.steps import Asking

#: where a port of the container is looked for
ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
#: how long, in seconds, an HTTP server may take for one answer
PATIENCE = 5.0
#: of an answer so much is read for its first line
FIRST_LINE = 4096


def dialing(made: socket.socket, address: tuple[str, int], timeout: float | None) -> Asking:
    """Until a socket is connected, which does not block from then on; TimeoutError when it is not in time."""
    check_port(address[1])
    until = moment(timeout)
    made.setblocking(False)
    error = made.connect_ex(address)
    if error == EINPROGRESS:
        _, writable = yield Wait([], [made.fileno()], until)
        if not writable:
            raise TimeoutError(f"{address[0]}:{address[1]} does not answer in {timeout:g} s")
        error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, f"{address[0]}:{address[1]}: {os.strerror(error)}")


def connecting(root: str, id: str, port: int, timeout: float | None) -> Asking:
    """A connection to a port of the container's loopback, by IPv4, or by IPv6 when nobody listens there; it does not block."""
    check_port(port)
    moment(timeout)  # before a process of ours is started for it
    refused: ConnectionRefusedError | None = None
    for family, host in ADDRESSES:
        lending = lend.making(root, id, family)
        try:
            yield from lending.steps
            made = socket.socket(family, socket.SOCK_STREAM, fileno=lending.take()[0])
        finally:
            lending.close()
        try:
            yield from dialing(made, (host, port), timeout)
        except ConnectionRefusedError as problem:
            made.close()
            refused = refused or problem
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise refused or AssertionError


def answering(root: str, id: str, port: int, path: str, status: int) -> Asking:
    """Whether an HTTP server on this port answers a GET with this status."""
    try:
        made = yield from connecting(root, id, port, PATIENCE)
    except OSError:
        return False
    deadline = time.monotonic() + PATIENCE
    said = b""
    try:
        made.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        while b"\n" not in said and len(said) < FIRST_LINE and time.monotonic() < deadline:
            ready, _ = yield Wait([made.fileno()], [], deadline)
            part = made.recv(FIRST_LINE) if ready else b""
            if not part:
                break
            said += part
    except OSError:
        return False
    finally:
        made.close()
    words = said.split(None, 2)
    return len(words) > 1 and words[0].startswith(b"HTTP/") and words[1] == str(status).encode()
