"""Layers unpacked as a stream, and hashed on the way: a diff_id is the digest of the tar archive as it is before it is compressed."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from contain.linter.limits import FREE, RATIO

if TYPE_CHECKING:
    from collections.abc import Iterable

#: what a compressed file begins with
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_CHUNK = 1 << 20


class TooMuchError(Exception):
    """It unpacks to more than anybody would want."""


def packing(stream: IO[bytes]) -> str:
    """How a file is compressed: `gzip`, `zstd`, or not at all. The stream is where it was."""
    head = stream.read(4)
    stream.seek(0)
    return next((name for name, magic in _MAGIC.items() if head.startswith(magic)), "")


def opened(stream: IO[bytes], how: str) -> IO[bytes] | None:
    """The content of a compressed file; None when nothing here can read it (zstd needs Python 3.14 or the package zstandard)."""
    if how == "gzip":
        import gzip  # few calls have layers

        return gzip.open(stream, "rb")  # type: ignore[return-value]  # it reads
    if how != "zstd":
        return stream
    for module, make in (("compression.zstd", _of_python), ("zstandard", _of_package)):
        try:
            return make(import_module(module), stream)
        except ImportError:
            continue
    return None


def _of_python(module: Any, stream: IO[bytes]) -> IO[bytes]:
    result: IO[bytes] = module.ZstdFile(stream)
    return result


def _of_package(module: Any, stream: IO[bytes]) -> IO[bytes]:
    result: IO[bytes] = module.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return result


class Hashed:
    """A stream of which the digests are known in the end; bounded, as what it comes from may be a bomb."""

    def __init__(self, stream: IO[bytes], size: int, algorithms: Iterable[str], ratio: int = RATIO) -> None:
        """`size` is that of the compressed file, `ratio` how many times as much is taken."""
        self._stream = stream
        self._hashes = {name: hashlib.new(name) for name in algorithms}
        self._left = 2 * max(FREE, ratio * size)  # the entries themselves are counted by who reads the archive

    def read(self, size: int = _CHUNK) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        for found in self._hashes.values():
            found.update(data)
        self._left -= len(data)
        if self._left < 0:
            raise TooMuchError
        return data

    def digests(self) -> dict[str, str]:
        """The digests of the whole, what was not read yet included."""
        while self.read():
            pass
        return {name: found.hexdigest() for name, found in self._hashes.items()}


def digest(stream: IO[bytes], size: int, algorithm: str) -> str:
    """The digest of what a file holds when it is unpacked; empty when that cannot be known."""
    import zlib

    content = opened(stream, packing(stream))
    if content is None:
        return ""
    try:
        return Hashed(content, size, [algorithm]).digests()[algorithm]
    except (TooMuchError, EOFError, OSError, zlib.error):
        return ""
