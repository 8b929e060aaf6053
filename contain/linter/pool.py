"""Work shared between processes: forked by hand, results in the order of the items, and a bound for the time that one item takes.

`concurrent.futures` costs 40 ms to import; a pipe and a fork cost three.
"""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Worker:
    """A child that works through a list and sends a result for each."""

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
                        pickle.dump(work(item), stream)
                        stream.flush()
                status = 0
            except BrokenPipeError:
                status = 0  # nobody wants the rest
            finally:
                os._exit(status)
        os.close(writer)
        self.stream: BinaryIO = os.fdopen(reader, "rb", buffering=0)

    def receive(self, seconds: float) -> Any:
        """The next result. TimeoutError when it does not come in time, EOFError when the worker died."""
        poll = select.poll()
        poll.register(self.stream, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise TimeoutError
        import pickle  # as above

        return pickle.load(_Exact(self.stream))  # noqa: S301  from our own child

    def stop(self) -> None:
        """End it, whatever it does."""
        self.stream.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class _Exact:
    """Reads exactly as much as is asked for, so nothing of the next result is taken."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.stream.read(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def readline(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self.read(1)
        return line


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
