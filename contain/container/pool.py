"""Pool: the cgroups of a sandbox that runs often, which its runs use one after another.

To make and to remove them costs a fifth of a start, a third beside a thousand other containers. A process of the launcher holds them; it ends,
and they go, with this process or with the sandbox.
"""

from __future__ import annotations

import os
import select
import socket

from contain.launcher import record, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.plan.compile.pool import Pooled

#: how long, in milliseconds, the end of a pool is waited for: nobody runs in it any more
PATIENCE = 5000
STARTING, READY, ENDED = range(3)


class Pool:
    """Belongs to the process that made it: a forked child leaves it alone."""

    __slots__ = ("__weakref__", "_report", "_state", "name", "owner", "worked")

    def __init__(self, pooled: Pooled) -> None:
        """Begins to make it, without waiting; raises OSError."""
        from weakref import finalize

        from contain.plan.encode import encode
        from contain.state import glance, layout

        if glance.anything_dead(layout.own_root()):  # a service whose processes were all killed at once begins again
            from contain.container.lifecycle import sweep_dead

            sweep_dead(layout.own_root())
        self.name = f"contain-pool-{os.urandom(8).hex()}"
        self.owner = os.getpid()
        self.worked = False
        self._state = STARTING
        self._report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        finalize(self, _end, self._report, self.owner)
        caller = os.pidfd_open(self.owner)
        try:
            with open(os.devnull, "r+b") as null:  # in the place of all streams: whoever reads our output to its end is not to wait for it
                pid = spawn.spawn(
                    encode(pooled.of_holder(self.name)),
                    report=theirs.fileno(),
                    life=theirs.fileno(),
                    caller=caller,
                    streams=(null.fileno(),) * 3,
                    apart=True,
                )
        finally:
            theirs.close()
            os.close(caller)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:  # somebody else waits for all children
            pass

    def look(self) -> int:
        """STARTING, READY, or ENDED when it can be used no more."""
        while self._state != ENDED:
            try:
                data = self._report.recv(record.SIZE)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            kind = record.Record(data).type if data else record.RESULT
            self._state = {record.STARTED: READY, record.RESULT: ENDED}.get(kind, self._state)
            self.worked = self.worked or self._state == READY
        return self._state


def pool_of(pooled: Pooled, pools: dict[Any, Pool]) -> Pool | None:
    """The one among `pools` for such runs, once it is there; made if there is none, or if it was killed. One that could not be made is not
    tried again. Without a lock, which a forked child might find taken: of two that are made at once one goes.
    """
    found = pools.get(pooled.key)
    state = found.look() if found and found.owner == os.getpid() else None
    if found is None or state is None or (state == ENDED and found.worked):
        try:
            pools[pooled.key] = Pool(pooled)
        except OSError:  # nothing is lost but time
            pass
    return found if state == READY else None


def _end(report: socket.socket, owner: int) -> None:
    """Ends it and waits until its cgroups are gone."""
    with report:
        if os.getpid() != owner:
            return
        try:
            report.shutdown(socket.SHUT_WR)
            poll = select.poll()
            poll.register(report, select.POLLIN)
            while poll.poll(PATIENCE) and report.recv(record.SIZE):
                pass
        except OSError:  # it has ended already
            pass
