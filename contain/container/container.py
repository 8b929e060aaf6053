"""Container: a run that goes on while its caller does other things."""

from __future__ import annotations

import os
import signal
import time

from contain.container import steps
from contain.container.drive import drive
from contain.container.steps import Launch
from contain.container.streams import LOG
from contain.errors import ContainError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain.container.job import Command
    from contain.container.result import Result, Usage
    from contain.container.sandbox import Sandbox

#: how long wait_for sleeps between two looks: nothing tells when a port is listened on
LOOK = 0.01


class Dead(ContainError):  # noqa: N818  what it is, not an error of ours
    """The container ended while something was waited for; `log_tail` has its last words."""

    def __init__(self, result: Result, log_tail: bytes) -> None:
        """Names how it ended."""
        last = log_tail.decode(errors="replace").strip().splitlines()
        super().__init__(f"the container ended: {result.reason.value} {result.returncode}", cause=last[-1] if last else "")
        self.result = result
        self.log_tail = log_tail


class Container:
    """A running container; a context manager whose end kills it, tears it down, and waits. Made by Sandbox.start()."""

    __slots__ = ("_args", "_job", "_launch", "_result", "_streams", "id", "pid", "root")

    def __init__(self, sandbox: Sandbox, args: list[str], options: dict[str, Any]) -> None:
        """Returns when the program runs."""
        from contain.container.lifecycle import state_root

        self.id = sandbox.spec.run.name or f"c{os.urandom(8).hex()}"
        self.root = state_root("")
        own = sandbox if sandbox.spec.run.name else sandbox.named(self.id)
        self._args = args
        self._result: Result | None = None
        if options.pop("check", None):
            raise UsageError("a container that goes on cannot be checked at its start", remedy="call check() on what wait() gives")
        self._job = own._job(args, {**dict.fromkeys(("stdout", "stderr"), None if "capture_output" in options else LOG), **options})  # noqa: SLF001
        self._streams = self._job.streams
        try:
            self._launch = Launch(self._job.plan, self._streams, self._job.passed)
            try:
                drive(steps.start(self._launch, self._streams, args))
            except BaseException:
                self._launch.close()
                raise
        except BaseException:
            self._streams.close()
            raise
        started = self._launch.started
        self.pid = started.pid if started else 0

    def __enter__(self) -> Container:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it; never raises over what the block raised."""
        self._launch.kill()
        try:
            self.wait()
        finally:
            self._streams.close()

    def wait(self, timeout: float | None = None) -> Result:
        """Its Result; TimeoutError when it has not ended in time, and lives on."""
        if self._result is None:
            deadline = None if timeout is None else time.monotonic() + timeout
            found = drive(steps.run(self._launch, self._streams, self._args, deadline))
            self._launch.close()
            self._result = self._job.settle(found)
        return self._result

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        try:
            self.wait(0)
        except TimeoutError:
            return True
        return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to its first process; one that has ended is no error."""
        from contain.container.lifecycle import send

        if self.alive:
            send(self.id, int(number), root=self.root)

    def stop(self, grace: float = 5) -> Result:
        """SIGTERM, and after `grace` seconds SIGKILL; its Result."""
        self.kill(signal.SIGTERM)
        try:
            return self.wait(grace)
        except TimeoutError:
            self._launch.kill()
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
        """Whether what this stream says is kept for logs()."""
        return stream in self._streams.logs

    def logs(self, *, tail: int | None = None, stream: str = "stdout") -> bytes:
        """What a stream has said so far, its last MiB; with `tail` its last lines."""
        if stream not in self._streams.logs:
            raise UsageError(f"{stream} has no log: it was given elsewhere")
        return self._streams.log(stream, tail)

    def exec(self, cmd: Command, **options: Any) -> Result:
        """Runs a further command in it, to its end; options as of Sandbox.run, and `user` (UID[:GID])."""
        from contain.container.exec import Request, plan_exec
        from contain.container.job import Job, words
        from contain.container.variant import Variant
        from contain.plan.encode import encode

        user = options.pop("user", None)
        job = Job(words(cmd), options, unknown="exec")
        try:
            if options.get("cpu_time") is not None:
                raise UsageError("exec has no limit of processor time: the container's cgroup is shared")
            env = [f"{name}={value}" for name, value in (options.get("env") or {}).items()]
            request = Request(args=job.args, env=env, cwd=options.get("cwd"), user=user)
            plan = plan_exec(self.id, request, {"root": self.root}, lambda _: None, runc=False)
            job.plan = encode(Variant([], timeout=options.get("timeout"), preserve=job.preserve).of(plan))
            launch = Launch(job.plan, job.streams, job.passed)
            try:
                result = drive(steps.run(launch, job.streams, job.args))
            finally:
                launch.close()
        finally:
            job.streams.close()
        return job.settle(result)

    def stats(self) -> Usage:
        """What it has used so far, as far as its cgroups tell."""
        from contain.container.result import Usage
        from contain.kernel.files import number
        from contain.state.store import Store

        with Store(self.root) as store, store.open(self.id) as folder:
            groups = folder.summary().cgroups
        cpu = number(f"{groups['cpuacct']}/cpuacct.usage") if "cpuacct" in groups else None
        peak = number(f"{groups['memory']}/memory.max_usage_in_bytes") if "memory" in groups else None
        if "" in groups and peak is None:
            peak = number(f"{groups['']}/memory.peak")
        return Usage((None, cpu, None, None, None, peak, None))

    def wait_for(self, *ready: Callable[[Container], bool], timeout: float = 30) -> None:
        """Until every condition holds: port(n), log(text), file(path), or a function of yours.

        Dead when the container ends before, TimeoutError when the time is over.
        """
        deadline = time.monotonic() + timeout
        left = list(ready)
        while left := [one for one in left if not one(self)]:
            if not self.alive:
                raise Dead(self.wait(), self._streams.log("stderr") if self.has_log("stderr") else b"")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._args[0]} is not ready after {timeout:g} s")
            time.sleep(LOOK)


def port(number: int) -> Callable[[Container], bool]:
    """Whether somebody in the container's network listens on this TCP port."""
    wanted = f":{number:04X}"

    def listens(container: Container) -> bool:
        for table in ("tcp", "tcp6"):
            try:
                with open(f"/proc/{container.pid}/net/{table}", encoding="ascii") as file:
                    rows = [line.split() for line in file]
            except OSError:
                continue
            if any(row[1].endswith(wanted) and row[3] == "0A" for row in rows[1:]):  # 0A: TCP_LISTEN
                return True
        return False

    return listens


def log(text: str | bytes, stream: str = "stdout") -> Callable[[Container], bool]:
    """Whether the stream has said this."""
    wanted = text.encode() if isinstance(text, str) else text
    return lambda container: wanted in container.logs(stream=stream)


def file(path: str) -> Callable[[Container], bool]:
    """Whether this absolute path is there, seen from inside."""

    def there(container: Container) -> bool:
        from contain.kernel.files import Root

        try:
            with Root(f"/proc/{container.pid}/root") as root:
                os.close(root.open(path))
        except OSError:
            return False
        return True

    return there
