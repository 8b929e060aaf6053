"""The packets that the launcher sends to its caller (launcher/src/record.c): it is there, the program runs, how it ended."""

from __future__ import annotations

from struct import Struct

_HEAD = Struct("=4sIqiiiiIIIi7qII")
_DENIED = Struct("=IiiI")
_DENIED_COUNT = 16
HEAD_SIZE = _HEAD.size + _DENIED.size * _DENIED_COUNT
HELLO, STARTED, RESULT, LENT = 1, 2, 3, 4
REASONS = ("exited", "signaled", "timeout", "oom", "cpu-time", "killed", "error", "seccomp")
SIZE = 8192


class Record:
    """One packet; numbers that are not known are None."""

    __slots__ = (
        "code",
        "denied",
        "detail",
        "error",
        "kind",
        "operation",
        "pid",
        "place",
        "reason",
        "signal",
        "stage",
        "started",
        "type",
        "usage",
        "words",
    )

    def __init__(self, data: bytes) -> None:
        """ValueError when it is no such packet."""
        if len(data) < HEAD_SIZE or data[:4] != b"CNR1":
            raise ValueError("no record of the launcher")
        fields = _HEAD.unpack_from(data)
        self.type, self.pid = fields[1], fields[2]
        self.reason = REASONS[fields[3]] if 0 <= fields[3] < len(REASONS) else "error"
        self.code, self.signal = fields[4], fields[5]
        self.started = bool(fields[6])
        self.operation, self.kind, self.stage, self.error = fields[7:11]
        #: wall, cpu (ns), user, system (µs), max_rss (KiB), memory_peak (bytes), oom_kills
        self.usage = tuple(None if value < 0 else value for value in fields[11:18])
        #: (AUDIT_ARCH, number, pid, count) of each system call that the filter refused
        count = min(fields[18], _DENIED_COUNT)
        self.denied = [_DENIED.unpack_from(data, _HEAD.size + at * _DENIED.size) for at in range(count)]
        texts = data[HEAD_SIZE:].split(b"\0")
        self.place, self.words, self.detail = (text.decode(errors="replace") for text in (*texts, b"", b"", b"")[:3])
