"""`python accounting_inside.py ROOTFS USED [ISOLATE]`, in QEMU on a distribution's kernel with cgroup v2: what programs used, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import contain

#: verb of tests/used.c → how many of its processes or threads burn
TIME = {"burn": 1, "forks": 4, "threads": 4, "daemon": 1, "daemon-stays": 1, "exec": 1, "short": 1, "ignored": 4}
MEMORY = ["anonymous", "shared", "sysv", "memfd", "mapped-tmpfs", "written-tmpfs", "freed", "forked-memory"]
TOTAL, AMOUNT, LITTLE = 1500, 64, 2
#: so often is measured what the machine below may have disturbed
TRIES = 8
MANY = """
import contain, json, sys
held = bytearray(500 << 20)
held[::4096] = b"x" * len(held[::4096])
box = contain.Sandbox(rootfs=sys.argv[1], keep=True, memory="512m", volume=[f"{sys.argv[2]}:/used:ro"])
print(json.dumps([box.run(["/used", "anonymous", amount], check=True).usage.to_dict() for amount in ("64", "1")]))
"""


def burned(box: contain.Sandbox, verb: str) -> list[tuple[float, dict[str, Any]]]:
    """(seconds by the programs' own clocks, usage) until both say the same, as exactly as is asked for."""
    found = []
    for _ in range(TRIES):
        result = box.run(["/used", verb, str(TOTAL // TIME[verb])], text=True, check=True)
        truth = sum(map(int, result.stdout.split())) / 1e9
        found.append((truth, result.usage.to_dict()))
        if all(abs(one - truth) <= max(0.02 * truth, 0.005) for one in times(verb, result.usage.to_dict())):
            break
    return found


def times(verb: str, usage: dict[str, Any]) -> list[float]:
    """What is held against the truth: the cgroup's word, and what our PID 1 waited for, which is all but children that nobody waits for."""
    return [usage["cpu"]] + ([usage["user"] + usage["system"]] if verb != "ignored" else [])


def main(rootfs: str, used: str, isolate: str = "") -> None:
    """Prints it."""
    box = contain.Sandbox(rootfs=rootfs, keep=True, memory="512m", volume=[f"{used}:/used:ro"])
    found: dict[str, Any] = {"processors": os.cpu_count(), "time": {verb: burned(box, verb) for verb in TIME}}
    for name, amount in (("memory", AMOUNT), ("little", LITTLE)):
        found[name] = {verb: box.run(["/used", verb, str(amount)], check=True).usage.to_dict() for verb in MEMORY}
    found["large caller"] = json.loads(subprocess.run([sys.executable, "-c", MANY, rootfs, used], check=True, capture_output=True).stdout)
    with box.start(["sh", "-c", "/used anonymous 64 && echo done && read line"], stdin=contain.PIPE) as one:
        one.wait_for(contain.log("done"))
        meanwhile = one.stats().to_dict()
        one.kill()
        found["stats"] = [meanwhile, one.wait().usage.to_dict()]
    if isolate:
        from beside_isolate import compare  # type: ignore[import-not-found]  # beside this file, where it runs

        found["isolate"] = compare(isolate, box, used)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
