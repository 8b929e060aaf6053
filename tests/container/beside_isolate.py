"""`python -m tests.container.beside_isolate ISOLATE ROOTFS USED`, in the guest: the same programs under isolate and under contain, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import contain

WORDS = [["burn", "1500"], ["forks", "375"], ["daemon", "1500"], ["anonymous", "64"], ["shared", "64"], ["written-tmpfs", "64"]]
CONTROLLERS = ("memory", "cpu", "pids")


def isolate(program: str, root: str, words: list[str]) -> tuple[float, int]:
    """(seconds, bytes) as isolate's report has them."""
    report = f"{root}/report"
    command = [program, "--cg", "--processes=64", f"--meta={report}", "-d", "tmp:tmp", "--run", "--", "/box/used"]
    subprocess.run([*command, *words], check=True, capture_output=True)
    with open(report, encoding="ascii") as file:
        found = dict(line.strip().split(":", 1) for line in file)
    os.unlink(report)
    return float(found["time"]), int(found["cg-mem"]) << 10


def compare(program: str, box: contain.Sandbox, used: str) -> list[Any]:
    """(words, isolate's figures, ours); `program`, isolate, has a configuration with its boxes in /run/isolate."""
    os.makedirs("/run/isolate/locks", exist_ok=True)
    os.makedirs("/sys/fs/cgroup/isolate")
    for folder in ("/sys/fs/cgroup", "/sys/fs/cgroup/isolate"):
        for name in CONTROLLERS:
            with open(f"{folder}/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write(f"+{name}")
    subprocess.run([program, "--cg", "--init"], check=True, capture_output=True)
    subprocess.run(["cp", used, "/run/isolate/0/box/used"], check=True)
    rows: list[Any] = []
    for words in WORDS:
        usage = box.run(["/used", *words], check=True).usage
        rows.append([words, isolate(program, "/run/isolate", words), (usage.cpu, usage.memory_peak)])
    return rows


if __name__ == "__main__":
    isolates, rootfs, program = sys.argv[1:]
    print(json.dumps(compare(isolates, contain.Sandbox(rootfs=rootfs, memory="512m", volume=[f"{program}:/used:ro"]), program)))
