"""What a sleeping container costs: the proportional set size of the processes that each runtime keeps beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.bench import peers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SLEEP = "31.5"


def pss(pid: int) -> int:
    """KiB, as smaps_rollup says; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def processes() -> dict[int, tuple[int, list[str]]]:
    """Pid → (parent, words)."""
    found = {}
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                found[int(entry)] = parent, file.read().rstrip("\0").split("\0")
        except OSError:
            continue
    return found


def kept(child: int) -> list[int]:
    """The processes from `child` down that are not the program itself; empty until that runs."""
    table = processes()
    tree = [child]
    for pid in tree:
        tree += [other for other, (parent, _) in table.items() if parent == pid]
    programs = [pid for pid in tree if pid in table and table[pid][1][-1:] == [SLEEP] and table[pid][1][0].endswith("sleep")]
    return [pid for pid in tree if pid not in programs] if programs else []


def measure(command: Sequence[str]) -> tuple[int, int]:
    """(KiB together, how many processes) while the program sleeps."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not kept(child.pid) and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        found = kept(child.pid)
        return sum(map(pss, found)), len(found)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def sleeping(rootfs: Path, folder: Path) -> str:
    """A table: one container that sleeps, of each runtime."""
    beside = os.path.join(os.path.dirname(sys.executable), "contain")
    command = [beside] if os.path.exists(beside) else [sys.executable, "-m", "contain"]
    words = {"contain": [*command, "run", str(rootfs), "--", "/bin/sleep", SLEEP]}
    if shutil.which("bwrap"):
        words["bubblewrap"] = [*peers.bubblewrap(rootfs)[:-1], "/bin/sleep", SLEEP]
    if shutil.which("runc"):
        bundle = peers.bundle(folder / "sleeping", rootfs, limits=False, args=["/bin/sleep", SLEEP])
        words["runc"] = ["runc", "run", "-b", str(bundle), f"sleeping-{os.getpid()}"]
    rows = []
    for name, one in words.items():
        together, count = measure(one)
        rows.append(f"| {name} | {together} | {count} |")
    if "runc" in words:
        subprocess.run(["runc", "delete", "-f", f"sleeping-{os.getpid()}"], check=False, capture_output=True)
    title = "### Memory while a container sleeps: PSS of what the runtime keeps beside it"
    return "\n".join([title, "", "| runtime | KiB | processes |", "| --- | --- | --- |", *rows, ""])
