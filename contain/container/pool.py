"""Pool: the cgroups of a sandbox that runs often, which its runs use one after another.

To make and to remove them costs a fifth of a start, a third beside a thousand other containers. A process of the launcher holds them; it ends,
and they go, with this process or with the sandbox.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from contain.kernel.processes import alive, start_time
from contain.launcher import record, spawn
from contain.plan import stage as at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.plan.compile.pool import Pooled

#: how long, in seconds, its beginning and its end are waited for: nobody runs in it yet, or any more
PATIENCE = 5.0


class Pool:
    """Belongs to the process that made it: a forked child leaves it alone. It costs that process no descriptor and no child."""

    __slots__ = ("__weakref__", "_folder", "_holder", "name", "owner", "worked")

    def __init__(self) -> None:
        """Not there yet: see make()."""
        self.name = f"contain-pool-{os.urandom(8).hex()}"
        self.owner = os.getpid()
        self.worked = False
        self._folder = ""
        self._holder: Holder | None = None

    def make(self, pooled: Pooled) -> None:
        """Makes it; that it cannot be had is no error, it never gets ready."""
        from weakref import finalize

        from contain.state import glance, layout

        if glance.anything_dead(layout.own_root()):  # a service whose processes were all killed at once begins again
            from contain.container.lifecycle import sweep_dead

            sweep_dead(layout.own_root())
        try:
            holder = Holder(pooled, self.name)
            finalize(self, holder.end)
            stays = holder.stays()
        except OSError:
            return
        self._folder, self._holder, self.worked = pooled.folder(self.name), holder, stays

    @property
    def ready(self) -> bool:
        """Whether a run can take its cgroups from it."""
        return self.worked and self._holder is not None and self._holder.is_there() and os.path.exists(self._folder)

    def fails(self, stage: int) -> bool:
        """Whether it, and not the run, is why nothing could be started in that stage: it was killed, or somebody else is in it or changed it;
        then there is none from now on.
        """
        there = self.ready
        self.worked = self.worked and not (there and stage == at.CGROUP)
        return not there or not self.worked


class Holder:
    """The process that has a pool: nobody's child, so whoever waits for all children does not wait for it."""

    __slots__ = ("_born", "_line", "_owner", "_pid")

    def __init__(self, pooled: Pooled, name: str) -> None:
        """Starts it; raises OSError."""
        self._owner, self._pid = os.getpid(), 0
        self._born: int | None = None
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._start(pooled, name, theirs)
        except BaseException:
            self._line.close()
            raise

    def _start(self, pooled: Pooled, name: str, theirs: socket.socket) -> None:
        from contain.plan.encode import encode

        caller = os.pidfd_open(self._owner)
        try:
            with open(os.devnull, "r+b") as null:  # for all streams: whoever reads our output to its end is not to wait for it
                pid = spawn.spawn(
                    encode(pooled.of_holder(name)), report=theirs.fileno(), caller=caller, streams=(null.fileno(),) * 3, apart=True
                )
        finally:
            theirs.close()
            os.close(caller)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:  # somebody else waits for all children
            pass

    def stays(self) -> bool:
        """Waits until it has made all, and says that it is wanted: without a word it ends when we hang up, as an interrupt lets us do."""
        with self._line:
            made = self._has_made()
            if made:
                self._line.send(b"1", socket.MSG_NOSIGNAL)
        return made

    def _has_made(self) -> bool:
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        deadline = time.monotonic() + PATIENCE
        while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            data = self._line.recv(record.SIZE)
            kind = record.Record(data) if data else None
            if kind is None or kind.type != record.HELLO:
                return kind is not None and kind.type == record.STARTED
            self._pid, self._born = kind.pid, start_time(kind.pid)
        return False

    def is_there(self) -> bool:
        """Whether it lives: it may have been killed."""
        return self._born is not None and alive(self._pid, self._born)

    def end(self) -> None:
        """Ends it and waits until its cgroups are gone."""
        if os.getpid() != self._owner or self._born is None:
            return
        try:
            process = os.pidfd_open(self._pid)
        except OSError:  # it has ended already
            return
        try:
            if start_time(self._pid) == self._born:
                poll = select.poll()
                poll.register(process, select.POLLIN)
                signal.pidfd_send_signal(process, signal.SIGTERM)
                poll.poll(PATIENCE * 1000)
                os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOHANG)  # of a PID 1, or subreaper, it is a child
        except OSError:  # not a child of ours; or we are no longer root, and it ends with us
            pass
        finally:
            os.close(process)


def pool_of(pooled: Pooled, pools: dict[Any, Pool]) -> Pool | None:
    """The one among `pools` for such runs, if it is there; made if there is none, or if it was killed, by the first one who asks. Without a
    lock, which a forked child might find taken.
    """
    found = pools.get(pooled.key)
    if found and found.owner == os.getpid() and not found.worked:  # it could not be made, or another thread makes it
        return None
    if found and found.owner == os.getpid() and found.ready:
        return found
    if found:  # it was killed, or is that of the process that forked us
        pools.pop(pooled.key, None)
    made = Pool()
    if pools.setdefault(pooled.key, made) is made:
        try:
            made.make(pooled)
        except BaseException:  # an interrupt: another run makes one
            pools.pop(pooled.key, None)
            raise
    return made if made.ready else None
