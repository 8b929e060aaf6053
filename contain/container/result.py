"""What came of a run: Result, with its reason, its output and what it used."""

from __future__ import annotations

from enum import Enum

from contain.errors import ContainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AnyStr, Generic

    from contain.container.isolation import Isolation
else:
    AnyStr = str

    class Generic:
        """Stands for typing's, which is slow to import: Result[str] is Result when a program runs."""

        __slots__ = ()

        def __class_getitem__(cls, _: object) -> type:
            """Itself."""
            return cls


class Reason(Enum):
    """Why a run ended; never guessed: out of memory by the kernel's counter only, seccomp by a record only."""

    EXITED = "exited"
    SIGNALLED = "signaled"
    TIMEOUT = "timeout"
    CPU_LIMIT = "cpu-time"
    OUT_OF_MEMORY = "oom"
    OUTPUT_LIMIT = "output"
    SECCOMP = "seccomp"
    KILLED = "killed"  # by us: kill(), a cancelled await, the end of the caller
    SANDBOX_ERROR = "error"


class Usage:
    """What a run used. Seconds and bytes; None where nothing on this host can tell. `sources` says where each comes from."""

    __slots__ = ("cpu", "max_rss", "memory_peak", "oom_kills", "sources", "system", "user", "wall")

    def __init__(self, numbers: tuple[int | None, ...] = (None,) * 7) -> None:
        """The numbers of a launcher's record (contain.launcher.record)."""
        wall, cpu, user, system, rss, peak, kills = numbers
        self.wall = None if wall is None else wall / 1e9
        self.user = None if user is None else user / 1e6  # ticks of 4 ms decide between user and system: approximate
        self.system = None if system is None else system / 1e6
        rusage = None if self.user is None or self.system is None else self.user + self.system
        self.cpu = rusage if cpu is None else cpu / 1e9
        self.max_rss = None if rss is None else rss * 1024  # the largest single process
        self.memory_peak = peak  # what the memory cgroup charged, page cache and tmpfs too, less what it held when the program began
        self.oom_kills = kills or 0
        group, wait = "cgroup", "rusage"
        self.sources = {
            "wall": "none" if wall is None else "clock",
            "cpu": wait if cpu is None else group,
            "user": wait,
            "system": wait,
            "max_rss": wait,
            "memory_peak": "none" if peak is None else group,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return {slot: getattr(self, slot) for slot in self.__slots__}

    def __repr__(self) -> str:
        """Values by name."""
        return f"Usage({', '.join(f'{key}={value!r}' for key, value in self.to_dict().items() if key != 'sources')})"


class Denied:
    """A system call that the filter did not allow: its name, how often it was asked for, and who asked first."""

    __slots__ = ("count", "pid", "syscall")

    def __init__(self, syscall: str, pid: int, count: int) -> None:
        """`pid` is the host's number of the thread that asked first."""
        self.syscall = syscall
        self.pid = pid
        self.count = count

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return {slot: getattr(self, slot) for slot in self.__slots__}

    def __repr__(self) -> str:
        """The call and how often."""
        return f"Denied({self.syscall!r}, count={self.count})"


class Result(Generic[AnyStr]):
    """How a run ended, and what it said.

    `returncode` is what the shell would see (128+N after signal N, 124 after the time limit); `signal` is N or None. `stdout`
    and `stderr` are bytes, or str in text mode, None where they were not captured; `truncated` names those whose middle was dropped.
    """

    __slots__ = ("args", "denied", "isolation", "reason", "returncode", "signal", "stderr", "stdout", "truncated", "usage")

    def __init__(self, args: list[str], *, reason: Reason, returncode: int, signal: int | None = None, usage: Usage | None = None) -> None:
        """Output is set by the driver."""
        self.args = args
        self.reason = reason
        self.returncode = returncode
        self.signal = signal
        self.usage = usage or Usage()
        self.stdout: AnyStr = None  # type: ignore[assignment]  # None only where it was not captured
        self.stderr: AnyStr = None  # type: ignore[assignment]
        self.truncated: frozenset[str] = frozenset()
        self.isolation: Isolation | None = None
        self.denied: tuple[Denied, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it exited by itself with 0."""
        return self.reason is Reason.EXITED and self.returncode == 0

    def check(self) -> Result[AnyStr]:
        """Itself; raises Failed (or the class of its reason) when it is not ok."""
        if self.ok:
            return self
        raise _FAILURES.get(self.reason, Failed)(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, for other processes and reports."""
        ret = {slot: getattr(self, slot) for slot in self.__slots__}
        isolation = self.isolation.to_dict() if self.isolation else {}
        return {
            **ret,
            "reason": self.reason.value,
            "usage": self.usage.to_dict(),
            "truncated": sorted(self.truncated),
            "isolation": isolation,
            "denied": [denied.to_dict() for denied in self.denied],
        }

    def __repr__(self) -> str:
        """Without the output."""
        return f"Result({self.args!r}, {self.reason.name}, returncode={self.returncode})"


class Failed(ContainError):  # noqa: N818  beside TimedOut
    """A run that was to be checked did not end with 0; `result` has all of it."""

    def __init__(self, result: Result[Any]) -> None:
        """Names the command and how it ended."""
        words = {Reason.EXITED: f"exited with {result.returncode}", Reason.SIGNALLED: f"was ended by signal {result.signal}"}
        super().__init__(f"{result.args[0]} {words.get(result.reason, f'ended: {result.reason.value}')}", cause=_last_line(result.stderr))
        self.result = result
        self.returncode = result.returncode
        self.cmd = result.args
        self.stdout = self.output = result.stdout
        self.stderr = result.stderr

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its result."""
        return type(self), (self.result,)


def _last_line(said: Any) -> str:
    """Of what a program said on stderr, as far as a message has room for it."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said or ""
    return (text.rstrip().splitlines() or [""])[-1][:400]


class TimedOut(Failed):
    """The wall-clock or processor time limit fired."""


class OutOfMemory(Failed):
    """The kernel killed in the container's cgroup for lack of memory."""


class OutputLimit(Failed):
    """An output stream grew past its limit, with on_excess="kill"."""


class Forbidden(Failed):
    """The program asked for a system call that the filter kills for; `result.denied` names it."""


_FAILURES = {
    Reason.TIMEOUT: TimedOut,
    Reason.CPU_LIMIT: TimedOut,
    Reason.OUT_OF_MEMORY: OutOfMemory,
    Reason.OUTPUT_LIMIT: OutputLimit,
    Reason.SECCOMP: Forbidden,
}
