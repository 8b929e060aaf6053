"""A person's terminal: a program under a pseudo-terminal that controls it, what it shows, what is typed, its size."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time

PATIENCE = 100


class Terminal:
    """Runs `words` at a terminal of 24 rows and 80 columns."""

    def __init__(self, words: list[str]) -> None:
        self._ours, theirs = os.openpty()
        self.resize(24, 80)
        # setsid --ctty: only the controlling terminal tells a program of a new size
        self._process = subprocess.Popen(["setsid", "--ctty", "--wait", *words], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ours)
        self._process.kill()
        self._process.wait()

    def resize(self, rows: int, columns: int) -> None:
        """As a person drags the window's corner."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """As a person presses keys."""
        os.write(self._ours, text.encode())

    def until(self, words: str) -> None:
        """Reads until `words` are shown."""
        assert self.shows(words, PATIENCE), f"{words!r} is not shown: {self.shown[-2000:]!r}"

    def shows(self, words: str, seconds: float) -> bool:
        """Whether `words` are shown by then."""
        end = time.monotonic() + seconds
        while words not in self.shown and self._read(end) and time.monotonic() < end:
            pass
        return words in self.shown

    def code(self) -> int:
        """Reads to the end; the program's exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        return self._process.wait(max(1.0, end - time.monotonic()))

    def _read(self, end: float) -> bool:
        """Reads what is there; False at the end, which a terminal tells by an error, or when patience is."""
        if not select.select([self._ours], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._ours, 4096)
        except OSError:
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


#: prints its terminal and what is typed, then the terminal's size until ^C
SCRIPT = "tty; read line; echo got-$line; trap 'echo interrupted; exit 6' INT; while :; do stty size; sleep 0.1; done"


def play(words: list[str]) -> None:
    """Whether a person can work at a container's terminal that `words` opens: keys, size, ^C, exit code."""
    with Terminal([*words, "sh", "-c", SCRIPT]) as terminal:
        terminal.until("/dev/pts/0")
        terminal.type("word\r")
        terminal.until("got-word")
        rows = 40  # one change of size may be lost before Docker's client listens for them: the corner is dragged on
        terminal.resize(rows, 123)
        while not terminal.shows(f"{rows} 123", 3) and rows < 70:
            rows += 1
            terminal.resize(rows, 123)
        terminal.until(f"{rows} 123")
        terminal.type("\x03")
        assert terminal.code() == 6, terminal.shown
        assert "interrupted" in terminal.shown
