"""ROOT and the folders of containers in it."""

from __future__ import annotations

import _stat as stat
import posix
import time

from contain.errors import StateError
from contain.kernel import processes
from contain.kernel.files import word
from contain.state import files, layout
from contain.state.summary import Summary, fill, parse, render

#: A claim that was not finished is swept when it is as old as this many seconds.
STALE = 10


class Folder:
    """One container's folder, held by descriptor for `with`."""

    __slots__ = ("fd", "id", "root", "token")

    def __init__(self, root: int, name: str, fd: int) -> None:
        """Use Store.open() or Store.claim()."""
        self.root = root
        self.id = name
        self.fd = fd
        self.token = files.load(fd, layout.TOKEN) or ""

    def __enter__(self) -> Folder:
        """For `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the descriptor."""
        self.close()

    def close(self) -> None:
        """Closes the descriptor; a second time does nothing."""
        if self.fd >= 0:
            posix.close(self.fd)
            self.fd = -1

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return files.exists(self.fd, name)

    def text(self, name: str) -> str | None:
        """A file's text."""
        return files.load(self.fd, name)

    def summary(self) -> Summary:
        """The container's facts; of a folder whose making was broken off, only what can be told."""
        found = parse(self.text(layout.SUMMARY) or "")
        return found or Summary(id=self.id, token=self.token, status=layout.CREATING)

    def dead(self) -> bool:
        """Whether monitor and guardian should be there and both are gone."""
        if not self.has(layout.MONITORED):
            return False
        lock = files.take(self.fd, layout.LOCK)
        if lock is None:
            return False
        lock.close()
        return True

    def status(self, summary: Summary | None = None) -> str:
        """The container's status now: what was written down, checked against the process."""
        summary = summary or self.summary()
        if summary.status == layout.STOPPED:
            return layout.STOPPED
        if summary.boot and summary.boot != boot_id():
            return layout.STOPPED
        process = summary.process("init")
        if process is None:
            busy = files.take(self.fd, layout.TURN)
            if busy:
                busy.close()
            return layout.STOPPED if self.dead() or (busy and not self.has(layout.MONITORED)) else layout.CREATING
        if not processes.alive(*process):
            return layout.STOPPED
        if paused(summary):
            return layout.PAUSED
        if summary.status == layout.CREATING:
            return layout.CREATING
        return layout.CREATED if self.has(layout.FIFO) else layout.RUNNING

    def mark(self, status: str) -> None:
        """Writes a new status into `summary` and `state.json`; with `stopped` the pid is forgotten."""
        finished = now() if status == layout.STOPPED else ""
        summary = self.summary().but(status=status, finished=finished)
        if status == layout.STOPPED:
            summary = summary.but(pid=0, start=0, monitor="", guardian="")
        files.store(self.fd, layout.SUMMARY, render(summary), token=self.token)
        template = self.text(layout.TEMPLATE)
        if template is not None:
            values = {name: str(getattr(summary, name)) for name in layout.HOLES}
            files.store(self.fd, layout.STATE, fill(template, values), token=self.token)

    def turn(self) -> files.Lock:
        """The right to change this container, waited for; StateError when it is removed meanwhile."""
        lock = files.wait_for(self.fd, layout.TURN)
        if lock is None or not self.current():
            if lock:
                lock.close()
            raise missing(self.id)
        return lock

    def current(self) -> bool:
        """Whether this folder still has its name."""
        try:
            named = posix.stat(self.id, dir_fd=self.root, follow_symlinks=False)
        except OSError:
            return False
        held = posix.fstat(self.fd)
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def remove(self) -> bool:
        """Removes the folder, unless its name stands for another one by now; processes and cgroups are the caller's matter."""
        if not self.current():
            return False
        dead = f"{layout.DEAD}{self.token or new_token()}"
        try:
            posix.rename(self.id, dead, src_dir_fd=self.root, dst_dir_fd=self.root)
        except OSError:  # somebody else was quicker
            return False
        files.remove_tree(dead, at=self.root)
        return True


