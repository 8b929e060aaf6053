"""contain for event loops: the same names with `async`, on the same steps, for asyncio and trio.

A cancelled await kills the container, waits for its record (shielded), and re-raises: nothing of it is left when the cancellation goes on.
"""

from __future__ import annotations

import socket
import sys
import time
from math import inf
from signal import SIGTERM

from contain.container import container as threads_container
from contain.container import lend, steps
from contain.container import sandbox as threads
from contain.container.job import RUN_OPTIONS, words
from contain.container.ready import holds
from contain.container.result import Result
from contain.container.steps import Launch
from contain.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
    from typing import Any, Unpack

    from contain.container.job import Command
    from contain.container.options import AllOptions, ExecOptions, RunOptions, StartOptions
    from contain.container.steps import Steps, Wait

    Ready = tuple[set[int], set[int]]

__all__ = ["Container", "Result", "Sandbox", "run", "run_python"]


class Sandbox(threads.Sandbox):
    """contain.Sandbox, whose run() is awaited."""

    __slots__ = ()

    async def run(self, cmd: Command, **options: Unpack[RunOptions]) -> Result:  # type: ignore[override]
        """contain.Sandbox.run, awaited; the options are the same."""
        job = self._job(cmd, dict(options))
        try:
            launch = Launch(job.plan, job.streams, job.given)
            try:
                result = await _drive(steps.run(launch, job.streams, job.args), launch)
            finally:
                launch.close()
        finally:
            job.close()
        return job.settle(result)

    def start(self, cmd: Command, **options: Unpack[StartOptions]) -> Starting:  # type: ignore[override]
        """contain.Sandbox.start: `async with box.start(cmd) as container:`, or `container = await box.start(cmd)`."""
        return Starting(self, words(cmd), dict(options))


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
            await _drive(steps.start(self._launch, self._streams, args), self._launch)
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
        """Ends it, with all that was published, and waits."""
        self._launch.kill()
        try:
            while self._publishers:
                self._publishers.pop().close()
            await _drive(self._end(), self._launch)
        finally:
            self._streams.close()

    async def wait(self, timeout: float | None = None) -> Result:  # type: ignore[override]  # noqa: ASYNC109  the name in contain.Container
        """Its Result; TimeoutError when it has not ended in time, and lives on."""
        return await _drive(self._end(timeout), None)

    async def stop(self, grace: float = 5) -> Result:  # type: ignore[override]
        """SIGTERM, and after `grace` seconds SIGKILL; its Result."""
        self.kill(SIGTERM)
        try:
            return await _drive(self._end(grace), self._launch)
        except TimeoutError:
            self._launch.kill()
            return await _drive(self._end(), self._launch)

    async def follow(self, stream: str = "stdout") -> AsyncIterator[bytes]:  # type: ignore[override]
        """contain.Container.follow: `async for line in box.follow()`."""
        follower = self._follower(stream)
        while True:
            ended = not self.alive
            for line in follower.lines(last=ended):
                yield line
            if ended:
                return
            await _sleep(threads_container.LOOK)

    async def exec(self, cmd: Command, **options: Unpack[ExecOptions]) -> Result:  # type: ignore[override]
        """contain.Container.exec, awaited."""
        job, launch = self._further(cmd, dict(options))
        try:
            result = await _drive(steps.run(launch, job.streams, job.args), launch)
        finally:
            launch.close()
            job.streams.close()
        return job.settle(result)

    async def wait_for(self, *ready: Callable[[Any], Any], timeout: float = 30) -> None:  # type: ignore[override]  # noqa: ASYNC109
        """contain.Container.wait_for, awaited; conditions may be coroutine functions (url() keeps the loop waiting while it asks)."""
        deadline = time.monotonic() + timeout
        left = list(ready)
        while True:
            left = [one for one in left if not await self._answer(one)]
            if not left:
                return
            self._check_ready(deadline, timeout)
            await _sleep(threads_container.LOOK)

    async def _answer(self, one: Callable[[Any], Any]) -> bool:
        try:
            found = one(self)
            return holds(await found if hasattr(found, "__await__") else found)
        except StateError:
            return False

    async def put(  # type: ignore[override]
        self, source: str | os.PathLike[str] | bytes, path: str, *, mode: int | None = None, limit: int = threads_container.LIMIT
    ) -> None:
        """contain.Container.put, awaited."""
        data, own = lend.source_of(source, limit)
        lend.write((await _lent(lend.writing(self.root, self.id, path, own if mode is None else mode)))[0], data)

    async def get(  # type: ignore[override]
        self, path: str, target: str | os.PathLike[str] | None = None, *, limit: int = threads_container.LIMIT
    ) -> bytes:
        """contain.Container.get, awaited."""
        return self._got((await _lent(lend.reading(self.root, self.id, path)))[0], path, target, limit)

    async def connect(self, port: int, timeout: float | None = 5) -> socket.socket:  # type: ignore[override]  # noqa: ASYNC109
        """contain.Container.connect, awaited; the socket does not block."""
        for family, host in lend.ADDRESSES:
            made = socket.socket(family, socket.SOCK_STREAM, fileno=(await _lent(lend.making(self.root, self.id, family)))[0])
            try:
                made.settimeout(timeout)
                made.connect((host, port))  # on loopback it is there, or refused, at once
                made.setblocking(False)
            except BaseException as problem:
                made.close()
                if not isinstance(problem, ConnectionRefusedError) or family == socket.AF_INET6:
                    raise
            else:
                return made
        raise AssertionError


