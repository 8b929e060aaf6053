"""`python -m tests.container.beside_isolate ISOLATE ROOTFS USED`, in the guest: the same programs under isolate and under contain, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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


def main(program: str, rootfs: str, used: str) -> None:
    """`program`, isolate, has a configuration with its boxes in /run/isolate."""
    os.makedirs("/run/isolate/locks", exist_ok=True)
    os.makedirs("/sys/fs/cgroup/isolate")
    for name in CONTROLLERS:
        with open("/sys/fs/cgroup/isolate/cgroup.subtree_control", "w", encoding="ascii") as file:
            file.write(f"+{name}")
    subprocess.run([program, "--cg", "--init"], check=True, capture_output=True)
    subprocess.run(["cp", used, "/run/isolate/0/box/used"], check=True)
    box = contain.Sandbox(rootfs=rootfs, memory="512m", volume=[f"{used}:/used:ro"])
    rows = []
    for words in WORDS:
        usage = box.run(["/used", *words], check=True).usage
        rows.append([words, isolate(program, "/run/isolate", words), (usage.cpu, usage.memory_peak)])
    print(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
