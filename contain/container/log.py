"""Log: what a container that goes on has said, in a file that is bounded; the launcher writes it (launcher/src/capture.c)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.container.streams import Limit

CHUNK = 1 << 16
#: how much more than is kept stays in the file for a while
SLACK = 1 << 20


class Log:
    """One stream's file. An offset in it is one in the stream; between the first and the last bytes that are kept is a hole."""

    __slots__ = ("fd", "limit")

    def __init__(self, limit: Limit, path: str = "") -> None:
        """Makes the file: without a name in /tmp, or at `path`, which then must not be there."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        self.limit = limit
        self.fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600) if path else os.open("/tmp", flags | os.O_TMPFILE, 0o600)

    @classmethod
    def of(cls, path: str, limit: Limit) -> Log:
        """One that another process made."""
        found = object.__new__(cls)
        found.limit = limit
        found.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return found

    def close(self) -> None:
        """The descriptor."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """Of a container that was let go; its writer has a descriptor of its own."""
        if getattr(self, "fd", -1) >= 0:
            os.close(self.fd)

    @property
    def size(self) -> int:
        """Of all that was said; of a log that keeps the head only, one more than that when there was more."""
        return os.fstat(self.fd).st_size

    @property
    def truncated(self) -> bool:
        """Whether something was dropped."""
        return self.size > self.limit.size

    @property
    def exceeded(self) -> bool:
        """Whether the run is to end, or has ended, for it."""
        return self.limit.on_excess == "kill" and self.truncated

    @property
    def tail(self) -> int:
        """How many of the last bytes are kept."""
        return self.limit.size - self.limit.head

    def value(self, tail: int | None = None) -> bytes:
        """What was kept; with `tail` its last lines."""
        size = self.size
        data = self._read(0, size) if size <= self.limit.size else self._read(0, self.limit.head) + self._last()
        return last_lines(data, tail)

    def find(self, text: bytes, start: int) -> tuple[bool, int]:
        """Whether this was said from an offset on, and from where to look the next time: nothing is read twice while it is waited for."""
        size, at, parts = self.size, start, []
        if size > self.limit.size:
            parts.append(self._read(at, self.limit.head - at))
            at = max(at, size - self.tail)
        parts.append(self._read(at, size - at))
        found = any(text in part for part in parts)
        return found, start if found else max(at, size - len(text) + 1)

    def _last(self) -> bytes:
        """The last bytes; read again when the writer was so quick that they were not the last ones any more."""
        while self.tail:
            start = self.size - self.tail
            data = self._read(start, self.tail)
            if self.size - self.tail - SLACK <= start:
                return data
        return b""

    def _read(self, at: int, size: int) -> bytes:
        parts = []
        while size > 0 and (part := os.pread(self.fd, size, at)):
            parts.append(part)
            at += len(part)
            size -= len(part)
        return b"".join(parts)


def last_lines(data: bytes, count: int | None) -> bytes:
    """So many of them, or all."""
    return data if count is None else b"".join(data.splitlines(keepends=True)[-count:] if count else [])


class Follower:
    """Reads a log from its beginning on, in whole lines; what was dropped before it was read is left out."""

    __slots__ = ("_at", "_cut", "_log", "_rest")

    def __init__(self, log: Log) -> None:
        """Nothing is read yet."""
        self._log = log
        self._at = 0
        self._rest = b""
        self._cut = False  # the next line lacks its beginning

    def lines(self, *, last: bool) -> list[bytes]:
        """The whole lines that came since the last call; with `last` what is left of one too."""
        found: list[bytes] = []
        while data := self._next():
            *whole, self._rest = (self._rest + data).split(b"\n")
            if self._cut and whole:
                del whole[0]
                self._cut = False
            found += [line + b"\n" for line in whole]
        if last and self._rest:
            found += [] if self._cut else [self._rest]
            self._rest = b""
        return found

    def _next(self) -> bytes:
        """The next bytes that are there; the hole is jumped over."""
        log = self._log
        size, kept = log.size, log.limit.size
        if size > kept and self._at >= log.limit.head:
            start = size - log.tail
            if start > self._at and not log.tail:
                return b""
            if start > self._at:
                self._at, self._rest, self._cut = start, b"", True
        end = log.limit.head if size > kept and self._at < log.limit.head else size
        data = os.pread(log.fd, min(CHUNK, end - self._at), self._at)
        if size > kept and self._at >= log.limit.head and log.size - log.tail - SLACK > self._at:
            return self._next()  # dropped while it was read
        self._at += len(data)
        return data
