"""Steps that several threads or tasks take at once: whoever waits for one container."""

from __future__ import annotations

import os

from contain.container.steps import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from threading import RLock
    from typing import Any, TypeAlias, TypeVar

    Ready: TypeAlias = tuple[set[int], set[int]]
    T = TypeVar("T")


def together(asking: Generator[Wait, Ready, T], lock: RLock, known: Callable[[], T | None]) -> Generator[Wait, Ready, T]:
    """The same steps, of which one at a time goes on; `known` gives their value as soon as somebody has it.

    Each waits on copies of the descriptors: an event loop knows a descriptor once, and whoever is the first at the end closes them.
    """
    copies: dict[int, int] = {}
    ready: Any = None
    try:
        while True:
            with lock:
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
        with lock:
            asking.close()
        for copy in copies.values():
            os.close(copy)
