"""Steps that several threads or tasks take at once: whoever waits for one container."""

from __future__ import annotations

import os
from threading import RLock

from contain.container.steps import Wait
from contain.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeAlias, TypeVar

    Ready: TypeAlias = tuple[set[int], set[int]]
    T = TypeVar("T")


class Turns:
    """Who may go on: one thread at a time, and none of a forked child, which would read what the parent waits for."""

    __slots__ = ("_owner", "lock")

    def __init__(self) -> None:
        """Of this process."""
        self.lock = RLock()
        self._owner = os.getpid()

    @property
    def foreign(self) -> bool:
        """Whether this is a forked child."""
        return os.getpid() != self._owner


def together(asking: Generator[Wait, Ready, T], turns: Turns, known: Callable[[], T | None]) -> Generator[Wait, Ready, T]:
    """The same steps, of which one at a time goes on; `known` gives their value as soon as somebody has it.

    Each waits on copies of the descriptors: an event loop knows a descriptor once, and whoever is the first at the end closes them.
    """
    if turns.foreign:
        raise StateError(
            "the container is of the process that this one was forked from", remedy="wait for it there; exec, get and put work here too"
        )
    copies: dict[int, int] = {}
    ready: Any = None
    try:
        while True:
            with turns.lock:
                found = known()
                if found is not None:
                    return found
                try:
                    wait = asking.send(ready)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]  # a T
                for fd in (*wait.readers, *wait.writers):
                    if fd not in copies:
                        copies[fd] = os.dup(fd)
            readable, writable = yield Wait([copies[fd] for fd in wait.readers], [copies[fd] for fd in wait.writers], wait.deadline)
            ready = {fd for fd in wait.readers if copies[fd] in readable}, {fd for fd in wait.writers if copies[fd] in writable}
    finally:
        with turns.lock:
            asking.close()
        for copy in copies.values():
            os.close(copy)
