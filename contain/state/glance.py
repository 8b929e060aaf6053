"""Whether there is anything to sweep: asked by every command, so it costs one flock a container and imports next to nothing."""

from __future__ import annotations

import posix

from contain import paths
from contain.state import layout


def anything_dead(root: str) -> bool:
    """Whether a run in this state root has lost monitor and guardian, or somebody's removal was broken off."""
    try:
        names = posix.listdir(root)
    except OSError:
        return False
    return any(
        name.startswith(layout.DEAD)
        or (name.startswith(layout.NOTE) and _is_free(f"{root}/{name}"))
        or (layout.is_id(name) and _is_dead(f"{root}/{name}"))
        for name in names
    )


def _is_dead(folder: str) -> bool:
    """A folder marked as monitored whose lock is free."""
    if not paths.lexists(f"{folder}/{layout.MONITORED}"):
        return False
    return _is_free(f"{folder}/{layout.LOCK}")


def _is_free(lock: str) -> bool:
    import fcntl

    try:
        fd = posix.open(lock, posix.O_RDWR | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        posix.close(fd)
