"""contain for event loops: the same names with `async`, on the same steps, for asyncio and trio.

A cancelled await kills the container, waits for its record (shielded), and re-raises: nothing of it is left when the cancellation goes on.
"""

from __future__ import annotations

from signal import SIGTERM

from contain.container import container as threads_container
from contain.container import lend, steps
from contain.container import sandbox as threads
from contain.container.job import RUN_OPTIONS, by
from contain.container.loops import drive, sleep
from contain.container.ready import conditions, ends, holds
from contain.container.result import Result
from contain.container.steps import Launch
from contain.errors import LaunchError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import AsyncIterator, Callable, Generator, Sequence
    from typing import Any, Unpack, overload

    from contain.container import tree
    from contain.container.job import Command
    from contain.container.options import (
        AllBytesOptions,
        AllEncodedOptions,
        AllOptions,
        AllTextOptions,
        BytesOptions,
        EncodedOptions,
        ExecBytesOptions,
        ExecEncodedOptions,
        ExecOptions,
        ExecTextOptions,
        RunOptions,
        StartOptions,
        TextOptions,
    )
    from contain.container.steps import Asking
    from contain.network.loops import Cluster, Network

__all__ = ["Cluster", "Container", "Network", "Result", "Sandbox", "run", "run_python"]


def __getattr__(name: str) -> object:
    """Networks are loaded when first touched."""
    if name not in {"Cluster", "Network"}:
        raise AttributeError(f"module 'contain.aio' has no attribute {name!r}")
    from contain.network import loops

    return getattr(loops, name)


class Sandbox(threads.Sandbox):
    """contain.Sandbox, whose run() is awaited."""

    __slots__ = ()

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        async def run(self, cmd: Command | None = None, **options: Unpack[TextOptions]) -> Result[str]: ...

        @overload
        async def run(self, cmd: Command | None = None, **options: Unpack[EncodedOptions]) -> Result[str]: ...

        @overload
        async def run(self, cmd: Command | None = None, **options: Unpack[BytesOptions]) -> Result[bytes]: ...

        @overload
        async def run(self, cmd: Command | None = None, **options: Unpack[RunOptions]) -> Result[Any]: ...

    async def run(self, cmd: Command | None = None, **options: Unpack[RunOptions]) -> Result[Any]:
        """contain.Sandbox.run, awaited; the options are the same."""
        job, result = self._job(cmd, dict(options)), None
        try:
            launch = Launch(job.plan, job.streams, job.given, brief=True)
            try:
                result = await drive(steps.run(launch, job.streams, job.args), launch)
            except LaunchError:
                if not job.lost_pool(launch):
                    raise
            finally:
                launch.close()
        finally:
            job.close()
        return await self.run(cmd, **options) if result is None else job.settle(result)

    def start(self, cmd: Command | None = None, **options: Unpack[StartOptions]) -> Starting:  # type: ignore[override]
        """contain.Sandbox.start: `async with box.start(cmd) as container:`, or `container = await box.start(cmd)`."""
        return Starting(self, self._words(cmd), dict(options))


class Starting:
    """A container that is being started: awaited, or entered by `async with`."""

    __slots__ = ("_args", "_options", "_sandbox", "_started")

    def __init__(self, sandbox: Sandbox, args: list[str], options: dict[str, Any]) -> None:
        """Nothing is done yet."""
        self._sandbox, self._args, self._options = sandbox, args, options
        self._started: Container | None = None

    def __await__(self) -> Generator[Any, Any, Container]:
        """Returns when the program runs."""
        return self._start().__await__()

    async def _start(self) -> Container:
        found = object.__new__(Container)
        await found._begin_and_wait(self._sandbox, self._args, self._options)
        return found

    async def __aenter__(self) -> Container:
        """The running container."""
        self._started = await self._start()
        return self._started

    async def __aexit__(self, *_: object) -> None:
        """Its end, and the wait for it."""
        if self._started:
            await self._started.close()


