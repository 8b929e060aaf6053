"""Container: a run that goes on while its caller does other things."""

from __future__ import annotations

import os
import signal
import time

from contain.container import steps
from contain.container.job import Job, by, is_whole, moment, numbered, place, positive, variables, words
from contain.container.log import last_lines
from contain.container.ready import Dead, conditions, ends, holds, last_said, not_ready
from contain.container.steps import Launch, drive
from contain.container.streams import DEVNULL, LOG
from contain.container.together import Turns, together
from contain.errors import LaunchError, StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from typing import Any, Unpack, overload

    from contain.container.job import Command
    from contain.container.log import Follower, Log
    from contain.container.member import Member
    from contain.container.options import ExecBytesOptions, ExecEncodedOptions, ExecOptions, ExecTextOptions
    from contain.container.process import Process
    from contain.container.publish import Publisher
    from contain.container.ready import Ready
    from contain.container.result import Result, Usage
    from contain.container.sandbox import Sandbox
    from contain.container.steps import Asking

#: in seconds, how long wait_for sleeps between two looks (nothing tells when a port is listened on), and how long a command among them may take
LOOK, PATIENCE = 0.01, 5.0
#: how many of its last lines Dead has; what get() reads and put() writes at most, unless told otherwise
TAIL, LIMIT = 100, 64 << 20


