"""Undoing what a dead run left: the lines of its `undo` file, from the last to the first."""

from __future__ import annotations

import os
import time
from _signal import pidfd_send_signal  # type: ignore[import-not-found]  # `signal` imports enum, which is slow

from contain.kernel import cgroups, processes
from contain.kernel.files import word
from contain.kernel.mounts import unescape
from contain.state import files

SIGKILL = 9
#: Seconds until we give up to empty a cgroup.
PATIENCE = 5.0
#: Seconds that systemd has to remove the cgroup of a scope that has ended.
SYSTEMD_PATIENCE = 2.0


def parse(text: str) -> list[tuple[str, str]]:
    """(kind, path) of each line, in the order in which they are to be undone."""
    rows = [line.partition(" ") for line in text.split("\n") if line]
    return [(kind, unescape(path)) for kind, _, path in reversed(rows) if path]


def undo(text: str, pid: int) -> list[str]:
    """Undoes all lines; the words for what could not be undone. `pid` is what the pid file of this run holds."""
    problems = []
    for kind, path in parse(text):
        try:
            _undo(kind, path, pid)
        except OSError as problem:
            problems.append(f"cannot undo {kind} {path}: {problem.strerror}")
    return problems


def _undo(kind: str, path: str, pid: int) -> None:
    if kind == "cgroup":
        remove_cgroup(path)
    elif kind == "scope":
        _leave(path)
    elif kind == "parent":
        _remove_empty(path)
    elif kind == "file":
        if word(path) == str(pid):  # else it is another container's by now
            os.unlink(path)
    elif kind == "tree":
        files.remove_tree(path)
    elif kind == "mount":
        _call("umount2", path.encode("utf-8", "surrogateescape"), 2)  # MNT_DETACH
    elif kind == "link":
        _delete_link(path)
    elif kind == "unit":
        import subprocess

        from contain.kernel import managers

        subprocess.run(
            ["systemctl", *(["--user"] if managers.asks_user() else []), "stop", path], check=False, capture_output=True, timeout=30
        )


def _leave(folder: str) -> None:
    """systemd sees that its scope is empty and removes the folder; else we do."""
    kill_cgroup(folder)
    end = time.monotonic() + SYSTEMD_PATIENCE
    while os.path.isdir(folder) and time.monotonic() < end:
        time.sleep(0.005)
    remove_cgroup(folder)


def _remove_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError as problem:
        if problem.errno not in {2, 16, 39}:  # ENOENT, EBUSY, ENOTEMPTY: gone, or others are in it
            raise


def kill(pid: int, start: int, number: int) -> bool:
    """Sends a signal to this very process; False when it is gone."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not processes.alive(pid, start):  # asked after the descriptor is open: now it can be no other
            return False
        pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


def members(folder: str) -> list[int]:
    """All processes in a cgroup and below it, ascending."""
    found: set[int] = set()
    for path, _, _ in os.walk(folder):
        found.update(pid for pid in cgroups.processes(path) if pid > 0)
    return sorted(found)


def remove_cgroup(folder: str) -> None:
    """Kills what is in a cgroup and below it, and removes it; OSError when it does not become empty in time."""
    if not os.path.isdir(folder):
        return
    end = time.monotonic() + PATIENCE
    pause = 0.0005
    while True:
        kill_cgroup(folder)
        try:
            for path, _, _ in os.walk(folder, topdown=False):
                os.rmdir(path)
            return
        except FileNotFoundError:
            continue
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(pause)  # a killed process leaves its cgroup a little later, and nothing tells when on v1
        pause = min(pause * 2, 0.02)


def kill_cgroup(folder: str, number: int = SIGKILL) -> None:
    """Sends a signal to everything in a cgroup and below it; with SIGKILL nothing can be forked out of it, nor stay frozen."""
    if number == SIGKILL:
        if _write(f"{folder}/cgroup.kill", "1"):
            return
        _write(f"{folder}/pids.max", "0")
    for path, _, _ in os.walk(folder):
        _kill_members(path, number)
        if number == SIGKILL and not _write(f"{path}/freezer.state", "THAWED"):
            _write(f"{path}/cgroup.freeze", "0")


def _kill_members(folder: str, number: int) -> None:
    """By pidfd, and only what is still in the cgroup once its descriptor is open: a pid may have gone to a stranger meanwhile."""
    opened: dict[int, int] = {}
    try:
        for pid in cgroups.processes(folder)[:512]:
            if pid > 0:  # 0 is of another pid namespace
                try:
                    opened[pid] = os.pidfd_open(pid)
                except OSError:
                    continue
        for pid in opened and cgroups.processes(folder):
            if pid in opened:
                try:
                    pidfd_send_signal(opened[pid], number)
                except OSError:
                    continue
    finally:
        for fd in opened.values():
            os.close(fd)


def _write(path: str, text: str) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, text.encode())
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _call(name: str, *arguments: bytes | int) -> None:
    import ctypes  # only for what a dead run left mounted

    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        if number not in {2, 22}:  # ENOENT, EINVAL: no mount there any more
            raise OSError(number, os.strerror(number))


def _delete_link(path: str) -> None:
    """Deletes a network interface if index and name still agree."""
    import socket
    import struct

    index, _, name = path.partition(" ")
    try:
        if socket.if_indextoname(int(index)) != name:
            return
    except (OSError, ValueError):
        return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as netlink:
        message = struct.pack("=IHHII", 32, 17, 5, 1, 0) + struct.pack("=BxHiII", 0, 0, int(index), 0, 0)  # RTM_DELLINK, REQUEST|ACK
        netlink.send(message)
        answer = netlink.recv(4096)
        code = struct.unpack_from("=i", answer, 16)[0]
        if code not in {0, -19}:  # ENODEV
            raise OSError(-code, os.strerror(-code))