class Container(threads_container.Container):
    """contain.Container, whose waiting methods are awaited; `alive`, `logs`, `stats`, `kill`, `pause`, `resume`, `publish` do not wait.

    A cancelled run, exec, start or stop kills what it waits for; a cancelled wait() does not.
    """

    __slots__ = ()

    async def _begin_and_wait(self, sandbox: Sandbox, args: list[str], options: dict[str, Any]) -> None:
        self._begin(sandbox, args, options)
        try:
            await drive(steps.start(self._launch, self._streams, args), self._launch)
        except BaseException:
            self._abandon()
            raise
        self._note_start()

    async def __aenter__(self) -> Container:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """See close()."""
        await self.close()

    async def close(self) -> None:
        """Ends it, with all that was published, and waits; a forked child leaves it alone."""
        if self._turns.foreign:
            return
        self._launch.kill()
        try:
            self._unpublish()
            await drive(self._end(), self._launch)
        finally:
            self._streams.close()

    async def wait(self, timeout: float | None = None) -> Result[Any]:  # type: ignore[override]  # noqa: ASYNC109  the name in contain.Container
        """Its Result; TimeoutError when it has not ended in time, and lives on."""
        return await drive(self._end(timeout), None)

    async def stop(self, grace: float = 5) -> Result[Any]:  # type: ignore[override]
        """SIGTERM, and after `grace` seconds SIGKILL; its Result."""
        by(grace)
        self.kill(SIGTERM)
        try:
            return await drive(self._end(grace), self._launch)
        except TimeoutError:
            self._launch.kill()
            return await drive(self._end(), self._launch)

    async def follow(self, stream: str = "stdout") -> AsyncIterator[bytes]:  # type: ignore[override]
        """contain.Container.follow: `async for line in box.follow()`."""
        follower = self._follower(stream)
        while True:
            ended = not self.alive
            for line in follower.lines(last=ended):
                yield line
            if ended:
                return
            await sleep(threads_container.LOOK)

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        async def exec(self, cmd: Command, **options: Unpack[ExecTextOptions]) -> Result[str]: ...

        @overload
        async def exec(self, cmd: Command, **options: Unpack[ExecEncodedOptions]) -> Result[str]: ...

        @overload
        async def exec(self, cmd: Command, **options: Unpack[ExecBytesOptions]) -> Result[bytes]: ...

        @overload
        async def exec(self, cmd: Command, **options: Unpack[ExecOptions]) -> Result[Any]: ...

    async def exec(self, cmd: Command, **options: Unpack[ExecOptions]) -> Result[Any]:
        """contain.Container.exec, awaited."""
        job, launch = self._further(cmd, dict(options))
        try:
            result = await drive(steps.run(launch, job.streams, job.args), launch)
        finally:
            launch.close()
            job.streams.close()
        return job.settle(result)

    async def wait_for(self, *ready: Callable[[Any], Any], timeout: float = 30) -> None:  # type: ignore[override]  # noqa: ASYNC109
        """contain.Container.wait_for, awaited; conditions may be coroutine functions."""
        deadline = by(timeout)
        left = conditions(ready)
        while True:
            left = [one for one in left if not await self._answer(one, deadline)]
            if not left:
                return
            self._check_ready(deadline, timeout)
            await sleep(threads_container.LOOK)

    async def _answer(self, one: Callable[[Any], Any], deadline: float) -> bool:
        try:
            found = one(self)
            if hasattr(found, "__await__"):
                found = await found
            elif hasattr(found, "send"):
                found = await drive(steps.within(found, deadline), None)
            return holds(found)
        except (StateError, LaunchError) as problem:
            if not await drive(ends(self, problem), None):
                raise
            return False

    async def put(  # type: ignore[override]
        self, source: str | os.PathLike[str] | bytes, path: str, *, mode: int | None = None, limit: int | str = threads_container.LIMIT
    ) -> None:
        """contain.Container.put, awaited."""
        if lend.is_folder(source):
            from contain.container import tree

            copier = tree.Tree(self.root, self.id, limit)
            await _copied(copier, tree.putting(copier, source, path))
            return
        data, own = lend.source_of(source, limit)
        lend.write((await _lent(lend.writing(self.root, self.id, path, own if mode is None else mode)))[0], data)

    async def get(  # type: ignore[override]
        self, path: str, target: str | os.PathLike[str] | None = None, *, limit: int | str = threads_container.LIMIT
    ) -> bytes:
        """contain.Container.get, awaited."""
        try:
            fd = (await _lent(lend.reading(self.root, self.id, path)))[0]
        except LaunchError as problem:
            if target is None or lend.FOLDER not in problem.message:
                raise
            from contain.container import tree

            copier = tree.Tree(self.root, self.id, limit)
            await _copied(copier, tree.whole(copier, path, target))
            return b""
        return self._got(fd, path, target, limit)

    async def connect(self, port: int, timeout: float | None = 5) -> socket.socket:  # type: ignore[override]  # noqa: ASYNC109
        """contain.Container.connect, awaited; the socket does not block."""
        from contain.container.dial import connecting

        made: socket.socket = await drive(connecting(self.root, self.id, port, timeout), None)
        return made


async def _copied(copier: tree.Tree, asking: Asking) -> None:
    try:
        await drive(asking, copier.launch)
    finally:
        copier.close()


async def _lent(lending: lend.Lending) -> list[int]:
    try:
        await drive(lending.steps, lending.launch)
        return lending.take()
    finally:
        lending.close()


if TYPE_CHECKING:

    @overload
    async def run(cmd: Command | None = None, **options: Unpack[AllTextOptions]) -> Result[str]: ...

    @overload
    async def run(cmd: Command | None = None, **options: Unpack[AllEncodedOptions]) -> Result[str]: ...

    @overload
    async def run(cmd: Command | None = None, **options: Unpack[AllBytesOptions]) -> Result[bytes]: ...

    @overload
    async def run(cmd: Command | None = None, **options: Unpack[AllOptions]) -> Result[Any]: ...


async def run(cmd: Command | None = None, **options: Unpack[AllOptions]) -> Result[Any]:
    """contain.run, awaited."""
    given: dict[str, Any] = dict(options)
    own = {name: given.pop(name) for name in RUN_OPTIONS if name in given}
    sandbox = Sandbox(**given)
    try:
        found: Result[Any] = await sandbox.run(cmd, **own)
        return found
    finally:
        sandbox.close()


async def run_python(
    source: str | bytes,
    *,
    args: Sequence[str] = (),
    packages: Sequence[str] = (),
    python: str | os.PathLike[str] | None = None,
    **options: Unpack[AllOptions],
) -> Result[Any]:
    """contain.run_python, awaited."""
    from contain.container.python import Call

    call = Call(source, args, packages, python, dict(options))
    try:
        found: Result[Any] = await Sandbox(**call.sandbox).run(call.command, **call.run)
        return found
    finally:
        call.close()
