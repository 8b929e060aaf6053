"""What a sleeping container costs: the proportional set size of our processes beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def pss(pid: int) -> int:
    """KiB, as smaps_rollup says."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)


def ours(child: int) -> dict[str, int]:
    """Name → KiB of the launcher's processes: the monitor, its guardian, our PID 1."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        try:
            with open(f"/proc/{entry}/comm", encoding="utf-8") as file:
                name = file.read().strip()
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if (int(entry) == child or parent == child) and name.startswith("contain"):
                found[f"{name} ({entry})"] = pss(int(entry))
        except (OSError, ValueError):
            continue
    return found


def sleeping(rootfs: Path) -> str:
    """One container that sleeps, from the shell."""
    beside = os.path.join(os.path.dirname(sys.executable), "contain")
    command = [beside] if os.path.exists(beside) else [sys.executable, "-m", "contain"]
    child = subprocess.Popen([*command, "run", str(rootfs), "--", "/bin/sleep", "30"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while len(ours(child.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    found = ours(child.pid)
    child.terminate()
    child.wait()
    rows = [f"| {name.split(' ')[0]} | {size} |" for name, size in found.items()]
    return "\n".join(
        [
            "### Memory while a container sleeps (PSS, KiB)",
            "",
            "| process | KiB |",
            "| --- | --- |",
            *rows,
            f"| together | {sum(found.values())} |",
            "",
        ]
    )
