"""Descriptors of inside a container: its files and sockets in its network, opened by a process of ours that joins it, sent, and gone.

So a file gets an owner that exists inside, links lead nowhere else, and a port is reached without a way through the host's network.
"""

from __future__ import annotations

import os
import socket

from contain.container import steps
from contain.container.job import is_whole, place
from contain.container.steps import Launch, drive
from contain.container.streams import DEVNULL, Streams
from contain.errors import ContainError, StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypeGuard

    from contain.plan.operation import Operation
    from contain.plan.plan import Plan

CHUNK = 1 << 20
BYTES = (bytes, bytearray, memoryview)
#: what the launcher says of a folder that is no file (operations/lend.c)
FOLDER = "it is a folder"


class Lending:
    """One such process: drive `steps`, then take() what it has sent; close() in any case."""

    __slots__ = ("_launch", "_operation", "_streams", "steps")

    def __init__(self, root: str, id: str, namespaces: Collection[str], operation: Operation) -> None:
        """Spawns it; StateError when there is no such container."""
        from contain.plan.encode import encode

        data = encode(plan(root, id, namespaces, operation))
        self._operation = operation
        self._streams = Streams(stdout=DEVNULL, stderr=DEVNULL)
        try:
            self._launch = Launch(data, self._streams)
        except BaseException:
            self._streams.close()
            raise
        self.steps = steps.run(self._launch, self._streams, [operation.describe()])

    @property
    def launch(self) -> Launch:
        """For who must kill it."""
        return self._launch

    def take(self) -> list[int]:
        """The descriptors."""
        found, self._launch.lent = self._launch.lent, []
        if not found:
            raise StateError(f"cannot {self._operation.describe()}: the container has ended")
        return found

    def close(self) -> None:
        """Frees what was not taken."""
        self._launch.close()
        self._streams.close()


def now(lending: Lending) -> list[int]:
    """Drives it in this thread."""
    try:
        drive(lending.steps)
        return lending.take()
    finally:
        lending.close()


def plan(root: str, id: str, namespaces: Collection[str], operation: Operation) -> Plan:
    """Of a process that joins these namespaces of a container, does one thing, and ends."""
    import json

    from contain.kernel.idmaps import id_map
    from contain.plan.compile.exec import Target, compile_lend
    from contain.state import layout
    from contain.state.store import Store

    with Store(root) as store, store.open(id) as folder:
        summary = folder.summary()
        text = folder.text(layout.CONFIG)
        if not text:
            raise StateError(f"container {id} has ended")  # meanwhile: its folder is being removed
        config = json.loads(text)
        maps = [any(row.inside == 0 for row in id_map(kind, summary.pid)) for kind in ("uid", "gid")]
    own = {row["type"] for row in config["linux"]["namespaces"]}
    return compile_lend(Target(root, id, {}, maps_root=all(maps)), own.intersection(namespaces), operation)


def sized(limit: int | str) -> int:
    """A limit as it may be written: bytes, or a text as '64m'."""
    if isinstance(limit, int):
        return limit
    from contain.spec import values

    try:
        return values.size(str(limit))
    except ValueError as problem:
        raise UsageError(f"limit: {problem}") from None


def is_folder(source: str | os.PathLike[str] | bytes) -> TypeGuard[str | os.PathLike[str]]:
    """Whether what is put is a folder of this host."""
    return not isinstance(source, BYTES) and os.path.isdir(place("source", source))


def source_of(source: str | os.PathLike[str] | bytes, limit: int | str) -> tuple[bytes, int]:
    """Data and permissions of what is put: bytes, or a regular file of the host."""
    limit = sized(limit)
    if isinstance(source, BYTES):
        if len(source) > limit:
            raise ContainError(f"{len(source)} bytes are more than {limit}", remedy="raise limit=")
        return source, 0o644
    opened = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return read(opened, os.fsdecode(source), limit), os.fstat(opened).st_mode & 0o777
    finally:
        os.close(opened)


def writing(root: str, id: str, path: str, mode: int) -> Lending:
    """A file of the container, empty and open for writing; set-user-ID and the like are no permissions."""
    from contain.plan.operations.lending import LendFile

    if not is_whole(mode) or not 0 <= mode <= 0o7777:
        raise UsageError(f"mode={mode!r} is no set of permissions", remedy="write it as 0o644")
    return Lending(root, id, ("mount", "user"), LendFile(path=absolute(path), write=True, mode=mode & 0o777))


def reading(root: str, id: str, path: str) -> Lending:
    """A regular file of the container, open for reading."""
    from contain.plan.operations.lending import LendFile

    return Lending(root, id, ("mount", "user"), LendFile(path=absolute(path), write=False))


def making(root: str, id: str, family: int = socket.AF_INET, count: int = 1) -> Lending:
    """Stream sockets of the container's network."""
    from contain.plan.operations.lending import LendSockets

    return Lending(root, id, ("network", "user"), LendSockets(family=int(family), count=count))


def write(fd: int, data: bytes) -> None:
    """All of it; closes the descriptor."""
    with open(fd, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view[:CHUNK]) or 0 :]


def read(fd: int, name: str, limit: int | str) -> bytes:
    """A regular file's bytes, at most `limit`."""
    from stat import S_ISREG

    limit = sized(limit)
    if not S_ISREG(os.fstat(fd).st_mode):
        raise UsageError(f"{name} is no regular file")
    parts = []
    left = limit + 1
    while left and (part := os.read(fd, min(left, CHUNK))):
        parts.append(part)
        left -= len(part)
    if not left:
        raise ContainError(f"{name} is larger than {limit} bytes", remedy="raise limit=")
    return b"".join(parts)


def absolute(path: str | os.PathLike[str]) -> str:
    """UsageError for a path that is none from the container's root on."""
    text = place("path", path)
    if not text.startswith("/"):
        raise UsageError(f"{text!r} is no absolute path of the container", remedy=f"write /{text}, or where it is")
    return text
