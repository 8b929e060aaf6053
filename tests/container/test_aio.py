"""contain.aio on asyncio and trio: results, many at once, and cancellation that leaves nothing."""

from __future__ import annotations

import asyncio
import os

import pytest

from contain import aio

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")]


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> aio.Sandbox:
    """One for all."""
    return aio.Sandbox(rootfs=busybox)


def test_result(sandbox: aio.Sandbox) -> None:
    """As without async."""
    found = asyncio.run(sandbox.run(["sh", "-c", "cat; exit 3"], input="in", text=True))
    assert (found.returncode, found.stdout) == (3, "in")


def test_many_at_once(sandbox: aio.Sandbox) -> None:
    """Each has its own output."""

    async def main() -> list[bytes]:
        return [found.stdout for found in await asyncio.gather(*(sandbox.run(["echo", str(n)]) for n in range(16)))]

    assert asyncio.run(main()) == [f"{n}\n".encode() for n in range(16)]


def test_cancelled_await_ends_the_container(sandbox: aio.Sandbox) -> None:
    """When the cancellation is out, no descriptor of it is left."""

    async def main() -> None:
        before = len(os.listdir("/proc/self/fd"))
        task = asyncio.create_task(sandbox.run(["sleep", "1000"]))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(main())


def test_wait_for_of_asyncio(sandbox: aio.Sandbox) -> None:
    """Its timeout is a cancellation."""

    async def main() -> None:
        await asyncio.wait_for(sandbox.run(["sleep", "1000"]), 0.2)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())


def test_trio(sandbox: aio.Sandbox) -> None:
    """The same on trio, cancellation too."""
    trio = pytest.importorskip("trio")

    async def main() -> None:
        assert (await sandbox.run(["cat"], input=b"x" * 300_000)).stdout == b"x" * 300_000
        before = len(os.listdir("/proc/self/fd"))
        with trio.move_on_after(0.2) as scope:
            await sandbox.run(["sleep", "1000"])
        assert scope.cancelled_caught
        assert len(os.listdir("/proc/self/fd")) == before

    trio.run(main)
