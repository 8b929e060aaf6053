"""Work shared between processes: forked by hand, results in the order of the items, and a bound for the time that one item takes.

`concurrent.futures` costs 40 ms to import; a pipe and a fork cost three.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")
_SIZE = 4


class _Worker:
    """A child that works through a list and sends a result for each: four bytes with its size, and the result as pickle writes it."""

    def __init__(self, work: Callable[[Any], Any], items: list[Any]) -> None:
        import pickle  # 4 ms, and one file needs no pool

        reader, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                os.close(reader)
                with os.fdopen(writer, "wb") as stream:
                    for item in items:
                        data = pickle.dumps(work(item), pickle.HIGHEST_PROTOCOL)
                        stream.write(len(data).to_bytes(_SIZE, "little") + data)
                        stream.flush()
                status = 0
            except BrokenPipeError:
                status = 0  # nobody wants the rest
            finally:
                os._exit(status)
        os.close(writer)
        self.reader = reader
        #: what was read and not yet asked for
        self.data = b""
        self.poll = select.poll()
        self.poll.register(reader, select.POLLIN)

    def receive(self, seconds: float) -> Any:
        """The next result. TimeoutError when it does not come in time, EOFError when the worker died."""
        import pickle  # as above

        deadline = time.monotonic() + seconds
        while len(self.data) < _SIZE or len(self.data) < self._end():
            if not self.poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            part = os.read(self.reader, 1 << 16)
            if not part:
                raise EOFError
            self.data += part
        end = self._end()
        result = pickle.loads(self.data[_SIZE:end])  # noqa: S301  from our own child
        self.data = self.data[end:]
        return result

    def _end(self) -> int:
        return _SIZE + int.from_bytes(self.data[:_SIZE], "little")

    def stop(self) -> None:
        """End it, whatever it does."""
        os.close(self.reader)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Pool(Generic[Item, Result]):
    """Deals items out to workers; one that is late or dies is replaced, and its item gets `lost`."""

    def __init__(self, work: Callable[[Item], Result], lost: Callable[[Item, str], Result], *, jobs: int, seconds: float) -> None:
        """`lost` makes the result of an item from the reason why it has none."""
        self.work = work
        self.lost = lost
        self.jobs = jobs
        self.seconds = seconds

    def run(self, items: list[Item]) -> Iterator[Result]:
        """The results, in the order of the items."""
        hands = [items[number :: self.jobs] for number in range(self.jobs)]
        workers = [_Worker(self.work, hand) for hand in hands]
        try:
            for index, item in enumerate(items):
                number, place = index % self.jobs, index // self.jobs
                try:
                    yield workers[number].receive(self.seconds)
                except (TimeoutError, EOFError) as error:
                    workers[number].stop()
                    workers[number] = _Worker(self.work, hands[number][place + 1 :])
                    late = isinstance(error, TimeoutError)
                    yield self.lost(item, f"it took more than {self.seconds:g} seconds" if late else "the process that checked it died")
        finally:
            for worker in workers:
                worker.stop()
