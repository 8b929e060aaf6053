"""Reading small kernel files, and files inside a root that is not trusted."""

from __future__ import annotations

import _stat as stat
import posix

#: What is read of a kernel file or of passwd and group at most.
LIMIT = 1 << 20
#: Symbolic links followed in one path, as the kernel has it.
LINKS = 40
#: Nobody waits for the writer of a FIFO that stands where a file should.
_FLAGS = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOCTTY | posix.O_NONBLOCK


def read(path: str | int, *, limit: int = LIMIT, at: int | None = None) -> bytes:
    """At most `limit` bytes of a file (a path, or an open descriptor that is left open); OSError as the kernel has it."""
    fd = path if isinstance(path, int) else posix.open(path, _FLAGS, dir_fd=at)
    try:
        parts: list[bytes] = []
        left = limit
        while left > 0 and (part := posix.read(fd, min(left, 65536))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        if not isinstance(path, int):
            posix.close(fd)


def text(path: str, *, default: str = "") -> str:
    """A file's text, or `default` when it cannot be read."""
    try:
        return read(path).decode("utf-8", "surrogateescape")
    except OSError:
        return default


def word(path: str, *, default: str = "") -> str:
    """A file's text without white space around it, or `default` when it cannot be read."""
    return text(path, default=default).strip()


def number(path: str) -> int | None:
    """The number that a file holds; None when it cannot be read or holds something else (`max`)."""
    try:
        return int(word(path))
    except ValueError:
        return None


class Root:
    """A root folder held by descriptor, in which paths are resolved as a process chrooted there would see them.

    What openat2(RESOLVE_IN_ROOT) does, in a walk of single components: every step is opened O_NOFOLLOW from the descriptor
    of the one before, links are followed by their text, and `..` goes back on our own stack, so that a root which is
    changed meanwhile can never lead outside. (openat2 itself needs ctypes, which costs the hot path 2 ms.)
    """

    __slots__ = ("_fd", "path")

    def __init__(self, path: str) -> None:
        """Opens the folder; OSError if it is none."""
        self.path = path
        self._fd = posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)

    def __enter__(self) -> Root:
        """For `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the descriptor."""
        posix.close(self._fd)

    def open(self, path: str) -> int:
        """An O_PATH descriptor of what `path` names in this root, links followed within the root."""
        todo = _steps(path)
        stack: list[int] = []
        links = 0
        try:
            while todo:
                part = todo.pop()
                if part == "..":
                    if stack:
                        posix.close(stack.pop())
                    continue
                here = stack[-1] if stack else self._fd
                fd = posix.open(part, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=here)
                stack.append(fd)
                if stat.S_ISLNK(posix.fstat(fd).st_mode):
                    target = posix.readlink("", dir_fd=fd)
                    links += 1
                    if links > LINKS:
                        raise OSError(40, posix.strerror(40), path)
                    posix.close(stack.pop())
                    while target.startswith("/") and stack:
                        posix.close(stack.pop())
                    todo += _steps(target)
            return posix.dup(stack[-1] if stack else self._fd)
        finally:
            for fd in stack:
                posix.close(fd)

    def read(self, path: str, *, limit: int = LIMIT) -> bytes | None:
        """A regular file's bytes, at most `limit`; None when there is none, or what is there is no regular file."""
        try:
            fd = self.open(path)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(posix.fstat(fd).st_mode):  # a fifo or device planted there must not be opened
                return None
            return read(f"/proc/self/fd/{fd}", limit=limit)
        except OSError:
            return None
        finally:
            posix.close(fd)


def _steps(path: str) -> list[str]:
    """The components of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]
