"""Process: a further command in a container, whose streams are file objects."""

from __future__ import annotations

import signal

from contain.container import steps
from contain.container.job import moment
from contain.container.steps import drive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from contain.container.job import Job
    from contain.container.result import Result
    from contain.container.steps import Launch


class Process:
    """As subprocess.Popen: `stdin`, `stdout`, `stderr` (None where they are no pipe), wait(), poll(), kill(). Made by Container.popen().

    A context manager whose end closes the streams, kills what still runs, and waits.
    """

    __slots__ = ("_job", "_launch", "_result", "stderr", "stdin", "stdout")

    def __init__(self, job: Job, launch: Launch) -> None:
        """Takes the pipes over; raises LaunchError when it could not be started."""
        self._job, self._launch = job, launch
        self._result: Result[Any] | None = None
        self.stdin: IO[Any] | None = job.streams.file("stdin")
        self.stdout: IO[Any] | None = job.streams.file("stdout")
        self.stderr: IO[Any] | None = job.streams.file("stderr")
        try:
            drive(steps.start(launch, job.streams, job.args))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Process:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """See the class."""
        self.close()

    def close(self) -> None:
        """Kills it if it runs; frees everything."""
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:  # what was buffered has no reader any more
                    continue
        self._launch.close()
        self._job.streams.close()

    def wait(self, timeout: float | None = None) -> Result[Any]:
        """Its Result, without output; TimeoutError when it has not ended in time, and lives on."""
        if self._result is None:
            found = drive(steps.run(self._launch, self._job.streams, self._job.args, moment(timeout)))
            self._launch.close()
            self._result = found
            self._job.settle(found)
        return self._result.check() if self._job.check else self._result

    def poll(self) -> Result[Any] | None:
        """Its Result, or None when it has not ended."""
        try:
            return self.wait(0)
        except TimeoutError:
            return None

    def kill(self) -> None:
        """Ends it."""
        self._launch.kill()

    def send_signal(self, number: int | str) -> None:
        """Sends it a signal, by number or name; one that has ended is no error."""
        from contain.container.lifecycle import signal_number

        wanted = signal_number(str(int(number)) if isinstance(number, int) else number)
        if self._launch.monitor < 0 or self.poll() is not None:
            return
        if wanted == signal.SIGKILL:
            self.kill()
        else:  # its monitor passes it on
            signal.pidfd_send_signal(self._launch.monitor, wanted)