class Store:
    """A state root, held by descriptor for `with`."""

    __slots__ = ("fd", "path")

    def __init__(self, path: str, *, make: bool = False) -> None:
        """Opens ROOT, or makes it; one that others may write to is refused. Without it, the store is empty."""
        self.path = path
        self.fd = -1
        if make:
            from os import makedirs  # os takes 1 ms

            makedirs(path, mode=0o700, exist_ok=True)
        try:
            self.fd = files.open_folder(path)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise StateError(f"cannot open the state folder {path}: {problem.strerror}") from problem
        found = posix.fstat(self.fd)
        if found.st_uid != posix.geteuid():  # root too: what stands in it would be undone, killed and joined with root's rights
            self.close()
            raise StateError(f"the state folder {path} belongs to another user", remedy="give another one with --root, or become that user")
        if stat.S_IMODE(found.st_mode) & 0o022:
            self.close()
            raise StateError(f"others may write to the state folder {path}", remedy=f"chmod 700 {path}, or give another one with --root")

    def __enter__(self) -> Store:
        """For `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the descriptor."""
        self.close()

    def close(self) -> None:
        """Closes the descriptor; a second time does nothing."""
        if self.fd >= 0:
            posix.close(self.fd)
            self.fd = -1

    def ids(self) -> list[str]:
        """The containers, sorted by name."""
        return sorted(name for name in self._names() if layout.is_id(name))

    def notes(self) -> list[str]:
        """The notes of runs that have no folder."""
        return [name for name in self._names() if name.startswith(layout.NOTE)]

    def leftovers(self) -> list[str]:
        """Claims and removals that somebody did not finish, and that nobody works on any more."""
        return [name for name in self._names() if name.startswith(layout.DEAD) or (name.startswith(layout.NEW) and self._stale(name))]

    def open(self, name: str) -> Folder:
        """The folder of a container; StateError when there is none."""
        if not layout.is_id(name) or self.fd < 0:
            raise missing(name)
        try:
            return Folder(self.fd, name, files.open_folder(name, at=self.fd))
        except OSError as problem:
            raise missing(name) from problem

    def claim(self, name: str, texts: dict[str, str]) -> Folder:
        """Makes a container's folder with these files and the empty ones of the layout; StateError when the name is taken.

        The launcher does the same for what it starts. A plain rename is enough here: no container's folder is ever empty,
        so the kernel does not replace it (renameat2 would need ctypes).
        """
        if not layout.is_id(name):
            raise StateError(f"not a name for a container: {name!r}", remedy="letters, digits and _ + . - are allowed, 255 at most")
        token = texts.get(layout.TOKEN) or new_token()
        draft = f"{layout.NEW}{token}"
        posix.mkdir(draft, 0o700, dir_fd=self.fd)
        fd = files.open_folder(draft, at=self.fd)
        try:
            for file, text in {layout.TOKEN: token, layout.LOCK: "", layout.TURN: "", layout.EXIT: "", **texts}.items():
                files.create(fd, file, text)
            posix.rename(draft, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as problem:
            posix.close(fd)
            files.remove_tree(draft, at=self.fd)
            raise StateError(f"container with id {name} exists already") from problem
        return Folder(self.fd, name, fd)

    def _names(self) -> list[str]:
        return posix.listdir(self.fd) if self.fd >= 0 else []

    def _stale(self, name: str) -> bool:
        try:
            if time.time() - posix.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mtime < STALE:
                return False
            fd = files.open_folder(name, at=self.fd)
        except OSError:
            return False
        try:
            lock = files.take(fd, layout.LOCK)
            held = lock is None and files.exists(fd, layout.LOCK)
            if lock:
                lock.close()
            return not held
        finally:
            posix.close(fd)


def missing(name: str) -> StateError:
    """The words that engines look for."""
    return StateError(f"container does not exist: {name}", remedy="contain list shows those that there are")


def new_token() -> str:
    """32 hexadecimal digits that nobody else has."""
    return posix.urandom(layout.TOKEN_LENGTH // 2).hex()


def boot_id() -> str:
    """Changes with every boot."""
    return word("/proc/sys/kernel/random/boot_id")


def now() -> str:
    """RFC 3339 with nanoseconds, UTC."""
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanos:09d}Z"


def paused(summary: Summary) -> bool:
    """Whether the container's cgroup is frozen, by whichever hierarchy can."""
    if "freezer" in summary.cgroups:
        return word(f"{summary.cgroups['freezer']}/freezer.state") in {"FROZEN", "FREEZING"}
    return bool(summary.cgroups.get("")) and "frozen 1" in word(f"{summary.cgroups['']}/cgroup.events")
