"""pause and resume: freezing all processes of a container, by v1's freezer or by cgroup.freeze."""

from __future__ import annotations

import os
import select
import time

from contain.errors import ContainError, StateError
from contain.kernel.files import word
from contain.state import layout
from contain.state.layout import state_root
from contain.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.state.summary import Summary

#: Seconds that a freeze may take; a process in the middle of a slow disk access answers only after it.
PATIENCE = 10.0
NO_FREEZER = "run it with a bundle (create), which is in all hierarchies, or where cgroup v2 is used"


def pause(name: str, *, root: str = "") -> None:
    """Suspends all processes; StateError when the container is neither running nor created, or already paused."""
    with Store(state_root(root)) as store, store.open(name) as folder, folder.turn():
        summary = folder.summary()
        status = folder.status(summary)
        if status == layout.PAUSED:
            raise StateError(f"container {name} is already paused")
        if status not in {layout.RUNNING, layout.CREATED}:
            raise StateError("container not running", cause=f"its status is {status}")
        set_frozen(summary, frozen=True)


def resume(name: str, *, root: str = "") -> None:
    """Lets the processes go on; StateError when the container is not paused."""
    with Store(state_root(root)) as store, store.open(name) as folder, folder.turn():
        summary = folder.summary()
        if folder.status(summary) != layout.PAUSED:
            raise StateError("container not paused")
        set_frozen(summary, frozen=False)


def set_frozen(summary: Summary, *, frozen: bool) -> None:
    """Freezes or thaws, and waits until it is done; what cannot be frozen in time is thawed again."""
    v1, unified = summary.cgroups.get("freezer", ""), summary.cgroups.get("", "")
    if not v1 and not unified:
        raise ContainError(f"cannot pause container {summary.id}: none of its cgroups can be frozen", remedy=NO_FREEZER)
    try:
        done = _freezer(v1, frozen=frozen) if v1 else _unified(unified, frozen=frozen)
    except OSError as problem:
        verb = "pause" if frozen else "resume"
        raise ContainError(f"cannot {verb} container {summary.id}: {problem.strerror}") from problem
    if not done and frozen:
        set_frozen(summary, frozen=False)
        raise ContainError(
            f"cannot pause container {summary.id}: not all of its processes stopped within {PATIENCE:.0f} s",
            remedy="a process waits for a device or a network file system: try again when it answers",
        )


def _freezer(folder: str, *, frozen: bool) -> bool:
    """v1: the state stays FREEZING while a process forks or sleeps where it cannot stop; asking again and thawing helps it on."""
    wanted = "FROZEN" if frozen else "THAWED"
    end = time.monotonic() + PATIENCE
    tries = 0
    while True:
        _write(f"{folder}/freezer.state", wanted)
        if word(f"{folder}/freezer.state") == wanted:
            return True
        if time.monotonic() > end:
            return False
        tries += 1
        if tries % 50 == 0:
            _write(f"{folder}/freezer.state", "THAWED")
        time.sleep(0.001 if tries < 50 else 0.01)  # nothing tells when v1 is done


def _unified(folder: str, *, frozen: bool) -> bool:
    """v2: cgroup.events tells when it is done."""
    end = time.monotonic() + PATIENCE
    fd = os.open(f"{folder}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    try:
        poller = select.poll()
        poller.register(fd, select.POLLPRI)
        _write(f"{folder}/cgroup.freeze", str(int(frozen)))
        while True:
            if f"frozen {int(frozen)}" in os.pread(fd, 4096, 0).decode().splitlines():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            poller.poll(left * 1000)
    finally:
        os.close(fd)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
