"""`python -m tests.bench [ROUNDS]`: start to exit of /bin/true beside the peers, the OCI verbs beside runc's, memory, and lint; prints Markdown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contain
from contain.launcher import spawn
from contain.plan.encode import encode
from tests.bench import library, lint, peers
from tests.bench.lifecycle import lives
from tests.bench.measure import Contestant, compete, once, table
from tests.bench.memory import sleeping

TOP = Path(__file__).resolve().parents[2]
LIMITS = {"pids_limit": 64, "memory": "64m"}
NO_LIMITS = {"pids_limit": -1}


def filter_of(sandbox: contain.Sandbox) -> bytes:
    """The seccomp program that a sandbox loads, for the floor."""
    for operation in sandbox.plan().operations:
        if type(operation).__name__ == "LoadSeccomp":
            return next(value for value in operation.values().values() if isinstance(value, bytes))
    raise RuntimeError("the plan loads no filter")


def floor(folder: Path, rootfs: Path) -> list[str]:
    """tests/floor.c, built, with its arguments."""
    subprocess.run(["gcc", "-O2", "-static", "-D_GNU_SOURCE", "-o", folder / "floor", TOP / "tests/floor.c"], check=True)
    (folder / "filter").write_bytes(filter_of(contain.Sandbox(rootfs=str(rootfs))))
    return [str(folder / "floor"), str(rootfs), str(folder / "filter")]


def alone(rootfs: Path, **options: object) -> Contestant:
    """The launcher with a plan that is ready, as the floor is started: what is done for a Result is left out."""
    plan = encode(contain.Sandbox(rootfs=str(rootfs), **options).plan(["/bin/true"]))
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def run() -> float:
        start = time.perf_counter()
        _, status = os.waitpid(spawn.spawn(plan, streams=(null, null, 2)), 0)
        if status != 0:
            raise RuntimeError(f"the launcher: exit {os.waitstatus_to_exitcode(status)}")
        return (time.perf_counter() - start) * 1000

    return Contestant("contain, launcher alone", run)


def warm(rootfs: Path, **options: object) -> Contestant:
    """The library in this process: a sandbox that is planned, run again and again, its Result and usage read."""
    sandbox = contain.Sandbox(rootfs=str(rootfs), **options)

    def run() -> float:
        start = time.perf_counter()
        sandbox.run(["/bin/true"], stdout=contain.DEVNULL, stderr=contain.DEVNULL, check=True)
        return (time.perf_counter() - start) * 1000

    return Contestant("contain, warm Python", run)


def large(rootfs: Path, rounds: int, **options: object) -> str:
    """The same from a process that holds 500 MB: the median, measured in a process of its own."""
    code = (
        "import contain, statistics, sys, time; ballast = bytearray(500 << 20); ballast[::4096] = b'x' * len(ballast[::4096])\n"
        f"s = contain.Sandbox(rootfs={str(rootfs)!r}, **{options!r}); times = []\n"
        f"for _ in range({rounds}):\n"
        "    t = time.perf_counter(); s.run(['/bin/true'], stdout=contain.DEVNULL, stderr=contain.DEVNULL, check=True)\n"
        "    times.append((time.perf_counter() - t) * 1000)\n"
        "print(f'{statistics.median(times):.2f}')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TOP).stdout.strip()


def shell(rootfs: Path, *options: str) -> list[str]:
    """The command line."""
    beside = os.path.join(os.path.dirname(sys.executable), "contain")
    command = [beside] if os.path.exists(beside) else [sys.executable, "-m", "contain"]
    return [*command, "run", *options, str(rootfs), "--", "/bin/true"]


def race(folder: Path, rootfs: Path, rounds: int, *, limits: bool) -> str:
    """One table: everybody in turns."""
    options = LIMITS if limits else NO_LIMITS
    words = ["--pids-limit", "64", "-m", "64m"] if limits else []  # as people type it: our default limit of processes holds
    base = [*floor(folder, rootfs), *(["pids", "memory"] if limits else [])]
    found = [
        Contestant("floor (tests/floor.c)", lambda: once(base)),
        alone(rootfs, **options),
        warm(rootfs, **options),
        Contestant("contain, shell", lambda: once(shell(rootfs, *words))),
        Contestant("contain, shell, first time", lambda: once(shell(rootfs, *words, "--env", f"NEVER={time.time_ns()}"))),
    ]
    if shutil.which("runc"):
        bundle = peers.bundle(folder / f"bundle-{limits}", rootfs, limits=limits)
        found.append(Contestant("runc", lambda: once(["runc", "run", "-b", str(bundle), f"bench-{time.time_ns()}"])))
        if shutil.which("crun"):
            crun = [*peers.V2_VIEW, "crun", "run", "-b", str(bundle)]
            found.append(Contestant("crun (its v2 view included)", lambda: once([*crun, f"bench-{time.time_ns()}"], quiet=True)))
    if not limits:
        found += [
            Contestant("bubblewrap", lambda: once(peers.bubblewrap(rootfs))),
            Contestant("systemd-nspawn", lambda: once(peers.nspawn(rootfs), quiet=True)),
        ]
    compete(found, rounds)
    title = "/bin/true with a pids and a memory limit" if limits else "/bin/true, no limits"
    return (
        table(title, found, "floor (tests/floor.c)")
        + f"\nFrom a Python process that holds 500 MB: {large(rootfs, rounds, **options)} ms.\n"
    )


def main() -> int:
    """Prints everything."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rootfs = TOP / "build/rootfs"
    with tempfile.TemporaryDirectory(prefix="bench.", dir="/var/tmp") as name:
        folder = Path(name)
        print(race(folder, rootfs, rounds, limits=False), flush=True)
        print(race(folder, rootfs, rounds, limits=True), flush=True)
        print(lives(folder, rootfs, rounds), flush=True)
        print(library.report(rootfs, rounds), flush=True)
        print(sleeping(rootfs, folder), flush=True)
        print(lint.report(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
