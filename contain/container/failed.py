"""What a run that was to be checked raises."""

from __future__ import annotations

from contain.container.reason import Reason
from contain.errors import ContainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.container.result import Result


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


def failed(result: Result[Any]) -> Failed:
    """The exception for a result that is not ok."""
    return _FAILURES.get(result.reason, Failed)(result)
