"""contain for event loops: the same names with `async`, on the same steps, for asyncio and trio.

A cancelled await kills the container, waits for its record (shielded), and re-raises: nothing of it is left when the cancellation goes on.
"""

from __future__ import annotations

import sys

from contain.container import sandbox as threads
from contain.container.job import RUN_OPTIONS
from contain.container.result import Result
from contain.container.steps import Launch
from contain.container.steps import run as run_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from contain.container.job import Command
    from contain.container.steps import Steps, Wait

    Ready = tuple[set[int], set[int]]

__all__ = ["Result", "Sandbox", "run", "run_python"]


class Sandbox(threads.Sandbox):
    """contain.Sandbox, whose run() is awaited."""

    __slots__ = ()

    async def run(self, cmd: Command, **options: Any) -> Result:  # type: ignore[override]
        """contain.Sandbox.run, awaited; the options are the same."""
        job = self._job(cmd, options)
        try:
            launch = Launch(job.plan, job.streams, job.passed)
            try:
                result = await _drive(run_steps(launch, job.streams, job.args), launch)
            finally:
                launch.close()
        finally:
            job.streams.close()
        return job.settle(result)


async def run(cmd: Command, **options: Any) -> Result:
    """contain.run, awaited."""
    own = {name: options.pop(name) for name in RUN_OPTIONS if name in options}
    sandbox = Sandbox(**options)
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


async def _drive(steps: Steps, launch: Launch) -> Result:
    """Feeds the steps from the running loop."""
    wait_once = _waiter()
    wait = next(steps)
    cancelled: BaseException | None = None
    while True:
        try:
            ready = await wait_once(wait)
        except BaseException as stop:
            if cancelled is not None:
                raise
            cancelled = stop
            launch.kill()
            wait_once = _shielded(wait_once)
            continue
        try:
            wait = steps.send(ready)
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
        if not found.done():
            found.set_result(None)

    for fd in wait.readers:
        loop.add_reader(fd, note, ready[0], fd)
    for fd in wait.writers:
        loop.add_writer(fd, note, ready[1], fd)
    try:
        await found
    finally:
        for fd in wait.readers:
            loop.remove_reader(fd)
        for fd in wait.writers:
            loop.remove_writer(fd)
    return ready


async def _trio(wait: Wait) -> Ready:
    import trio

    ready: Ready = set(), set()
    async with trio.open_nursery() as nursery:

        async def one(place: set[int], fd: int, until: Callable[[int], Awaitable[None]]) -> None:
            await until(fd)
            place.add(fd)
            nursery.cancel_scope.cancel()

        for fd in wait.readers:
            nursery.start_soon(one, ready[0], fd, trio.lowlevel.wait_readable)
        for fd in wait.writers:
            nursery.start_soon(one, ready[1], fd, trio.lowlevel.wait_writable)
    return ready