class Container:
    """A running container; a context manager whose end kills it, tears it down, and waits. Made by Sandbox.start().

    `id` is its name for `contain list`, `pid` that of its first process on this host; `stdin` is a file with stdin=PIPE, else None.
    """

    __slots__ = (
        "_args", "_job", "_launch", "_logged", "_publishers", "_refused", "_result", "_streams", "_turns", "id", "pid", "root", "stdin",
    )  # fmt: skip

    def __init__(self, sandbox: Sandbox, args: list[str], options: dict[str, Any]) -> None:
        """Returns when the program runs."""
        self._begin(sandbox, args, options)
        try:
            drive(steps.start(self._launch, self._streams, args))
        except BaseException:
            self._abandon()
            raise
        self._note_start()

    def _begin(self, sandbox: Sandbox, args: list[str], options: dict[str, Any], owner: int = -1, log: str = "") -> None:
        """Launches; the driver is to wait for the start."""
        from contain.state.layout import state_root

        self.id = sandbox.spec.run.name or f"c{os.urandom(8).hex()}"
        self.root = state_root("")
        own = sandbox if sandbox.spec.run.name else sandbox.named(self.id)
        self._args, self._refused = args, sandbox.spec.run.seccomp_action
        self._turns = Turns()
        self._result: Result[Any] | None = None
        self._publishers: list[Publisher] = []
        if options.pop("check", None):
            raise UsageError("a container that goes on cannot be checked at its start", remedy="call check() on what wait() gives")
        kept = {} if options.get("capture_output") else dict.fromkeys(("stdout", "stderr"), LOG)
        self._job = own._job(args, {**kept, **options}, log, driven=False)  # noqa: SLF001  our own kind
        self._streams = self._job.streams
        self._logged = frozenset(self._streams.logs)
        self.stdin = self._streams.file("stdin")
        try:
            self._launch = Launch(self._job.plan, self._streams, self._job.given, owner)
        except BaseException:
            self._job.close()
            raise

    def _note_start(self) -> None:
        self.pid = self._launch.started.pid if self._launch.started else 0
        if self._job.member is not None:
            self._job.member.started()

    def _abandon(self) -> None:
        self._close_stdin()
        self._launch.close()
        self._job.close()

    @property
    def member(self) -> Member | None:
        """Its place in the sandbox's network: `name`, `address`."""
        return self._job.member

    def __enter__(self) -> Container:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, with all that was published; never raises over what the block raised. A forked child leaves it alone."""
        if self._turns.foreign:
            return
        self._kill()
        self._unpublish()
        try:
            drive(self._end())
        finally:
            self._streams.close()

    def _unpublish(self) -> None:
        self._close_stdin()
        while self._publishers:
            self._publishers.pop().close()

    def _close_stdin(self) -> None:
        if self.stdin is not None:
            try:
                self.stdin.close()
            except BrokenPipeError:  # what was buffered has no reader any more
                return

    def wait(self, timeout: float | None = None) -> Result[Any]:
        """Its Result; TimeoutError when it has not ended in time, and lives on."""
        return drive(self._end(timeout))

    def _end(self, timeout: float | None = None) -> steps.Steps:
        """The steps to its end, which several may take at once."""
        return (yield from together(self._ending(moment(timeout)), self._turns, lambda: self._result))

    def _ending(self, deadline: float | None) -> steps.Steps:
        found = yield from steps.run(self._launch, self._streams, self._args, deadline)
        self._launch.close()
        self._result = result = self._job.settle(found)
        return result

    def _kill(self) -> None:
        with self._turns.lock:
            self._launch.kill()

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        try:
            drive(self._end(0))
        except TimeoutError:
            return True
        return False

    @property
    def view(self) -> int:
        """For the conditions: the pid of a process inside whose /proc entry we may read: its first one, or where that is our PID 1, its program."""
        if os.access(f"/proc/{self.pid}/root", os.X_OK):
            return self.pid
        from contain.kernel.files import word

        children = word(f"/proc/{self.pid}/task/{self.pid}/children").split()
        return int(children[0]) if children else self.pid

    def kill(self, number: int | str = signal.SIGKILL) -> None:
        """Sends a signal, by number or name, to its first process; one that has ended is no error."""
        from contain.container.lifecycle import send, signal_number

        wanted = signal_number(str(int(number)) if isinstance(number, int) else number)
        if self.alive:
            try:
                send(self.id, wanted, root=self.root)
            except StateError:  # it has ended meanwhile
                return

    def signal(self, number: int | str) -> None:
        """The same as kill, which sends any signal."""
        self.kill(number)

    def stop(self, grace: float = 5) -> Result[Any]:
        """SIGTERM, and after `grace` seconds SIGKILL; its Result."""
        by(grace)
        Container.kill(self, signal.SIGTERM)
        try:
            return self.wait(grace)
        except TimeoutError:
            self._kill()
            return self.wait()

    def pause(self) -> None:
        """Suspends all its processes."""
        from contain.container.freeze import pause

        pause(self.id, root=self.root)

    def resume(self) -> None:
        """Lets them go on."""
        from contain.container.freeze import resume

        resume(self.id, root=self.root)

    def has_log(self, stream: str) -> bool:
        """Whether what this stream says, or said, is kept for logs()."""
        return stream in self._logged

    def logs(self, *, tail: int | None = None, stream: str = "stdout") -> bytes:
        """What a stream has said so far, of more than 16 MiB (or `output_limit`) the first and the last half; with `tail` its last lines."""
        if tail is not None and (not is_whole(tail) or tail < 0):
            raise UsageError(f"tail={tail!r} is no number of lines")
        if stream in self._logged and stream not in self._streams.logs and self._result is not None:  # it has ended, and closed them
            return last_lines(self._streams.encoded(getattr(self._result, stream)), tail)
        return self._log(stream).value(tail)

    def _log(self, stream: str) -> Log:
        if stream not in self._streams.logs:
            raise UsageError(f"{stream} has no log: " + ("it has ended" if stream in self._logged else "it was given elsewhere"))
        return self._streams.logs[stream]

    def said(self, text: bytes, stream: str, start: int) -> tuple[bool, int]:
        """For contain.log(): whether a stream's log has this from an offset on, and from where to look the next time."""
        return self._log(stream).find(text, start)

    def follow(self, stream: str = "stdout") -> Iterator[bytes]:
        """The lines of a stream's log from the first one, as they come, until the container has ended; what was dropped unread is left out."""
        follower = self._follower(stream)
        while True:
            ended = not self.alive  # before the look: what was said until then is there
            yield from follower.lines(last=ended)
            if ended:
                return
            time.sleep(LOOK)

    def _follower(self, stream: str) -> Follower:
        from contain.container.log import Follower

        return Follower(self._log(stream))

    if TYPE_CHECKING:

        @overload
        def exec(self, cmd: Command, **options: Unpack[ExecTextOptions]) -> Result[str]: ...

        @overload
        def exec(self, cmd: Command, **options: Unpack[ExecEncodedOptions]) -> Result[str]: ...

        @overload
        def exec(self, cmd: Command, **options: Unpack[ExecBytesOptions]) -> Result[bytes]: ...

        @overload
        def exec(self, cmd: Command, **options: Unpack[ExecOptions]) -> Result[Any]: ...

    def exec(self, cmd: Command, **options: Unpack[ExecOptions]) -> Result[Any]:
        """Runs a further command in it, to its end; options as of Sandbox.run, and `user` (UID[:GID])."""
        return drive(self._executing(cmd, dict(options)))

    def _executing(self, cmd: Command, options: dict[str, Any]) -> Asking:
        job, launch = self._further(cmd, options)
        try:
            result = yield from steps.run(launch, job.streams, job.args)
        finally:
            launch.close()
            job.streams.close()
        return job.settle(result)

    def trying(self, cmd: Command) -> Asking:
        """For contain.command(): the steps of a run inside whose output nobody wants."""
        return self._executing(cmd, {"stdout": DEVNULL, "stderr": DEVNULL, "timeout": PATIENCE})

    def popen(self, cmd: Command, **options: Unpack[ExecOptions]) -> Process:
        """Starts a further command in it; its outputs are pipes unless given, to be read from the files of the Process; options as of exec()."""
        from contain.container.process import Process

        return Process(*self._further(cmd, dict(options), driven=False))

    def _further(self, cmd: Command, options: dict[str, Any], *, driven: bool = True) -> tuple[Job, Launch]:
        from contain.container.exec import Request, plan_exec
        from contain.container.variant import Variant
        from contain.plan.encode import encode

        user = numbered(options.pop("user", None))
        if options.get("cpu_time") is not None:
            raise UsageError("exec has no limit of processor time: the container's cgroup is shared")
        if options.get("member"):
            raise UsageError("exec has no place of its own in a network: it has the container's")
        timeout, cwd = positive("timeout", options.get("timeout")), options.get("cwd") and place("cwd", options["cwd"])
        job = Job(words(cmd), options, unknown="exec", driven=driven)
        try:
            env = [f"{name}={value}" for name, value in variables(options.get("env")).items()]
            request = Request(args=job.args, env=env, cwd=cwd, user=user, seccomp_action=self._refused)
            plan = plan_exec(self.id, request, {"root": self.root}, lambda _: None, runc=False)
            job.plan = encode(Variant([], timeout=timeout, preserve=job.preserve).of(plan))
            return job, Launch(job.plan, job.streams, job.passed)
        except BaseException:
            job.streams.close()
            raise

    def put(self, source: str | os.PathLike[str] | bytes, path: str, *, mode: int | None = None, limit: int | str = LIMIT) -> None:
        """Writes bytes, or a file or a whole folder of this host, to a place inside: made as its root's own, with the permissions of the source.

        Links inside lead nowhere but inside. Devices and fifos are refused, set-user-ID and set-group-ID are dropped, and more than `limit`
        bytes are an error. `mode` is for a file.
        """
        from contain.container import lend

        if lend.is_folder(source):
            from contain.container import tree

            copier = tree.Tree(self.root, self.id, limit)
            tree.now(copier, tree.putting(copier, source, path))
            return
        data, own = lend.source_of(source, limit)
        lend.write(lend.now(lend.writing(self.root, self.id, path, own if mode is None else mode))[0], data)

    def get(self, path: str, target: str | os.PathLike[str] | None = None, *, limit: int | str = LIMIT) -> bytes:
        """The bytes of a regular file inside; with `target` written to that file of this host too.

        A folder needs a `target`, which is made: its files, folders and links (none that leads out of it), together at most `limit` bytes; the
        answer is empty then.
        """
        from contain.container import lend

        try:
            fd = lend.now(lend.reading(self.root, self.id, path))[0]
        except LaunchError as problem:
            if target is None or lend.FOLDER not in problem.message:
                raise
            from contain.container import tree

            copier = tree.Tree(self.root, self.id, limit)
            tree.now(copier, tree.whole(copier, path, target))
            return b""
        return self._got(fd, path, target, limit)

    def _got(self, fd: int, path: str, target: str | os.PathLike[str] | None, limit: int | str) -> bytes:
        from contain.container import lend

        try:
            data = lend.read(fd, path, limit)
        finally:
            os.close(fd)
        if target is not None:
            with open(place("target", target), "wb") as out:
                out.write(data)
        return data

    def connect(self, port: int, timeout: float | None = 5) -> socket.socket:
        """A socket, made inside, that is connected to a port of the container's own loopback: no port of this host is opened."""
        return self.dial(port, timeout)

    def dial(self, port: int, timeout: float | None) -> socket.socket:
        """For publish(), whose thread it is called in: what connect() does, for contain.aio too."""
        from contain.container.dial import connecting

        made: socket.socket = drive(connecting(self.root, self.id, port, timeout))
        made.setblocking(True)
        return made

    def publish(self, port: int, address: tuple[str, int] = ("127.0.0.1", 0)) -> tuple[str, int]:
        """Carries what comes to an address of this host (port 0: a free one) to a port inside, until the end; the address. Needs no privileges.

        A thread of this process does it: what it carries ends with this process.
        """
        from contain.container.publish import Publisher

        if not self.alive:
            raise StateError(f"container {self.id} has ended")
        made = Publisher(lambda: self.dial(port, 5), port, address)
        self._publishers.append(made)
        return made.address

    def stats(self) -> Usage:
        """What it has used so far, as far as its cgroups tell; our set-up not in it."""
        from contain.container.show import used

        return used(self.root, self.id, self._launch.before)

    def wait_for(self, *ready: Ready, timeout: float = 30) -> None:
        """Until every condition holds: port(n), log(text), file(path), command(words), url(n, path), or a function of yours.

        Dead when the container ends before, TimeoutError when the time is over.
        """
        deadline, left = by(timeout), conditions(ready)
        while left := [one for one in left if not self._holds(one, deadline)]:
            self._check_ready(deadline, timeout)
            time.sleep(LOOK)

    def _holds(self, one: Ready, deadline: float) -> bool:
        try:
            found = one(self)
            return holds(drive(steps.within(found, deadline)) if hasattr(found, "send") else found)
        except (StateError, LaunchError) as problem:
            if not drive(ends(self, problem)):
                raise
            return False  # it has ended meanwhile, which _check_ready says better

    def _check_ready(self, deadline: float, timeout: float) -> None:
        """Raises when there is nothing to wait for any more."""
        if not self.alive:
            raise Dead(drive(self._end()), last_said(self, TAIL))
        if time.monotonic() > deadline:
            raise not_ready(self, self._args[0], timeout)
