"""What other commands do to a container: list it, signal it, wait for it, remove it. Every one sweeps dead runs first."""

from __future__ import annotations

import os
import select
import time

from contain.errors import ContainError, StateError, UsageError
from contain.host.identity import user
from contain.kernel import namespaces, processes
from contain.kernel.record import Record
from contain.linux import SIGNAL_ALIASES, SIGNALS
from contain.state import files, layout, undo
from contain.state.glance import anything_dead
from contain.state.store import Folder, Store
from contain.state.sweep import clear, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.state.summary import Summary

_RTMIN, _RTMAX = 34, 64  # as libc has them: it keeps 32 and 33 for itself
#: Seconds that a killed container's monitor has to tear down.
PATIENCE = 10.0


class Exit(Record):
    """How a container's main process ended."""

    code: int  # as the shell sees it: 128 + signal
    signal: int = 0
    reason: str = "exited"  # one of state.layout.REASONS


def open_store(root: str = "") -> Store:
    """The user's store, swept."""
    store = Store(layout.state_root(root))
    try:
        sweep(store)
    except BaseException:
        store.close()
        raise
    return store


def sweep_dead(root: str = "") -> list[str]:
    """Sweeps when there is anything dead; the words for what could not be cleared, nothing when the root is not ours to look at."""
    if not anything_dead(layout.state_root(root)):
        return []
    try:
        with Store(layout.state_root(root)) as store:
            return sweep(store)
    except StateError:
        return []


def signal_number(text: str) -> int:
    """A signal by number or name, with or without SIG, RTMIN+n and RTMAX-n too; 0 is allowed (it only asks)."""
    if text.isdecimal() and int(text) <= _RTMAX:
        return int(text)
    name = text.upper().removeprefix("SIG")
    if name in SIGNALS:
        return SIGNALS.index(name) + 1
    if name in SIGNAL_ALIASES:
        return SIGNAL_ALIASES[name]
    for base, start, sign in (("RTMIN", _RTMIN, 1), ("RTMAX", _RTMAX, -1)):
        rest = name.removeprefix(base)
        if rest != name and (not rest or (rest[0] == "+-"[sign < 0] and rest[1:].isdecimal())):
            number = start + sign * int(rest[1:] or 0)
            if _RTMIN <= number <= _RTMAX:
                return number
    raise UsageError(f"unknown signal {text!r}", remedy="a number from 1 to 64, or a name such as TERM, SIGKILL, RTMIN+3")


def listing(root: str = "") -> list[dict[str, Any]]:
    """All containers, with the fields that runc's list has and some of ours."""
    rows = []
    with open_store(root) as store:
        for name in store.ids():
            try:
                with store.open(name) as folder:
                    if not folder.summary().anonymous:
                        rows.append(_row(folder))
            except StateError:  # removed meanwhile
                continue
    return rows


def _row(folder: Folder) -> dict[str, Any]:
    import json

    summary, text = folder.summary(), folder.text(layout.STATE) or "{}"
    try:
        told = json.loads(text)
    except ValueError:  # damaged; `rm` clears it
        told = {}
    status = folder.status(summary)
    row: dict[str, Any] = {
        "ociVersion": told.get("ociVersion", ""),
        "id": folder.id,
        "pid": 0 if status == layout.STOPPED else summary.pid,
        "status": status,
        "bundle": summary.bundle,
        "rootfs": summary.rootfs,
        "created": summary.created,
        "owner": user(summary.owner)[0] or str(summary.owner),
        "annotations": told.get("annotations") or {},
        "command": summary.command,
        "kind": summary.kind,
        "labels": summary.labels,
    }
    ended = parse_exit(folder.text(layout.EXIT) or "")
    return {**row, "exitCode": ended.code, "reason": ended.reason} if ended else row


def parse_exit(text: str) -> Exit | None:
    """The line of the file `exit`; None while it is empty."""
    fields = text.split()
    if len(fields) < 3 or not fields[0].isdecimal() or not fields[1].isdecimal():
        return None
    return Exit(code=int(fields[0]), signal=int(fields[1]), reason=fields[2])


def send(name: str, number: int, *, root: str = "", everybody: bool = False) -> None:
    """Sends a signal to a container's main process, or to all its processes; the words of refusals are those engines know."""
    with open_store(root) as store, store.open(name) as folder:
        summary = folder.summary()
        status = folder.status(summary)
        process = summary.process("init")
        if everybody:
            for cgroup in _own_cgroups(folder, summary):
                undo.kill_cgroup(cgroup, number)
            if process:
                undo.kill(*process, number)
            return
        if status == layout.STOPPED or process is None:
            raise StateError("container not running")
        if not undo.kill(*process, number):
            raise StateError("container not running")
        if number == undo.SIGKILL and (status == layout.PAUSED or _shares_pids(process[0])):
            for cgroup in _own_cgroups(folder, summary):  # else a frozen one dies only when thawed, and others live on
                undo.kill_cgroup(cgroup, number)


