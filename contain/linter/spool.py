"""What waits to be printed: a list while it is short, a file when it grows, so that many files need no more memory than few."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: so many are kept in memory
_MOST = 64


class Spool:
    """Things in the order in which they came; they can be gone through more than once."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._kept: list[Any] = []
        self._file: IO[bytes] | None = None

    def extend(self, items: Iterable[Any]) -> None:
        """Add some."""
        self._kept.extend(items)
        if len(self._kept) > _MOST:
            import pickle  # few calls are about so many files
            import tempfile

            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115  kept as long as the spool
            self._file.seek(0, 2)
            pickle.dump(self._kept, self._file, pickle.HIGHEST_PROTOCOL)
            self._kept.clear()

    def __iter__(self) -> Iterator[Any]:
        """All of them."""
        if self._file is not None:
            import pickle  # as above

            self._file.seek(0)
            end = self._file.seek(0, 2)
            at = self._file.seek(0)
            while at < end:
                self._file.seek(at)
                items = pickle.load(self._file)  # noqa: S301  our own
                at = self._file.tell()
                yield from items
        yield from list(self._kept)
