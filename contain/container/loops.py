"""The drivers for event loops, asyncio and trio: they feed the same steps that contain.container.steps.drive feeds in threads."""

from __future__ import annotations

import sys
import time
from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Generator
    from typing import TypeVar

    from contain.container.steps import Launch, Wait

    Ready = tuple[set[int], set[int]]
    T = TypeVar("T")


async def drive(todo: Generator[Wait, Ready, T], launch: Launch | None) -> T:
    """Feeds the steps from the running loop. A cancellation kills `launch`, if there is one, and goes on after the end."""
    wait_once = _waiter()
    try:
        wait = next(todo)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a T
    cancelled: BaseException | None = None
    while True:
        try:
            ready = await wait_once(wait)
        except BaseException as stop:
            if cancelled is not None or launch is None:
                todo.close()  # what it holds goes now, not with the traceback
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
            return end.value  # type: ignore[no-any-return]  # a T


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


async def sleep(seconds: float) -> None:
    """By the loop that runs."""
    if _waiter() is _trio:
        import trio

        await trio.sleep(seconds)
    else:
        import asyncio

        await asyncio.sleep(seconds)
