"""The driver for ordinary threads: poll(2)."""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.container.result import Result
    from contain.container.steps import Steps


def drive(steps: Steps) -> Result[Any]:
    """Runs the steps to their end in this thread."""
    try:
        wait = next(steps)
    except StopIteration as end:
        at_once: Result[Any] = end.value
        return at_once
    while True:
        poll = select.poll()
        for fd in wait.readers:
            poll.register(fd, select.POLLIN)
        for fd in wait.writers:
            poll.register(fd, select.POLLOUT)
        left = None if wait.deadline is None else max(0.0, wait.deadline - time.monotonic()) * 1000
        found = {fd for fd, _ in poll.poll(left)}
        try:
            wait = steps.send((found.intersection(wait.readers), found.intersection(wait.writers)))
        except StopIteration as end:
            result: Result[Any] = end.value
            return result
