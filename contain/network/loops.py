"""Network and Cluster for event loops: contain.aio has them. What waits is awaited; faults, attach and publish take some milliseconds and are not."""

from __future__ import annotations

import os
import socket

from contain.container import steps
from contain.container.dial import dialing
from contain.container.loops import drive
from contain.errors import LaunchError
from contain.network import cluster as threads_cluster
from contain.network import network as threads_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from contain.container.ready import Ready
    from contain.network.network import Who


class Network(threads_network.Network):
    """contain.Network: `async with contain.aio.Network() as network:`; made when the block is entered."""

    def __init__(self, *, subnet: str = threads_network.SUBNET, host: bool = False) -> None:
        """Nothing is done yet."""
        self._given = subnet, host
        self._holder = -1

    async def __aenter__(self) -> Network:
        """Makes it."""
        subnet, host = self._given
        self._begin(subnet, host=host)
        try:
            await drive(steps.start(self._launch, self._streams, ["network"]), self._launch)
        except BaseException:
            self._abandon()
            raise
        self._note_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """See close()."""
        await self.close()

    async def close(self) -> None:  # type: ignore[override]
        """contain.Network.close, awaited."""
        if self._holder >= 0 and os.getpid() == self._owner:
            self._unpublish()
            self._launch.kill()
            try:
                await drive(steps.run(self._launch, self._streams, ["network"]), self._launch)
            finally:
                self._abandon()

    async def connect(  # type: ignore[override]
        self,
        who: Who,
        port: int,
        timeout: float | None = 5,  # noqa: ASYNC109  the name in contain.Network
    ) -> socket.socket:
        """contain.Network.connect, awaited; the socket does not block."""
        address, work = self._address(who), self._lending()
        try:
            await drive(work.steps, work.launch)
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=work.take()[0])
        except LaunchError as problem:
            raise work.explain(problem) from None
        finally:
            work.close()
        try:
            await drive(dialing(made, (address, port), timeout), None)
        except BaseException:
            made.close()
            raise
        return made


class Cluster(threads_cluster.Cluster):
    """contain.Cluster of a contain.aio.Sandbox: `async with contain.aio.Cluster(sandbox, 3, command=…) as cluster:`."""

    def __init__(
        self,
        sandbox: Any,
        n: int,
        *,
        command: threads_cluster.Commands,
        names: Sequence[str] | None = None,
        network: threads_network.Network | None = None,
        ready: Ready | Sequence[Ready] = (),
        timeout: float = 30,
        each: threads_cluster.Each | None = None,
        **options: Any,
    ) -> None:
        """Nothing is done yet."""
        self._given = sandbox, n, command, names, network
        self._later = ready, timeout, each, options

    async def __aenter__(self) -> Cluster:
        """Starts them all."""
        sandbox, n, command, names, network = self._given
        ready, timeout, each, options = self._later
        self._members = []
        self._own = await Network().__aenter__() if network is None and sandbox.network is None else None
        try:
            self._begin(sandbox, n, command, names, network or self._own)
            self._set_up(each, options)
            for index in range(n):
                self._members.append(await self._start(index))
            for one in self._members:
                await one.wait_for(*threads_cluster.conditions(ready), timeout=timeout)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """See close()."""
        await self.close()

    async def close(self) -> None:  # type: ignore[override]
        """contain.Cluster.close, awaited."""
        try:
            while self._members:
                await self._members.pop().close()
        finally:
            if self._own is not None:
                await self._own.close()

    async def restart(self, index: int) -> Any:  # type: ignore[override]
        """contain.Cluster.restart, awaited."""
        await self._members[index].close()
        self._members[index] = await self._start(index)
        return self._members[index]
