"""Events of a container as runc prints them: statistics at an interval, and every time that the OOM killer struck."""

from __future__ import annotations

import os
import select
import time

from contain.container.show import open_folder, stats
from contain.errors import StateError
from contain.kernel import processes
from contain.kernel.usage import pairs
from contain.state import layout
from contain.state.layout import state_root
from contain.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.state.summary import Summary


class OomWatch:
    """A descriptor that becomes ready when the OOM killer may have struck, and the counter that tells whether it has."""

    __slots__ = ("_count", "_fd", "_other", "_path")

    def __init__(self, summary: Summary) -> None:
        """Watches memory.events (v2, notified by poll) or memory.oom_control (v1, through an eventfd)."""
        v1 = summary.cgroups.get("memory", "")
        unified = summary.cgroups.get("", "")
        self._path = f"{v1}/memory.oom_control" if v1 else f"{unified}/memory.events"
        self._fd = self._other = -1
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            if v1:
                self._other, self._fd = self._fd, os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                control = os.open(f"{v1}/cgroup.event_control", os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.write(control, f"{self._fd} {self._other}".encode())
                finally:
                    os.close(control)
        except OSError:
            self.close()
        self._count = self._now()

    def register(self, poller: select.poll) -> None:
        """Adds its descriptor, if it has one."""
        if self._fd >= 0:
            poller.register(self._fd, select.POLLIN if self._other >= 0 else select.POLLPRI)

    def struck(self) -> bool:
        """Whether it has struck since this was last asked."""
        if self._other >= 0:
            try:
                os.eventfd_read(self._fd)
            except BlockingIOError:
                pass
        before, self._count = self._count, self._now()
        return self._count > before

    def close(self) -> None:
        """Closes the descriptors."""
        for fd in (self._fd, self._other):
            if fd >= 0:
                os.close(fd)
        self._fd = self._other = -1

    def _now(self) -> int:
        """The counter; on v2 read from the polled descriptor itself, else poll says again and again that there is news."""
        if self._fd >= 0 and self._other < 0:
            rows = [line.split() for line in os.pread(self._fd, 4096, 0).decode().splitlines()]
            return next((int(row[1]) for row in rows if row[0] == "oom_kill"), 0)
        return pairs(self._path).get("oom_kill", 0)


def events(name: str, *, root: str = "", interval: float = 5.0) -> Iterator[dict[str, Any]]:
    """Statistics every `interval` seconds and OOM kills at once, until the container ends."""
    with Store(state_root(root)) as store:
        folder, summary, status = open_folder(store, name)
        folder.close()
    process = summary.process("init")
    if status in {layout.STOPPED, layout.CREATING} or process is None:
        raise StateError(f"container {name} is not running")
    try:
        pidfd = os.pidfd_open(process[0])
    except ProcessLookupError:
        return
    watch = OomWatch(summary)
    try:
        if not processes.alive(*process):
            return
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        watch.register(poller)
        due = time.monotonic() + interval
        while True:
            ready = [fd for fd, _ in poller.poll(max(0.0, due - time.monotonic()) * 1000)]
            if watch.struck():
                yield {"type": "oom", "id": name}
            if pidfd in ready:
                return
            if time.monotonic() >= due:
                due += interval
                yield {"type": "stats", "id": name, "data": stats(name, root=root)}
    except StateError:  # it ended between two looks
        return
    finally:
        watch.close()
        os.close(pidfd)