def wait(name: str, *, root: str = "") -> Exit:
    """Waits until a container has ended; StateError when nobody has written down how."""
    with open_store(root) as store, store.open(name) as folder:
        ended = parse_exit(folder.text(layout.EXIT) or "")
        if ended:
            return ended
        record = os.open(layout.EXIT, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
        try:
            found = None
            if folder.has(layout.MONITORED):
                lock = files.wait_for(folder.fd, layout.LOCK)
                if lock:
                    lock.close()
                if folder.dead():
                    sweep(store)
            else:
                found = _wait_for_process(folder.summary())
            ended = parse_exit(os.pread(record, 256, 0).decode()) or found
        finally:
            os.close(record)
    if ended is None:
        raise StateError(
            f"how container {name} ended is not known", cause="nobody was there to see it: it was detached, or its monitor was killed"
        )
    return ended


def _wait_for_process(summary: Summary) -> Exit | None:
    """Waits for a process that is not our child; while nobody has reaped it /proc tells how it ended, after that newer kernels do (6.15)."""
    process = summary.process("init")
    if process is None:
        return None
    try:
        fd = os.pidfd_open(process[0])
    except OSError:
        return None
    try:
        if processes.start_time(process[0]) != process[1]:
            return None
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        poller.poll()
        zombie = processes.stat(process[0])
        if zombie and zombie.start == process[1] and zombie.state == "Z" and os.access(f"/proc/{process[0]}/ns/pid", os.F_OK):
            return _decode(zombie.status)
        poller.modify(fd, 0)  # POLLHUP: somebody has reaped it, only then the kernel tells
        poller.poll(1000)
        return _exit_of(fd)
    finally:
        os.close(fd)


def _exit_of(pidfd: int) -> Exit | None:
    """PIDFD_GET_INFO with PIDFD_INFO_EXIT (linux/pidfd.h)."""
    import fcntl
    import struct

    request = bytearray(struct.pack("=Q", 1 << 3) + bytes(56))
    try:
        fcntl.ioctl(pidfd, 0xC040FF0B, request)
    except OSError:
        return None
    if not struct.unpack_from("=Q", request)[0] & 1 << 3:
        return None
    status = struct.unpack_from("=i", request, 60)[0]
    return _decode(status)


def _decode(status: int) -> Exit:
    """What wait(2) gives."""
    number = status & 0x7F
    return Exit(code=128 + number, signal=number, reason="signaled") if number else Exit(code=status >> 8 & 0xFF)


def remove(name: str, *, root: str = "", force: bool = False) -> list[str]:
    """Removes what is there of a container: a stopped one, with `force` a running one after killing it; returns warnings.

    One of `create` is deleted as the OCI has it, with its poststop hooks.
    """
    warnings: list[str] = []
    with open_store(root) as store:
        try:
            folder = store.open(name)
        except StateError:
            if force:
                return warnings
            raise
        with folder:
            summary = folder.summary()
            status = folder.status(summary)
            if status not in {layout.STOPPED, layout.CREATED} and not force:
                raise StateError(f"cannot remove container {name} that is not stopped: {status}", remedy="stop it first, or give --force")
            if summary.kind == "create":
                from contain.container.changes import delete

                delete(name, {"root": store.path}, warnings.append, force=force)
            else:
                _remove(folder, summary)
    return warnings


def _remove(folder: Folder, summary: Summary) -> None:
    process = summary.process("init")
    if process:
        undo.kill(*process, undo.SIGKILL)
    for cgroup in _own_cgroups(folder, summary):
        undo.kill_cgroup(cgroup)
    if folder.has(layout.MONITORED):
        _await_monitor(folder, summary)
    if not folder.current():
        return
    if not folder.has(layout.TURN):  # damaged: there is no turn that anybody could have
        _clear(folder)
        return
    with folder.turn():
        _clear(folder)


def _clear(folder: Folder) -> None:
    problems = clear(folder)
    if problems:
        raise ContainError(problems[0], remedy="try again; what is left is noted in the state folder")


def _await_monitor(folder: Folder, summary: Summary) -> None:
    """Its monitor tears down by itself; one that does not in time is killed, and its guardian with it."""
    end = time.monotonic() + PATIENCE
    while folder.current() and folder.has(layout.MONITORED):
        lock = files.take(folder.fd, layout.LOCK)
        if lock:
            lock.close()
            return
        if time.monotonic() > end:
            for name in ("monitor", "guardian"):
                process = summary.process(name)
                if process:
                    undo.kill(*process, undo.SIGKILL)
            end += PATIENCE
        time.sleep(0.002)  # no descriptor tells that a lock is free


def _own_cgroups(folder: Folder, summary: Summary) -> list[str]:
    """The cgroups that this run made (never one that existed before), which hold its processes."""
    made = [path for kind, path in undo.parse(folder.text(layout.UNDO) or "") if kind in {"cgroup", "scope"}]
    return [path for path in dict.fromkeys(summary.cgroups.values()) if path in made]


def _shares_pids(pid: int) -> bool:
    """Whether killing the main process leaves others alive, because it is not the first of a pid namespace of its own."""
    theirs = namespaces.inode("pid", pid)
    return theirs is None or theirs == namespaces.inode("pid")
