"""What a test session knows of its containers: its token, those that its processes share, those that are left. Loaded when first used."""

from __future__ import annotations

import os
import select
import shutil
import signal
import stat
import tempfile
import threading
import time

from contain.container import shared
from contain.container.lifecycle import remove
from contain.errors import ContainError, LaunchError, StateError
from contain.kernel.processes import alive, start_time
from contain.state.layout import state_root
from contain.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from contain.container.sandbox import Sandbox
    from contain.container.shared import Shared
    from contain.state.summary import Summary

LABEL = "contain.pytest"  # token and process of who started it
#: how long, in seconds, the containers of a worker that has ended may take to end
PATIENCE = 5.0
#: and those of this process that were told to end
GRACE = 1.0
WHAT = "a container or network that was made without a fixture"
FOLDERS = "contain-pytest-"


def end_with(owner: int) -> None:
    """Ends this worker when pytest itself is killed: with a test in its way it would live on for long, and its containers with it."""
    watched = os.pidfd_open(owner)

    def wait() -> None:
        select.select([watched], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="contain ends with pytest", daemon=True).start()


def launchers() -> set[int]:
    """The processes of ours that are children of this one and run: of each container that goes on, and each network, one. Not those of a
    sandbox's pool, nobody's children and so those of a pytest that is PID 1, which end with the sandbox.
    """
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
                pids = [int(pid) for pid in file.read().split()]
        except OSError:  # the thread has ended, or the kernel does not tell
            continue
        found.update(pid for pid in pids if _is_launcher(pid))
    return found


def _is_launcher(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # empty when it has ended
            words = file.read().split(b"\0")
    except OSError:
        return False
    return words[0] == b"contain-launcher" and b"--apart" not in words


class Session:
    """One pytest session: all its processes, of which the one with this pid owns what they share."""

    def __init__(self, owner: int, token: str) -> None:
        """`owner` is the pid of pytest itself, with xdist that of the controller."""
        self.owner, self.token = owner, token
        self.root = state_root()
        self.handles: dict[str, Shared] = {}
        if os.getppid() == owner:  # a worker of xdist on this machine
            end_with(owner)

    def labels(self, options: dict[str, Any], *more: str) -> dict[str, Any]:
        """The options of a sandbox with this session's label."""
        found = {name: value for name, value in options.items() if name not in {"label", "labels"}}
        rows = [f"{LABEL}={self.token}.{os.getpid()}", *more]
        for given in (options.get("label"), options.get("labels")):
            rows += (
                [f"{key}={value}" for key, value in given.items()]
                if isinstance(given, dict)
                else [given]
                if isinstance(given, str)
                else given or []
            )
        return {**found, "label": rows}

    def _folder(self) -> str:
        """Where the logs of shared containers are: gone at the end of the session, or when the next one makes its own."""
        top = tempfile.gettempdir()
        path = f"{top}/{FOLDERS}{self.owner}-{start_time(self.owner)}-{self.token}"
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            found = os.lstat(path)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise ContainError(f"{path} is not ours") from None
        else:
            for name in os.listdir(top):
                parts = name.removeprefix(FOLDERS).split("-")
                if (
                    name.startswith(FOLDERS)
                    and len(parts) == 3
                    and not alive(*(int(part) if part.isdecimal() else 0 for part in parts[:2]))
                ):
                    shutil.rmtree(f"{top}/{name}", ignore_errors=True)
        return path

    def shared(self, name: str, make: Callable[..., Sandbox], cmd: list[str], sandbox: dict[str, Any], run: dict[str, Any]) -> Shared:
        """The session's container of this name: started by whoever asks first."""
        if name in self.handles:
            return self.handles[name]
        known = f"pytest-{self.token}-{name}"
        log = f"{self._folder()}/{name}.{os.getpid()}"
        box: Sandbox | None = None
        while name not in self.handles:
            try:
                self.handles[name] = shared.Shared(known, self.root)
            except StateError:
                box = box or make(**self.labels({**sandbox, "name": known}, f"{shared.LABEL}={log}"))
                self._begin(box, known, cmd, run, log)
        return self.handles[name]

    def _begin(self, box: Sandbox, known: str, cmd: list[str], run: dict[str, Any], log: str) -> None:
        owner = os.pidfd_open(self.owner)
        try:
            shared.begin(box, [os.fspath(word) for word in cmd], dict(run), owner=owner, log=log)
        except LaunchError:
            with Store(self.root) as store:
                if known not in store.ids():  # else somebody else was quicker
                    raise
        finally:
            os.close(owner)
            for stream in ("stdout", "stderr"):
                self._drop_unused(f"{log}.{stream}", known)

    def _drop_unused(self, path: str, known: str) -> None:
        """A log of ours that lost the race for the name."""
        try:
            with Store(self.root) as store, store.open(known) as folder:
                if folder.summary().labels.get(shared.LABEL, "") + path[path.rindex(".") :] == path:
                    return
            os.unlink(path)
        except (StateError, FileNotFoundError):
            return

    def left(self, *, shared_too: bool = False) -> list[str]:
        """The ids of containers that are still there: this process's own, with the owner asking all of the session's."""
        wanted = f"{self.token}." + ("" if os.getpid() == self.owner else str(os.getpid()))
        found: list[str] = []
        for name, summary in self._summaries():
            label = summary.labels.get(LABEL, "")
            own = label.startswith(wanted) if wanted.endswith(".") else label == wanted
            if own and (shared_too or not name.startswith(f"pytest-{self.token}-")):
                found.append(name)
        return found

    def _summaries(self) -> Iterator[tuple[str, Summary]]:
        """The containers of the store, but for those that go meanwhile."""
        try:
            store = Store(self.root)
        except (StateError, OSError):
            return
        with store:
            for name in store.ids():
                try:
                    with store.open(name) as folder:
                        summary = folder.summary()
                except StateError:
                    continue
                yield name, summary

    def strays(self, before: Collection[int]) -> list[str]:
        """What else this process has left running: containers of sandboxes of its own, and networks."""
        deadline = time.monotonic() + GRACE
        while (found := launchers().difference(before, self._of_fixtures())) and time.monotonic() < deadline:
            time.sleep(0.01)
        return [f"{WHAT} (process {pid})" for pid in sorted(found)]

    def _of_fixtures(self) -> set[int]:
        """The processes of containers that bear the token, which left() speaks of, or which are shared."""
        found: set[int] = set()
        for _, summary in self._summaries():
            monitor = summary.process("monitor")
            if monitor and summary.labels.get(LABEL, "").startswith(f"{self.token}."):
                found.add(monitor[0])
        return found

    def settled(self) -> list[str]:
        """What is left() once the containers of workers that have ended, which end by themselves, had their time."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.left()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return found

    def drop(self, names: list[str]) -> None:
        """Kills and removes them."""
        for name in names:
            try:
                remove(name, root=self.root, force=True)
            except ContainError:  # it went by itself meanwhile
                continue

    def end(self) -> None:
        """All that processes shared goes: the owner's last act."""
        for handle in self.handles.values():
            handle.close()
        self.handles.clear()
        self.drop(self.left(shared_too=True))
        shutil.rmtree(f"{tempfile.gettempdir()}/{FOLDERS}{self.owner}-{start_time(self.owner)}-{self.token}", ignore_errors=True)
