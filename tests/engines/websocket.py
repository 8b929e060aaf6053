"""A client of the streams that a CRI runtime serves: kubectl exec and attach, over a websocket (v4.channel.k8s.io)."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)  # the protocol's channels: the first byte of each message
CLOSE, PING, PONG = 8, 9, 10


class Stream:
    """One session. What it says is collected by channel."""

    def __init__(self, url: str, seconds: float = 100) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=seconds)
        self._file = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: Upgrade", "Upgrade: websocket"]
        lines += [
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Protocol: v4.channel.k8s.io",
            "Origin: http://localhost",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        status = self._file.readline()
        while self._file.readline().strip():
            pass
        assert status.split()[1] == b"101", status
        self.said = {STDOUT: b"", STDERR: b"", ERROR: b""}

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, channel: int, data: bytes) -> None:
        """One message; a client's are masked."""
        self._frame(2, bytes([channel]) + data)

    def resize(self, width: int, height: int) -> None:
        """The terminal's size."""
        self.send(RESIZE, json.dumps({"Width": width, "Height": height}).encode())

    def until(self, channel: int, words: bytes) -> None:
        """Reads until a channel has said `words`."""
        while words not in self.said[channel]:
            assert self._message(), self.said

    def end(self) -> dict[str, Any]:
        """Reads to the end: the status of the session."""
        while self._message():
            pass
        status: dict[str, Any] = json.loads(self.said[ERROR])
        return status

    def _frame(self, kind: int, data: bytes) -> None:
        mask = os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self._socket.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def _message(self) -> bool:
        """Reads one; False at the end."""
        head = self._file.read(2)
        if len(head) < 2:
            return False
        length = head[1] & 0x7F
        if length >= 126:
            size = 2 if length == 126 else 8
            length = int.from_bytes(self._file.read(size), "big")
        data = self._file.read(length)
        kind = head[0] & 0x0F
        if kind == PING:
            self._frame(PONG, data)
        elif kind == CLOSE:
            return False
        elif data:
            self.said[data[0]] = self.said.get(data[0], b"") + data[1:]
        return True


def exit_code(status: dict[str, Any]) -> int:
    """The program's, of a session's status."""
    if status["status"] == "Success":
        return 0
    return next(int(cause["message"]) for cause in status["details"]["causes"] if cause["reason"] == "ExitCode")
