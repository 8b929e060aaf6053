"""The driver for ordinary threads: poll(2)."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.container.result import Result
    from contain.container.steps import Steps


def drive(steps: Steps) -> Result:
    """Runs the steps to their end in this thread."""
    wait = next(steps)
    while True:
        poll = select.poll()
        for fd in wait.readers:
            poll.register(fd, select.POLLIN)
        for fd in wait.writers:
            poll.register(fd, select.POLLOUT)
        found = {fd for fd, _ in poll.poll()}
        try:
            wait = steps.send((found.intersection(wait.readers), found.intersection(wait.writers)))
        except StopIteration as end:
            result: Result = end.value
            return result
