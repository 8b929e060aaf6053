"""The standard streams of a run: what the caller may pass, and buffers that keep head and tail."""

from __future__ import annotations

import os

from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from contain.container.log import Log

PIPE, STDOUT, DEVNULL = -1, -2, -3  # as in subprocess
INHERIT = -4
LOG = -5  # a bounded file, to be read while the container runs
LOG_KEEP = 16 << 20  # bytes of it that are kept, head and tail together
CHUNK = 1 << 16
KEEP = 1 << 20  # bytes of an output stream that are kept, head and tail together


class Limit:
    """How much of an output stream is kept, and what happens to more: `on_excess`.

    "both": the first and the last half are kept (what happens when nobody asked for a limit); "tail": the last bytes; "drain": the
    first ones, the others are read and dropped; "kill": the first ones, and the run ends with Reason.OUTPUT_LIMIT.
    """

    __slots__ = ("on_excess", "size")

    def __init__(self, size: int = KEEP, on_excess: str = "both") -> None:
        """`size` is in bytes, for each stream."""
        self.size = size
        self.on_excess = on_excess

    @property
    def head(self) -> int:
        """How many of the kept bytes are the first ones."""
        return {"both": self.size // 2, "tail": 0}.get(self.on_excess, self.size)


class Buffer:
    """Output of one stream: as much of it as its limit says."""

    __slots__ = ("_head", "_limit", "_tail", "size")

    def __init__(self, limit: Limit) -> None:
        """Empty."""
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        """Further output."""
        self.size += len(data)
        room = self._limit.head - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        excess = len(self._tail) - (self._limit.size - self._limit.head)
        if excess > 0:
            del self._tail[:excess]

    @property
    def exceeded(self) -> bool:
        """Whether the run is to end for it."""
        return self._limit.on_excess == "kill" and self.size > self._limit.size

    @property
    def truncated(self) -> bool:
        """Whether something was dropped."""
        return self.size > len(self._head) + len(self._tail)

    def value(self) -> bytes:
        """What was kept."""
        return bytes(self._head + self._tail)


class Streams:
    """The three streams of one run: the child's ends, ours, and what is to be closed when."""

    __slots__ = ("buffers", "captures", "child", "errors", "input", "limit", "logs", "ours", "text")

    def __init__(
        self,
        *,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        input: bytes | str | None = None,
        text: str = "",
        errors: str = "replace",
        limit: Limit | None = None,
        log: str = "",
        driven: bool = True,
    ) -> None:
        """Opens the pipes; `text` is the encoding, "" for bytes. Everything opened is closed by close().

        `log` begins the names of log files that other processes are to read. Of a run that is not `driven` from its start to its end
        nobody feeds stdin: its input is a file in memory, and its pipe the caller's.
        """
        if input is not None and stdin not in {None, PIPE}:
            raise UsageError("stdin and input may not both be given")
        try:
            self.input = memoryview(input.encode(text or "utf-8") if isinstance(input, str) else input or b"").cast("B")
        except (TypeError, UnicodeEncodeError) as problem:
            raise UsageError(f"input: {problem}", remedy="give bytes, or a text that the encoding has") from None
        self.text = text
        self.errors = errors
        self.limit = limit
        self.child: list[int] = []
        self.ours: dict[str, int] = {}
        self.buffers: dict[str, Buffer] = {}
        self.logs: dict[str, Log] = {}
        self.captures: list[tuple[int, ...]] = []  # for the launcher: pipe, file, how much of it
        try:
            self._open_stdin(DEVNULL if stdin is None else stdin, has_input=input is not None, driven=driven)
            self._open_output("stdout", PIPE if stdout is None else stdout, log)
            self._open_output("stderr", PIPE if stderr is None else stderr, log)
        except BaseException:
            self.close()
            raise

    def _open_stdin(self, stdin: Any, *, has_input: bool, driven: bool) -> None:
        if has_input and not driven:
            self.child.append(_file_of(self.input))
        elif has_input or stdin == PIPE:
            theirs, ours = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self.child.append(theirs)
            self.ours["stdin"] = ours
        else:
            self.child.append(_given(stdin, 0))

    def _open_output(self, name: str, target: Any, log: str) -> None:
        if target == PIPE:
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self.child.append(theirs)
            self.ours[name] = ours
            self.buffers[name] = Buffer(self.limit or Limit())
        elif target == LOG:
            self._open_log(name, f"{log}.{name}" if log else "")
        elif target == STDOUT and name == "stderr":
            self.child.append(os.dup(self.child[1]))
        else:
            self.child.append(_given(target, 1 if name == "stdout" else 2))

    def _open_log(self, name: str, path: str) -> None:
        from contain.container.log import Log

        limit = self.limit or Limit(LOG_KEEP)
        self.logs[name] = found = Log(limit, path)
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        self.child.append(theirs)
        self.captures.append((ours, found.fd, limit.head, limit.size - limit.head, limit.on_excess == "kill"))

    def close_child(self) -> None:
        """After the spawn: the child has its own copies."""
        while self.child:
            os.close(self.child.pop())
        while self.captures:
            os.close(self.captures.pop()[0])

    def close_ours(self, name: str) -> None:
        """One stream is at its end."""
        fd = self.ours.pop(name, -1)
        if fd >= 0:
            os.close(fd)

    def file(self, name: str) -> IO[Any] | None:
        """Our end of a pipe as a file, which is the caller's from now on; None where there is no pipe."""
        if name not in self.ours:
            return None
        self.buffers.pop(name, None)
        fd = self.ours.pop(name)
        os.set_blocking(fd, True)
        raw: IO[bytes] = open(fd, "wb" if name == "stdin" else "rb")  # noqa: SIM115  who has it closes it
        if not self.text:
            return raw
        from io import TextIOWrapper

        return TextIOWrapper(raw, self.text, self.errors, write_through=True)

    def close(self) -> None:
        """All that is still open."""
        self.close_child()
        for name in list(self.ours):
            self.close_ours(name)
        while self.logs:
            self.logs.popitem()[1].close()

    def feed(self) -> None:
        """Writes what stdin takes now; closes it when all is written or nobody reads."""
        try:
            self.input = self.input[os.write(self.ours["stdin"], self.input[:CHUNK]) :] if self.input else self.input
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.input = memoryview(b"")
        if not self.input:
            self.close_ours("stdin")

    def drain(self, name: str) -> None:
        """Reads what is there now; at the end of the stream it is closed."""
        fd = self.ours.get(name, -1)
        while fd >= 0:
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.close_ours(name)
                return
            self.buffers[name].add(data)
            if len(data) < CHUNK:
                return

    @property
    def exceeded(self) -> bool:
        """Whether the run is to end, or has ended, for its output."""
        return any(buffer.exceeded for buffer in self.buffers.values()) or any(log.exceeded for log in self.logs.values())

    @property
    def truncated(self) -> frozenset[str]:
        """The streams of which something was dropped."""
        buffers = {name for name, buffer in self.buffers.items() if buffer.truncated}
        return frozenset(buffers | {name for name, log in self.logs.items() if log.truncated})

    def encoded(self, kept: Any) -> bytes:
        """What value() gave, as bytes again."""
        found: bytes = kept.encode(self.text, "replace") if isinstance(kept, str) else kept
        return found

    def value(self, name: str) -> Any:
        """What was captured: bytes or str; None when it went elsewhere."""
        if name in self.logs:
            data = self.logs[name].value()
        elif name in self.buffers:
            data = self.buffers[name].value()
        else:
            return None
        return data.decode(self.text, self.errors).replace("\r\n", "\n") if self.text else data


def _file_of(data: memoryview) -> int:
    """A file in memory, to be read from its beginning."""
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _given(target: Any, inherited: int) -> int:
    """A descriptor of ours for what the caller gave: DEVNULL, INHERIT, a number or a file."""
    if target == DEVNULL:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    if target == INHERIT:
        return os.dup(inherited)
    try:
        if isinstance(target, int) and not isinstance(target, bool) and target >= 0:
            return os.dup(target)
        if hasattr(target, "fileno"):
            return os.dup(target.fileno())
    except (OSError, ValueError) as problem:  # closed, or a file of Python's only
        raise UsageError(f"no open descriptor: {target!r}: {problem}", remedy="give an open file of the system, or PIPE") from None
    raise UsageError(f"not a stream: {target!r}", remedy="give PIPE, DEVNULL, INHERIT, a descriptor or an open file")
