"""Whole folders in and out of a container: walked here, while a process of ours inside opens and makes each entry (operations/lend.c)."""

from __future__ import annotations

import array
import os
import shutil
import socket
import stat
from posixpath import join, normpath

from contain.container import lend, steps
from contain.container.steps import Launch, Wait, drive
from contain.container.streams import DEVNULL, Streams
from contain.errors import ContainError, StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.container.steps import Asking

#: entries of a folder, and folders in folders, at most
ENTRIES, DEPTH = 100_000, 64
CHUNK = 1 << 20


class Tree:
    """The process inside, and what is still allowed; close() in any case."""

    __slots__ = ("_entries", "_left", "_limit", "_socket", "_streams", "launch")

    def __init__(self, root: str, id: str, limit: int | str) -> None:
        """Spawns it; StateError when there is no such container."""
        from contain.plan.encode import encode
        from contain.plan.operations.lending import LendTree

        data = encode(lend.plan(root, id, ("mount", "user"), LendTree()))
        self._limit = self._left = lend.sized(limit)
        self._entries = ENTRIES
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._streams = Streams(stdin=theirs, stdout=DEVNULL, stderr=DEVNULL)
        finally:
            theirs.close()
        try:
            self.launch = Launch(data, self._streams)
        except BaseException:
            self._streams.close()
            self._socket.close()
            raise
        self._socket.setblocking(False)

    def close(self) -> None:
        """Ends it."""
        self._socket.close()
        self.launch.close()
        self._streams.close()

    def ask(self, request: str, path: str) -> Asking:
        """A descriptor of inside, or -1 for what has none; raises OSError."""
        self._socket.send(request.encode() + os.fsencode(path))
        while True:
            yield Wait([self._socket.fileno(), self.launch.report.fileno()], [])
            try:
                data, control, _, _ = self._socket.recvmsg(4, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                self.launch.take()
                if self.launch.result is None:
                    continue
                data, control = b"", []
            if not data:
                yield from steps.run(self.launch, self._streams, ["copy"])  # which says why, if it did not start
                raise StateError("cannot copy: the container has ended")
            fds = array.array("i")
            for _, _, value in control:
                fds.frombytes(value[:4])
            error = int.from_bytes(data, "little")
            if error:
                raise ContainError(f"{path.partition(chr(0))[0]}: {os.strerror(error)}")
            return fds[0] if fds else -1

    def count(self, path: str, depth: int) -> None:
        """One more entry."""
        self._entries -= 1
        if self._entries < 0 or depth > DEPTH:
            raise ContainError(f"{path}: more than {ENTRIES} entries, or {DEPTH} folders deep")

    def copy(self, source: int, target: int, path: str) -> None:
        """A file's bytes, as far as they are allowed."""
        while data := os.read(source, min(CHUNK, self._left + 1)):
            self._left -= len(data)
            if self._left < 0:
                raise ContainError(f"{path}: the folder has more than {self._limit} bytes", remedy="raise limit=")
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]


def put(tree: Tree, source: int, path: str, depth: int = 0) -> Asking:
    """What is in a folder of this host, an open descriptor, into the one at `path` inside."""
    for name in sorted(os.listdir(source)):
        inside = join(path, name)
        tree.count(inside, depth)
        found = os.lstat(name, dir_fd=source)
        if stat.S_ISLNK(found.st_mode):
            yield from tree.ask("s", f"{inside}\0{os.readlink(name, dir_fd=source)}")
        elif stat.S_ISDIR(found.st_mode):
            yield from tree.ask(f"m{found.st_mode & 0o777:04o}", inside)
            with Opened(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)) as folder:
                yield from put(tree, folder, inside, depth + 1)
        elif stat.S_ISREG(found.st_mode):
            with Opened(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)) as file:
                _check_regular(file, name)
                with Opened((yield from tree.ask(f"w{found.st_mode & 0o777:04o}", inside))) as target:
                    tree.copy(file, target, name)
        else:
            raise UsageError(f"{name} is neither a file, a folder nor a link")


def get(tree: Tree, folder: int, path: str, target: int, inner: str = "", depth: int = 0) -> Asking:
    """What is in a folder inside, an open descriptor, into one of this host; `inner` is where it is below the one that is copied."""
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in entries)
    for name, is_folder, is_link in names:
        inside = join(path, name)
        tree.count(inside, depth)
        if is_link:
            with Opened((yield from tree.ask("l", inside))) as link:
                os.symlink(_checked(os.readlink("", dir_fd=link), inner, inside), name, dir_fd=target)
        elif is_folder:
            with Opened((yield from tree.ask("d", inside))) as below:
                os.mkdir(name, 0o700, dir_fd=target)
                with Opened(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)) as made:
                    yield from get(tree, below, inside, made, join(inner, name), depth + 1)
                    os.fchmod(made, os.fstat(below).st_mode & 0o777 | 0o700)
        else:
            with Opened((yield from tree.ask("r", inside))) as file:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with Opened(os.open(name, flags, 0o600, dir_fd=target)) as made:
                    tree.copy(file, made, inside)
                    os.fchmod(made, os.fstat(file).st_mode & 0o777)


def _checked(link: str, inner: str, path: str) -> str:
    """A link that leads out of the folder would lead somewhere else on this host."""
    if link.startswith("/") or normpath(join(inner, link)).startswith(".."):
        raise ContainError(f"{path}: the link leads out of the folder: {link}")
    return link


def _check_regular(fd: int, name: str) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise UsageError(f"{name} is neither a file, a folder nor a link")


class Opened:
    """A descriptor for `with`."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        """Taken over."""
        self.fd = fd

    def __enter__(self) -> int:
        """Its number."""
        return self.fd

    def __exit__(self, *_: object) -> None:
        """Closed."""
        os.close(self.fd)


def putting(tree: Tree, source: str | os.PathLike[str], path: str) -> Asking:
    """A folder of this host to `path` inside, which is made unless it is there; entries that are there are written over."""
    path = lend.absolute(path).rstrip("/")
    with Opened(os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
        if path:
            yield from tree.ask(f"m{os.fstat(folder).st_mode & 0o777:04o}", path)
        yield from put(tree, folder, path or "/")


def getting(tree: Tree, folder: int, path: str, target: str | os.PathLike[str]) -> Asking:
    """A folder inside, an open descriptor, to `target`, which is made, and removed again when not all of it could be copied."""
    os.mkdir(target, 0o755)
    try:
        with Opened(os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)) as made:
            yield from get(tree, folder, path, made)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def whole(tree: Tree, path: str, target: str | os.PathLike[str]) -> Asking:
    """Opens the folder inside, and gets it."""
    with Opened((yield from tree.ask("d", lend.absolute(path)))) as folder:
        yield from getting(tree, folder, path, target)


def now(tree: Tree, asking: Asking) -> None:
    """Drives it in this thread."""
    try:
        drive(asking)
    finally:
        tree.close()
