"""Shared: a handle of a container that several processes use, and that belongs to yet another one."""

from __future__ import annotations

import os
import time

from contain.container import steps
from contain.container.container import Container
from contain.container.job import moment
from contain.container.log import Log
from contain.container.result import Result
from contain.container.steps import drive
from contain.container.streams import DEVNULL, LOG_KEEP, Limit, Streams
from contain.container.together import Turns, together
from contain.errors import StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.container.result import Usage
    from contain.container.sandbox import Sandbox
    from contain.state.store import Folder

#: the label that says where the logs are
LABEL = "contain.log"
#: beside them lies what the set-up had used when the program began
BEFORE = "before"
#: how often, in seconds, one looks whether the record of an end is written
LOOK = 0.01
#: how long a container may take to be there once its name is taken
PATIENCE = 30.0


def begin(sandbox: Sandbox, args: list[str], options: dict[str, Any], *, owner: int, log: str) -> None:
    """Starts a named sandbox with a label of ours: it ends with the process behind the pidfd `owner`, not with this one."""
    if any(name in options for name in ("stdout", "stderr", "output_limit", "capture_output")):
        raise UsageError("the output of a shared container goes to its logs", remedy="read them with logs() or follow()")
    made = object.__new__(Container)
    made._begin(sandbox, args, options, owner, log)
    try:
        drive(steps.start(made._launch, made._streams, args))
    except BaseException:
        made._abandon()
        raise
    with open(f"{log}.{BEFORE}", "w", encoding="ascii") as file:  # whoever joins cannot know it
        file.write(" ".join(map(str, made._launch.before)))
    made._launch.leave()
    made._streams.close()


class Shared(Container):
    """A running container that somebody else owns: what ends with a handle is the handle. kill() and stop() end the container for all."""

    __slots__ = ("_deadline", "_place", "_process", "_record")

    def __init__(self, name: str, root: str) -> None:
        """Joins one that runs, or that somebody starts just now; StateError when there is none."""
        from contain.state.store import Store

        self.id, self.root = name, root
        self._result, self._publishers, self.stdin, self._turns = None, [], None, Turns()
        self._logged: frozenset[str] = frozenset()
        self._refused = ""  # what its sandbox asks for is not known here
        self._deadline = time.monotonic() + PATIENCE
        self._process = self._record = -1
        self._streams = Streams(stdout=DEVNULL, stderr=DEVNULL)
        self._streams.close()
        try:
            with Store(root) as store, store.open(name) as folder:
                self._join(folder)
        except BaseException:
            self.close()
            raise

    def _join(self, folder: Folder) -> None:
        from contain.kernel.processes import start_time
        from contain.state import layout

        while folder.status() == layout.CREATING:
            if time.monotonic() > self._deadline:
                raise StateError(f"container {self.id} is not ready after {PATIENCE:g} s")
            time.sleep(LOOK)
        summary = folder.summary()
        self.pid, self._args = summary.pid, [summary.command]
        self._record = os.open(layout.EXIT, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
        try:
            self._process = os.pidfd_open(summary.pid)
        except (OSError, ValueError):
            raise StateError(f"container {self.id} has ended") from None
        if start_time(summary.pid) != summary.start:
            raise StateError(f"container {self.id} has ended")
        self._place = summary.labels.get(LABEL, "")
        for stream in ("stdout", "stderr") if self._place else ():
            self._streams.logs[stream] = Log.of(f"{self._place}.{stream}", Limit(LOG_KEEP))
        self._logged = frozenset(self._streams.logs)

    def __exit__(self, *_: object) -> None:
        """See close()."""
        self.close()

    def close(self) -> None:
        """The handle alone, with what it has published; the container goes on."""
        self._unpublish()
        self._streams.close()
        for fd in (self._process, self._record):
            if fd >= 0:
                os.close(fd)
        self._process = self._record = -1

    def stats(self) -> Usage:
        """See Container."""
        from contain.container.show import used
        from contain.kernel.files import text

        cpu, memory = map(int, (text(f"{self._place}.{BEFORE}") if self._place else "").split() or (0, 0))
        return used(self.root, self.id, (cpu, memory))

    def _end(self, timeout: float | None = None) -> steps.Steps:
        return (yield from together(self._waiting(timeout), self._turns, lambda: self._result))

    def _waiting(self, timeout: float | None) -> steps.Steps:
        deadline = moment(timeout)
        while self._result is None:
            if deadline is not None and time.monotonic() >= deadline and timeout:
                raise TimeoutError(f"{self._args[0]} still runs")
            ready, _ = yield steps.Wait([self._process], [], time.monotonic() if timeout == 0 else deadline)
            if ready:
                self._result = yield from self._read_end()
            elif timeout == 0:
                raise TimeoutError(f"{self._args[0]} still runs")
        return self._result

    def _read_end(self) -> steps.Steps:
        """How it ended: its monitor writes it down soon."""
        from contain.container.lifecycle import parse_exit

        last = time.monotonic() + PATIENCE
        while True:
            found = parse_exit(os.pread(self._record, 256, 0).decode())
            if found or time.monotonic() > last:
                break
            yield steps.Wait([], [], time.monotonic() + LOOK)
        if found is None:
            raise StateError(f"how container {self.id} ended is not known")
        result = Result(self._args, reason=found.reason, returncode=found.code, signal=found.signal or None)
        result.stdout, result.stderr = self._streams.value("stdout"), self._streams.value("stderr")
        result.truncated = self._streams.truncated
        return result

    def stop(self, grace: float = 5) -> Result[Any]:
        """SIGTERM, and after `grace` seconds SIGKILL; its Result."""
        self.kill(15)
        try:
            return self.wait(grace)
        except TimeoutError:
            self.kill()
            return self.wait()