async def _lent(lending: lend.Lending) -> list[int]:
    try:
        await _drive(lending.steps, lending.launch)
        return lending.take()
    finally:
        lending.close()


async def run(cmd: Command, **options: Unpack[AllOptions]) -> Result:
    """contain.run, awaited."""
    given: dict[str, Any] = dict(options)
    own = {name: given.pop(name) for name in RUN_OPTIONS if name in given}
    sandbox = Sandbox(**given)
    try:
        return await sandbox.run(cmd, **own)
    finally:
        sandbox.close()


async def run_python(
    source: str | bytes,
    *,
    args: Sequence[str] = (),
    packages: Sequence[str] = (),
    python: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Result:
    """contain.run_python, awaited."""
    from contain.container.python import Call

    call = Call(source, args, packages, python, options)
    try:
        return await Sandbox(**call.sandbox).run(call.command, **call.run)
    finally:
        call.close()


async def _drive(todo: Steps, launch: Launch | None) -> Result:
    """Feeds the steps from the running loop. A cancellation kills `launch`, if there is one, and goes on after the end."""
    wait_once = _waiter()
    try:
        wait = next(todo)
    except StopIteration as end:
        at_once: Result = end.value
        return at_once
    cancelled: BaseException | None = None
    while True:
        try:
            ready = await wait_once(wait)
        except BaseException as stop:
            if cancelled is not None or launch is None:
                raise
            cancelled = stop
            launch.kill()
            wait_once = _shielded(wait_once)
            continue
        try:
            wait = todo.send(ready)
        except StopIteration as end:
            if cancelled is not None:
                raise cancelled from None
            result: Result = end.value
            return result


def _waiter() -> Callable[[Wait], Awaitable[Ready]]:
    """By which library runs this task."""
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            pass
        else:
            return _trio
    return _asyncio


def _shielded(wait_once: Callable[[Wait], Awaitable[Ready]]) -> Callable[[Wait], Awaitable[Ready]]:
    """For the time after a cancellation: the record comes soon, and it is waited for."""
    if wait_once is _asyncio:
        return _asyncio

    async def shielded(wait: Wait) -> Ready:
        import trio

        scope = trio.CancelScope(shield=True)
        with scope:
            found = await _trio(wait)
        return found

    return shielded


async def _asyncio(wait: Wait) -> Ready:
    import asyncio

    loop = asyncio.get_running_loop()
    found: asyncio.Future[None] = loop.create_future()
    ready: Ready = set(), set()

    def note(place: set[int], fd: int) -> None:
        place.add(fd)
        end()

    def end() -> None:
        if not found.done():
            found.set_result(None)

    for fd in wait.readers:
        loop.add_reader(fd, note, ready[0], fd)
    for fd in wait.writers:
        loop.add_writer(fd, note, ready[1], fd)
    left = None if wait.deadline is None else max(0.0, wait.deadline - time.monotonic())
    timer = None if left is None else loop.call_later(left, end)
    try:
        await found
    finally:
        if timer:
            timer.cancel()
        for fd in wait.readers:
            loop.remove_reader(fd)
        for fd in wait.writers:
            loop.remove_writer(fd)
    return ready


async def _trio(wait: Wait) -> Ready:
    import trio

    ready: Ready = set(), set()
    left = inf if wait.deadline is None else max(0.0, wait.deadline - time.monotonic())
    with trio.move_on_after(left):
        await _trio_any(wait, ready)
    return ready


async def _trio_any(wait: Wait, ready: Ready) -> None:
    import trio

    async with trio.open_nursery() as nursery:

        async def one(place: set[int], fd: int, until: Callable[[int], Awaitable[None]]) -> None:
            await until(fd)
            place.add(fd)
            nursery.cancel_scope.cancel()

        for fd in wait.readers:
            nursery.start_soon(one, ready[0], fd, trio.lowlevel.wait_readable)
        for fd in wait.writers:
            nursery.start_soon(one, ready[1], fd, trio.lowlevel.wait_writable)


async def _sleep(seconds: float) -> None:
    if _waiter() is _trio:
        import trio

        await trio.sleep(seconds)
    else:
        import asyncio

        await asyncio.sleep(seconds)
