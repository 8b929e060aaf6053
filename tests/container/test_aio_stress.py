"""contain.aio under load: many at once, cancelled at any moment, beside other people's child watchers; nothing is left, and no thread is made."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

import contain
from contain import aio
from tests.conftest import children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
COUNT = 24
WATCHERS = ["SafeChildWatcher", "FastChildWatcher", "MultiLoopChildWatcher", "ThreadedChildWatcher", "PidfdChildWatcher"]
WATCHERS = [name for name in WATCHERS if hasattr(asyncio, name)]  # Python 3.14 has none


@pytest.fixture
def sandbox(busybox: str) -> Iterator[aio.Sandbox]:
    """One whose runs leave nothing: descriptors, threads, children are as before."""
    box = aio.Sandbox(rootfs=busybox)
    contain.Sandbox(rootfs=busybox).run(["true"])  # the first run of a process keeps the launcher open
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    known = children()
    yield box
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before
    assert children() <= known


async def one(box: aio.Sandbox, number: int) -> bytes:
    """One of them: short, or one that goes on until it is cancelled."""
    return (await box.run(["sleep", "1000"] if number % 3 == 0 else ["echo", str(number)])).stdout


def test_asyncio_cancelled_at_any_moment(sandbox: aio.Sandbox) -> None:
    """Every third is cancelled, each a little later than the one before; the others have their own output."""

    async def main() -> None:
        threads = threading.active_count()
        tasks = [asyncio.create_task(one(sandbox, number)) for number in range(COUNT)]
        for number in range(0, COUNT, 3):
            await asyncio.sleep(0.002 * number)
            assert threading.active_count() == threads
            tasks[number].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for number, said in enumerate(found):
            assert isinstance(said, asyncio.CancelledError) if number % 3 == 0 else said == b"%d\n" % number

    asyncio.run(main())


def test_trio_cancelled_at_any_moment(sandbox: aio.Sandbox) -> None:
    """The same, by scopes."""
    trio = pytest.importorskip("trio")
    found: dict[int, bytes] = {}

    async def main() -> None:
        async def task(number: int) -> None:
            with trio.move_on_after(0.002 * number if number % 3 == 0 else 60):
                found[number] = await one(sandbox, number)

        async with trio.open_nursery() as nursery:
            for number in range(COUNT):
                nursery.start_soon(task, number)

    trio.run(main)
    assert found == {number: b"%d\n" % number for number in range(COUNT) if number % 3}


def test_containers_started_and_cancelled(sandbox: aio.Sandbox) -> None:
    """start(), exec() and stop() of many, each cancelled somewhere on its way."""

    async def life(number: int) -> None:
        async with sandbox.start(["sleep", "1000"]) as box:
            while True:
                assert (await box.exec(["echo", str(number)])).stdout == b"%d\n" % number

    async def main() -> None:
        tasks = [asyncio.create_task(life(number)) for number in range(8)]
        for number, task in enumerate(tasks):
            await asyncio.sleep(0.03 * (number % 3))
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(said, asyncio.CancelledError) for said in found)

    asyncio.run(main())


@pytest.mark.parametrize("name", WATCHERS)
def test_other_child_watchers(sandbox: aio.Sandbox, name: str) -> None:
    """Whichever asyncio uses for its own processes: ours are no business of it, theirs none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        make: Callable[[], asyncio.AbstractChildWatcher] = getattr(asyncio, name)
        watcher = make()

    async def main() -> None:
        if not isinstance(watcher, asyncio.PidfdChildWatcher):
            watcher.attach_loop(asyncio.get_running_loop())
        ours = [asyncio.create_task(sandbox.run(["sh", "-c", f"exit {number}"])) for number in range(4)]
        theirs = await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit 7")
        assert await theirs.wait() == 7
        assert [found.returncode for found in await asyncio.gather(*ours)] == [0, 1, 2, 3]

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        asyncio.set_child_watcher(watcher)
        with watcher:
            asyncio.run(main())
        watcher.close()
    finally:
        asyncio.set_event_loop_policy(before)
