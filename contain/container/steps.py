"""The steps of a run, once for all drivers: generators that yield what they wait for (`Wait`) and are sent what is ready.

A driver (drive() for threads, contain.aio for event loops) does nothing but wait and send.
"""

from __future__ import annotations

import array
import os
import select
import socket
import time
from signal import SIGKILL

from contain.container.result import Result, Usage
from contain.errors import LaunchError
from contain.launcher import record, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any, TypeVar

    from contain.container.denied import Denied
    from contain.container.streams import Streams

    Steps = Generator["Wait", tuple[set[int], set[int]], Result[Any]]
    Asking = Generator["Wait", tuple[set[int], set[int]], Any]  # with a value of its own
    T = TypeVar("T")


#: descriptors that come with one packet at most
LENT_MOST = 16


class Wait:
    """Descriptors to wait for: any of `readers` readable or of `writers` writable, or the time `deadline` (time.monotonic)."""

    __slots__ = ("deadline", "readers", "writers")

    def __init__(self, readers: list[int], writers: list[int], deadline: float | None = None) -> None:
        """Both lists may not be empty."""
        self.readers = readers
        self.writers = writers
        self.deadline = deadline


class Launch:
    """One launcher that runs: its report socket, whose end ends it, and its pidfd. Each descriptor that a process holds makes its children dearer."""

    __slots__ = ("lent", "life", "monitor", "pid", "report", "result", "started")

    def __init__(self, plan: bytes, streams: Streams, passed: Sequence[int] = (), owner: int = -1, *, brief: bool = False) -> None:
        """Spawns the launcher with this plan; raises OSError. `passed` are descriptors that the program gets under the same numbers.

        With `brief` nothing is told of its start. It ends with this process, or with the one behind the pidfd `owner`; then it goes on when
        this process ends, and after leave().
        """
        self.result: record.Record | None = None
        self.started: record.Record | None = None
        self.monitor = -1
        self.lent: list[int] = []
        self.report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self.life = os.getpid() if owner < 0 else -1  # a fork of ours lets go of the socket, but does not end it
        caller = os.pidfd_open(os.getpid()) if owner < 0 else os.dup(owner)
        try:
            self.pid = spawn.spawn(
                plan,
                report=theirs.fileno(),
                life=theirs.fileno() if owner < 0 else -1,
                caller=caller,
                streams=streams.child,
                passed=passed,
                captures=streams.captures,
                brief=brief,
            )
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(caller)
        streams.close_child()

    @property
    def before(self) -> tuple[int, int]:
        """Processor time (ns) and memory (bytes) of the set-up, when the program was let go."""
        usage = self.started.usage if self.started else ()
        return (usage[1] or 0, usage[5] or 0) if usage else (0, 0)

    def ended(self) -> bool:
        """Whether the last record is there, after a look at what has come."""
        if self.result is None:
            self.take()
        return self.result is not None

    def take(self) -> None:
        """Reads the packets that are there; descriptors that come along are kept (the monitor's) or closed."""
        while True:
            try:
                data, control, _, _ = self.report.recvmsg(record.SIZE, socket.CMSG_SPACE(4 * LENT_MOST), socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError:
                data, control = b"", []
            fds = array.array("i")
            for _, _, value in control:
                fds.frombytes(value[: len(value) - len(value) % fds.itemsize])
            if not data:
                self.result = self.result or _lost()
                return
            self._note(record.Record(data), list(fds))
            if self.result is not None:  # the last one
                return

    def _note(self, packet: record.Record, fds: list[int]) -> None:
        if packet.type == record.HELLO and fds:
            self.monitor = fds.pop()
        elif packet.type == record.LENT:
            self.lent += fds
            fds = []
        elif packet.type == record.STARTED:
            self.started = packet
        elif packet.type == record.RESULT:
            self.result = packet
        for fd in fds:
            os.close(fd)

    def kill(self) -> None:
        """Ends the run: the launcher sees that nothing more comes from us and tears down; the record still comes."""
        if self.life == os.getpid():
            self.report.shutdown(socket.SHUT_WR)
        self.life = -1

    def __del__(self) -> None:
        """One that nobody closed runs until this process ends."""
        if getattr(self, "life", -1) >= 0:
            self.report.detach()

    def leave(self) -> None:
        """Frees what is ours of one that goes on."""
        self.report.close()
        if self.monitor >= 0:
            os.close(self.monitor)
            self.monitor = -1

    def close(self) -> None:
        """Frees what is ours; reaps the launcher unless somebody else did."""
        self.kill()
        self.report.close()
        while self.lent:
            os.close(self.lent.pop())
        if self.monitor >= 0:
            try:
                os.waitid(os.P_PIDFD, self.monitor, os.WEXITED)
            except OSError:  # another waitpid(-1), or SIGCHLD is ignored: the record has said all
                pass
            os.close(self.monitor)
            self.monitor = -1


def _lost() -> record.Record:
    """A record for a launcher that is gone without one."""
    lost = record.Record(b"CNR1" + bytes(record.HEAD_SIZE - 4))
    lost.type, lost.reason, lost.code, lost.words = record.RESULT, "error", 125, "the launcher ended without a record"
    lost.usage = (None,) * 7
    return lost


def start(launch: Launch, streams: Streams, args: list[str]) -> Steps:
    """Waits until the program runs, or has ended; LaunchError when it could not be started. The Result means nothing yet."""
    while launch.started is None and launch.result is None:
        yield Wait([launch.report.fileno()], [])
        launch.take()
    if launch.result is not None:
        return finish(launch.result, streams, args)
    return Result(args, reason="exited", returncode=0)


def run(launch: Launch, streams: Streams, args: list[str], deadline: float | None = None) -> Steps:
    """Waits for the end of a run, feeding and draining its streams; LaunchError when the program could not be started.

    TimeoutError when it has not ended by `deadline` (time.monotonic): the run goes on.
    """
    launch.ended()
    while launch.result is None:
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError(f"{args[0]} still runs")
        readers = [launch.report.fileno(), *(fd for name, fd in streams.ours.items() if name != "stdin")]
        ready, writable = yield Wait(readers, [fd for name, fd in streams.ours.items() if name == "stdin"], deadline)
        if launch.report.fileno() in ready:
            launch.take()
        for name in [name for name, fd in streams.ours.items() if fd in ready]:
            streams.drain(name)
        if streams.exceeded:
            launch.kill()
        if streams.ours.get("stdin") in writable:
            streams.feed()
    for name in ("stdout", "stderr"):  # never to the end of file: a fork of the caller may hold the other end
        before = -1
        while name in streams.ours and streams.buffers[name].size != before:
            before = streams.buffers[name].size
            streams.drain(name)
    return finish(launch.result, streams, args)


def within(asking: Asking, deadline: float) -> Asking:
    """The same steps, given up at `deadline` (time.monotonic): their value is None then."""
    try:
        wait = next(asking)
        while time.monotonic() < deadline:
            wait.deadline = deadline if wait.deadline is None else min(wait.deadline, deadline)
            ready = yield wait
            wait = asking.send(ready)
    except StopIteration as end:
        return end.value
    finally:
        asking.close()
    return None


def finish(packet: record.Record, streams: Streams, args: list[str]) -> Result[Any]:
    """The Result of a launcher's last record."""
    if packet.reason == "error" and not packet.started:
        words = (
            f"{packet.words}: {packet.detail or (os.strerror(packet.error) if packet.error else 'it failed')}"
            if packet.words
            else packet.detail
        )
        from contain.launcher.failure import explain

        cause, remedy = explain(packet)
        raise LaunchError(words or "the container could not be started", place=packet.place, cause=cause, remedy=remedy)
    over = streams.exceeded and packet.reason != "error"  # however it ended: the limit was passed before
    reason, code, number = ("output", 128 + SIGKILL, None) if over else (packet.reason, packet.code, packet.signal or None)
    result = Result(args, reason=reason, returncode=code, signal=number, usage=Usage(packet.usage))
    result.stdout, result.stderr = streams.value("stdout"), streams.value("stderr")
    result.denied = _denied(packet)
    result.truncated = streams.truncated
    return result


def _denied(packet: record.Record) -> tuple[Denied, ...]:
    if not packet.denied:
        return ()
    from contain.container.denied import Denied
    from contain.plan.seccomp.numbers import name

    return tuple(Denied(name(arch, number), pid, count) for arch, number, pid, count in packet.denied)


def drive(steps: Generator[Wait, tuple[set[int], set[int]], T]) -> T:
    """Runs the steps to their end in this thread; their value."""
    try:
        wait = next(steps)
        while True:
            wait = steps.send(_once(wait))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a T
    finally:  # an interrupt does not leave what the steps hold to whoever keeps its traceback
        steps.close()


def _once(wait: Wait) -> tuple[set[int], set[int]]:
    poll = select.poll()
    for fd in wait.readers:
        poll.register(fd, select.POLLIN)
    for fd in wait.writers:
        poll.register(fd, select.POLLOUT)
    left = None if wait.deadline is None else max(0.0, wait.deadline - time.monotonic()) * 1000
    found = {fd for fd, _ in poll.poll(left)}
    return found.intersection(wait.readers), found.intersection(wait.writers)
