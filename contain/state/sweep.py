"""Sweeping what runs left that died with monitor and guardian at once: done by every command before its own work."""

from __future__ import annotations

import os

from contain.errors import StateError
from contain.state import files, layout, undo
from contain.state.store import Folder, Store, boot_id


def sweep(store: Store) -> list[str]:
    """Clears all dead runs of a store; returns words for what could not be cleared. Costs one flock a container."""
    problems = []
    for name in store.ids():
        try:
            folder = store.open(name)
        except StateError:
            continue
        with folder:
            if folder.has(layout.MONITORED):
                problems += _sweep_one(folder)
    for name in store.notes():
        problems += _follow(store, name)
    for name in store.leftovers():
        try:
            files.remove_tree(name, at=store.fd)
        except FileNotFoundError:
            continue  # another command sweeps at the same time
        except OSError as problem:
            problems.append(f"cannot remove {store.path}/{name}: {problem.strerror}")
    return problems


def _sweep_one(folder: Folder) -> list[str]:
    """Takes the life lock: who has it, and the folder still marked, is alone with what the dead left."""
    lock = files.take(folder.fd, layout.LOCK)
    if lock is None:
        return []
    with lock:
        turn = files.take(folder.fd, layout.TURN)
        if turn is None:  # somebody deletes it, or has
            return []
        with turn:
            if not folder.current() or not folder.has(layout.MONITORED):
                return []
            return clear(folder, keep=folder.has(layout.KEPT))


def _follow(store: Store, name: str) -> list[str]:
    """Undoes what a note says whose writers are dead."""
    lock = files.take(store.fd, name)
    if lock is None:
        return []
    with lock:
        text = files.load(store.fd, name) or ""
        pid = 0
        for kind, rest in undo.parse(text):
            number, start, boot = [*rest.split(" "), "", ""][:3]
            if kind == "init" and number.isdecimal() and start.isdecimal():
                pid = int(number)
                if boot == boot_id():
                    undo.kill(pid, int(start), undo.SIGKILL)
        problems = undo.undo(text, pid)
        if not problems:
            files.unlink(store.fd, name)
        return problems


def clear(folder: Folder, *, keep: bool = False) -> list[str]:
    """Kills, undoes and removes (or, kept, marks as stopped); the caller holds the lock that entitles to it."""
    summary = folder.summary()
    process = summary.process("init")
    if process and summary.boot == boot_id():
        undo.kill(*process, undo.SIGKILL)
    problems = undo.undo(folder.text(layout.UNDO) or "", summary.pid)
    if problems:
        return problems
    if keep:
        if not folder.text(layout.EXIT):
            _write_exit(folder, "137 9 killed\n")
        folder.mark(layout.STOPPED)
        files.unlink(folder.fd, layout.UNDO)
        files.unlink(folder.fd, layout.MONITORED)
    else:
        folder.remove()
    return []


def _write_exit(folder: Folder, line: str) -> None:
    fd = os.open(layout.EXIT, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)
