"""contain.aio on asyncio and trio: results, many at once, and cancellation that leaves nothing."""

from __future__ import annotations

import asyncio
import os

import pytest

import contain
from contain import aio

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> aio.Sandbox:
    """One for all."""
    return aio.Sandbox(rootfs=busybox)


def test_result(sandbox: aio.Sandbox) -> None:
    """As without async."""
    found = asyncio.run(sandbox.run(["sh", "-c", "cat; exit 3"], input="in", text=True))
    assert (found.returncode, found.stdout) == (3, "in")


def test_replaced_sandbox_is_of_the_same_kind(sandbox: aio.Sandbox) -> None:
    """Its runs are awaited too."""
    other = sandbox.replace(hostname="other")
    assert asyncio.run(other.run(["hostname"], text=True)).stdout == "other\n"


def test_many_at_once(sandbox: aio.Sandbox) -> None:
    """Each has its own output."""

    async def main() -> list[bytes]:
        return [found.stdout for found in await asyncio.gather(*(sandbox.run(["echo", str(n)]) for n in range(16)))]

    assert asyncio.run(main()) == [f"{n}\n".encode() for n in range(16)]


def test_cancelled_await_ends_the_container(sandbox: aio.Sandbox) -> None:
    """When the cancellation is out, no descriptor of it is left."""

    async def main() -> None:
        await sandbox.run(["true"])  # the first run of a process keeps the launcher open
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


def test_container(sandbox: aio.Sandbox) -> None:
    """start, wait_for, exec, put, get, connect, stop: awaited."""

    async def main() -> str:
        server = "echo ready; while :; do nc -l -p 8080 -e cat; done"
        async with sandbox.start(["sh", "-c", server]) as box:
            await box.wait_for(contain.log("ready"), contain.port(8080), contain.command(["true"]))
            assert (await box.exec(["cat"], input=b"in")).stdout == b"in"
            await box.put(b"data", "/tmp/data")
            assert await box.get("/tmp/data") == b"data"
            connection = await box.connect(8080)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, b"ping")
            assert await loop.sock_recv(connection, 100) == b"ping"
            connection.close()
            with pytest.raises(TimeoutError):
                await box.wait(0.05)
            assert box.alive
            async for line in box.follow():
                assert line == b"ready\n"
                break
            found = await box.stop(0.1)
        assert found.reason in {contain.Reason.KILLED, contain.Reason.SIGNALLED, contain.Reason.EXITED}
        return f"{box.root}/{box.id}"

    assert not os.path.exists(asyncio.run(main()))


def test_container_on_trio(sandbox: aio.Sandbox) -> None:
    """The same; a cancelled exec ends what it runs, and the container goes on."""
    trio = pytest.importorskip("trio")

    async def main() -> None:
        async with sandbox.start(["sleep", "1000"]) as box:
            with trio.move_on_after(0.1) as scope:
                await box.exec(["sleep", "1001"])
            assert scope.cancelled_caught
            assert "1001" not in (await box.exec(["ps"], text=True)).stdout
            with pytest.raises(TimeoutError):
                await box.wait(0.05)
            assert await box.get("/etc/passwd")

    trio.run(main)


def test_cancelled_start_leaves_nothing(sandbox: aio.Sandbox) -> None:
    """However far it came."""

    async def main() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for delay in (0, 0.001, 0.002, 0.004, 0.008):
            task = asyncio.ensure_future(sandbox.start(["sleep", "1000"]))
            await asyncio.sleep(delay)
            task.cancel()
            try:
                await (await task).close()
            except asyncio.CancelledError:
                pass
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(main())
