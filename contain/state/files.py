"""Small files in a folder held by descriptor: atomic writes, locks, removal."""

from __future__ import annotations

import fcntl
import posix

from contain.kernel.files import read

_FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


def open_folder(path: str, *, at: int | None = None) -> int:
    """A descriptor of a folder that is no link."""
    return posix.open(path, _FOLDER, dir_fd=at)


def load(folder: int, name: str) -> str | None:
    """A file's text; None when there is none."""
    try:
        fd = posix.open(name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        return read(fd).decode("utf-8", "surrogateescape")
    finally:
        posix.close(fd)


def store(folder: int, name: str, text: str, *, token: str = "") -> None:
    """Writes a file so that readers see the old or the new one, never half of it."""
    draft = f".{name}.{token or posix.getpid()}"
    fd = posix.open(draft, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        data = text.encode("utf-8", "surrogateescape")
        while data:
            data = data[posix.write(fd, data) :]
    finally:
        posix.close(fd)
    posix.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def create(folder: int, name: str, text: str = "") -> None:
    """A new file in a folder that nobody else knows yet."""
    fd = posix.open(name, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        posix.write(fd, text.encode("utf-8", "surrogateescape"))
    finally:
        posix.close(fd)


def exists(folder: int, name: str) -> bool:
    """Whether there is such an entry, of whatever kind."""
    try:
        posix.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def unlink(folder: int, name: str) -> None:
    """Removes an entry; that there is none is no error."""
    try:
        posix.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


class Lock:
    """An exclusive flock on a file of a folder, for `with`; released when the descriptor is closed."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        """Use take() or wait_for()."""
        self._fd = fd

    def __enter__(self) -> Lock:
        """Held already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go."""
        self.close()

    def close(self) -> None:
        """Lets go; a second time does nothing."""
        if self._fd >= 0:
            posix.close(self._fd)
            self._fd = -1


def take(folder: int, name: str) -> Lock | None:
    """The lock if nobody holds it, else None; also None when the file is not there."""
    return _lock(folder, name, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_for(folder: int, name: str) -> Lock | None:
    """The lock, waited for without a limit; None when the file is not there."""
    return _lock(folder, name, fcntl.LOCK_EX)


def _lock(folder: int, name: str, how: int) -> Lock | None:
    try:
        fd = posix.open(name, posix.O_RDWR | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        fcntl.flock(fd, how)
    except BlockingIOError:
        posix.close(fd)
        return None
    except BaseException:
        posix.close(fd)
        raise
    return Lock(fd)


def remove_tree(name: str, *, at: int | None = None) -> None:
    """Removes a folder or file with all that is in it, without following links or crossing into other file systems.

    Somebody else may be at the same: what is gone already is no error.
    """
    try:
        posix.unlink(name, dir_fd=at)
        return
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        pass
    try:
        fd = open_folder(name, at=at)
    except FileNotFoundError:
        return
    try:
        home = posix.fstat(fd).st_dev
        with posix.scandir(fd) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False).st_dev) for entry in entries]
        for child, device in found:
            if device == home:
                remove_tree(child, at=fd)
    finally:
        posix.close(fd)
    try:
        posix.rmdir(name, dir_fd=at)
    except FileNotFoundError:
        return
