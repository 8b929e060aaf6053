"""Cluster: several containers of one sandbox on one network."""

from __future__ import annotations

from contain.container.job import is_whole
from contain.errors import UsageError
from contain.network.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from contain.container.container import Container
    from contain.container.job import Command
    from contain.container.options import SandboxOptions
    from contain.container.ready import Ready
    from contain.container.sandbox import Sandbox

    Commands: TypeAlias = Command | Callable[[int, list[str]], Command]
    Each: TypeAlias = Callable[[int, str], SandboxOptions]


def conditions(ready: Ready | Sequence[Ready]) -> Sequence[Ready]:
    """One or several."""
    return [ready] if callable(ready) else ready


class Cluster:
    """`n` members, a sequence of Container; a context manager whose end ends them all, and the network when it is the cluster's own.

    `command` is one for all, or a function of (index, names) that gives each its own. Members are called n1, n2 … unless `names` says
    otherwise; all names are known before the first one starts. The network is `network`, the sandbox's, or a new one. With `ready` the
    cluster is there when these conditions (contain.port(n), …) hold for each, within `timeout` seconds. `each`, a function of (index, name),
    gives a member's sandbox options of its own, such as a volume that outlives it. Other options are of Sandbox.start.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        n: int,
        *,
        command: Commands,
        names: Sequence[str] | None = None,
        network: Network | None = None,
        ready: Ready | Sequence[Ready] = (),
        timeout: float = 30,
        each: Each | None = None,
        **options: Any,
    ) -> None:
        """Starts them all; when one cannot be started, or is not ready in time, nothing is left."""
        self._members: list[Any] = []
        self._own: Any = None
        try:
            self._begin(sandbox, n, command, names, network)
            self._set_up(each, options)
            for index in range(n):
                self._members.append(self._start(index))
            for one in self._members:
                one.wait_for(*conditions(ready), timeout=timeout)
        except BaseException:
            self.close()
            raise

    def _begin(self, sandbox: Sandbox, n: int, command: Commands, names: Sequence[str] | None, network: Network | None) -> None:
        if not is_whole(n) or not hasattr(sandbox, "start"):
            raise UsageError(f"a cluster of {n!r} of {sandbox!r}", remedy="write Cluster(sandbox, 3, command=…)")
        self.names = list(names) if names is not None else [f"n{index + 1}" for index in range(n)]
        if n < 1 or len(self.names) != n or len(set(self.names)) != n:
            raise UsageError(f"a cluster of {n} with the names {', '.join(self.names)}", remedy="give each member a name of its own")
        given: Any = network if network is not None else sandbox.network
        if given is None:
            given = self._own = Network()
        self.network: Any = given
        self._command = command
        self._sandbox = sandbox if sandbox.network is given else sandbox.replace(network=given)
        given.reserve(*self.names)

    def _set_up(self, each: Each | None, options: dict[str, Any]) -> None:
        if "member" in options:
            raise UsageError("the members of a cluster have its names", remedy="give names=[…]")
        self._options = options
        own: list[SandboxOptions] = [each(index, name) if each is not None else {} for index, name in enumerate(self.names)]
        self._sandboxes = [self._sandbox.replace(**given) if given else self._sandbox for given in own]

    def _words(self, index: int) -> Command:
        return self._command(index, list(self.names)) if callable(self._command) else self._command

    def _start(self, index: int) -> Any:
        return self._sandboxes[index].start(self._words(index), member=self.names[index], **self._options)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._members)

    def __getitem__(self, index: int) -> Container:
        """A member by its number, from 0."""
        found: Container = self._members[index]
        return found

    def __iter__(self) -> Iterator[Container]:
        """The members in their order."""
        return iter(self._members)

    def __enter__(self) -> Cluster:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """See close()."""
        self.close()

    def close(self) -> None:
        """Ends all members and waits; then the network, when it is the cluster's own."""
        try:
            while self._members:
                with self._members[-1]:
                    self._members.pop()
        finally:
            if self._own is not None:
                self._own.close()

    def restart(self, index: int) -> Container:
        """Ends a member if it runs, and starts it again under its name, at its address; its files are fresh, but for its volumes."""
        with self._members[index]:
            pass
        again: Container = self._start(index)
        self._members[index] = again
        return again
