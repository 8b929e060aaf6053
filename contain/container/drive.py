"""The driver for ordinary threads: poll(2)."""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias, TypeVar

    from contain.container.steps import Wait

    Ready: TypeAlias = tuple[set[int], set[int]]
    T = TypeVar("T")


def drive(steps: Generator[Wait, Ready, T]) -> T:
    """Runs the steps to their end in this thread; their value."""
    try:
        wait = next(steps)
        while True:
            wait = steps.send(_once(wait))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a T
    finally:  # an interrupt does not leave what the steps hold to whoever keeps its traceback
        steps.close()


def _once(wait: Wait) -> Ready:
    poll = select.poll()
    for fd in wait.readers:
        poll.register(fd, select.POLLIN)
    for fd in wait.writers:
        poll.register(fd, select.POLLOUT)
    left = None if wait.deadline is None else max(0.0, wait.deadline - time.monotonic()) * 1000
    found = {fd for fd, _ in poll.poll(left)}
    return found.intersection(wait.readers), found.intersection(wait.writers)
