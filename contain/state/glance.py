"""Whether there is anything to sweep: asked by every command, so it costs one flock a container and imports next to nothing."""

from __future__ import annotations

import os

from contain.state import layout


def anything_dead(root: str) -> bool:
    """Whether a run in this state root has lost monitor and guardian, or somebody's removal was broken off."""
    try:
        names = os.listdir(root)
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
    if not os.path.lexists(f"{folder}/{layout.MONITORED}"):
        return False
    return _is_free(f"{folder}/{layout.LOCK}")


def _is_free(lock: str) -> bool:
    import fcntl

    try:
        fd = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
