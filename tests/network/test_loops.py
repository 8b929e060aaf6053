"""Networks and clusters in event loops, by asyncio and trio: the same, and nothing is left after a cancellation."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
import trio

import contain
from contain import aio
from tests.live.launch import eventually
from tests.network.conftest import MISSING, SERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Main = Callable[[], Coroutine[Any, Any, Any]]

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
READY = contain.port(8080)
LOOPS: dict[str, Callable[[Main], Any]] = {"asyncio": lambda main: asyncio.run(main()), "trio": trio.run}


@pytest.fixture(params=sorted(LOOPS))
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    """Each loop."""
    return LOOPS[request.param]


def test_cluster_and_ways_in(run: Callable[[Main], Any], busybox: str) -> None:
    """Members start, are asked by each other and from outside, are cut off, and started again."""

    async def main() -> str:
        box = aio.Sandbox(rootfs=busybox, allow_missing=MISSING)
        async with aio.Cluster(box, 2, command=SERVER, ready=[READY]) as cluster:
            network = cluster.network
            (await network.connect("n1", 8080)).close()
            with pytest.raises(ConnectionRefusedError):
                await network.connect("n1", 8081)
            again = await cluster.restart(1)
            await again.wait_for(READY)
            with network.loss("n2", 1), pytest.raises(TimeoutError):
                await network.connect("n2", 8080, 0.2)
            found = await cluster[0].exec(["wget", "-q", "-O", "-", "http://n2:8080/name"], text=True)
            return str(found.stdout)

    assert run(main) == "n2\n"


def test_cancelled_start_leaves_nothing(run: Callable[[Main], Any], busybox: str) -> None:
    """Not the members that run already, and not the network."""
    seen: list[Any] = []

    async def never(container: Any) -> bool:
        seen.append(container)
        if len(seen) > 1:
            raise LookupError
        return False

    async def main() -> None:
        box = aio.Sandbox(rootfs=busybox, allow_missing=MISSING)
        async with aio.Cluster(box, 2, command=SERVER, ready=[never]):
            raise AssertionError

    with pytest.raises(LookupError):
        run(main)
    assert not seen[0].alive
    eventually(lambda: not os.path.exists(f"/proc/{seen[0].pid}/ns"), "the member is gone")


def test_network_is_closed_once(run: Callable[[Main], Any]) -> None:
    """By hand, and by the end of its block."""

    async def main() -> str:
        async with aio.Network(subnet="10.3.0.0/24") as network:
            hosts = network.hosts
            await network.close()
        return hosts

    assert not os.path.exists(run(main))
