"""`python -m tests.bench.library [ROUNDS]`: Sandbox.run beside subprocess.run of the same bare, of bwrap, runc and crun, sandlock and docker's API.

Each is called from threads of one process, as a test suite or a judge does it: alone and many at once; small and with 500 MB; with no, 100 and
1,000 containers of ours already running. A row says what one run costs, and how many end in a second.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import contain
from tests.bench import peers
from tests.bench.docker import Docker
from tests.bench.measure import Contestant, compete
from tests.bench.memory import processes, pss

if TYPE_CHECKING:
    from collections.abc import Callable

    Callers = dict[str, Callable[[], object]]

TOP = Path(__file__).resolve().parents[2]
AT_ONCE = (1, 2, 8, 32)
LARGE = 500  # MB
RUNNING = (0, 100, 1000)
FLOOR, DOCKER = "subprocess.run of floor.c", "docker, through its API"  # one has one state folder, the other takes its time


def peer_callers(rootfs: Path, folder: Path) -> Callers:
    """Those that start a program of theirs."""
    found: Callers = {}
    if shutil.which("bwrap"):
        found["subprocess.run of bwrap"] = lambda: subprocess.run(peers.bubblewrap(rootfs), capture_output=True, check=True)
    if shutil.which("runc"):
        bundle = peers.bundle(folder / "bundle", rootfs, limits=False)
        names = (f"bench-{os.getpid()}-{number}" for number in itertools.count())
        runtimes = {"runc": ["runc"], "crun, its v2 view included": [*peers.V2_VIEW, "crun"]}
        for name, words in runtimes.items():
            if shutil.which(words[-1]):
                found[f"subprocess.run of {name}"] = lambda words=words: subprocess.run(  # type: ignore[misc]
                    [*words, "run", "-b", str(bundle), next(names)], stdin=subprocess.DEVNULL, capture_output=True, check=True
                )
    return found


def sandlock_caller(rootfs: Path) -> Callers:
    """Landlock and seccomp without namespaces: less is kept apart. One object a run: it holds one process at a time."""
    try:
        import sandlock
    except ImportError:
        return {}

    def run() -> None:
        seen = [str(rootfs), *(path for path in ("/usr", "/bin", "/lib", "/lib64") if os.path.exists(path))]
        if not sandlock.Sandbox(fs_readable=seen).run([f"{rootfs}/bin/true"], timeout=10).success:
            raise RuntimeError("sandlock: it failed")

    return {"sandlock": run}


def callers(rootfs: Path, folder: Path, stack: ExitStack) -> Callers:
    """Name → one run, as its user would write it."""
    from tests.bench.__main__ import floor

    sandbox = contain.Sandbox(rootfs=rootfs, read_only=True)
    base = [*floor(folder, rootfs), "pids"]
    found: Callers = {
        "subprocess.run, bare": lambda: subprocess.run([f"{rootfs}/bin/true"], capture_output=True, check=True),
        FLOOR: lambda: subprocess.run(base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=True),
        "Sandbox.run": lambda: sandbox.run(["/bin/true"], check=True),
        **peer_callers(rootfs, folder),
        **sandlock_caller(rootfs),
    }
    if shutil.which("dockerd"):
        docker = Docker(rootfs)
        stack.callback(docker.stop)
        found[DOCKER] = docker.run
    return found


def batch(call: Callable[[], object], pool: ThreadPoolExecutor, count: int) -> Callable[[], float]:
    """So many at once; milliseconds for each, all together divided by their number."""

    def run() -> float:
        start = time.perf_counter()
        try:
            for one in [pool.submit(call) for _ in range(count)]:
                one.result()
        except subprocess.CalledProcessError as error:
            raise RuntimeError((error.stderr or b"it failed").decode(errors="replace").strip()[:80]) from error
        return (time.perf_counter() - start) * 1000 / count

    return run


def table(title: str, columns: dict[str, dict[str, str]]) -> str:
    """`columns`: head → row → cell."""
    names = list(dict.fromkeys(name for cells in columns.values() for name in cells))
    head = "| what | " + " | ".join(columns) + " |"
    rows = [f"| {name} | {' | '.join(cells.get(name, '–') for cells in columns.values())} |" for name in names]
    return "\n".join([f"### {title}", "", head, "| --- |" + " --- |" * len(columns), *rows, ""])


def column(calls: Callers, pool: ThreadPoolExecutor, count: int, rounds: int) -> dict[str, str]:
    """Row → what one costs, and how many end in a second."""
    found = []
    for names, times in (
        (set(calls) - {DOCKER, FLOOR}, rounds),
        ({DOCKER} if count <= 8 else (), 3),
        ({FLOOR} if count == 1 else (), rounds),
    ):
        found += compete([Contestant(name, batch(call, pool, count)) for name, call in calls.items() if name in names], times)
    return {one.name: f"not run: {one.missing}" if one.missing else f"{one.median:.2f}, {1000 / one.median:.0f}" for one in found}


def measure(rootfs: Path, rounds: int, title: str) -> str:
    """One table from this process: so many at once."""
    with (
        tempfile.TemporaryDirectory(prefix="bench.", dir="/var/tmp") as folder,
        ThreadPoolExecutor(max(AT_ONCE)) as pool,
        ExitStack() as stack,
    ):
        calls = callers(rootfs, Path(folder), stack)
        columns = {f"{count} at once: ms each, in a second": column(calls, pool, count, max(12, rounds // count)) for count in AT_ONCE}
    return table(f"/bin/true from Python, {title}", columns)


def kept() -> int:
    """KiB of all processes of ours beside the programs, below this process."""
    found = processes()
    tree = [os.getpid()]
    for pid in tree:
        tree += [other for other, (parent, _) in found.items() if parent == pid]
    return sum(pss(pid) for pid in tree[1:] if pid in found and found[pid][1][0] in {"contain-launcher", "contain-init"})


def crowd(rootfs: Path, rounds: int) -> str:
    """One table from this process: with so many containers of ours running already; and what each of them keeps in memory."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    columns: dict[str, dict[str, str]] = {}
    sleeper = contain.Sandbox(rootfs=rootfs, read_only=True)
    running: list[contain.Container] = []
    memory = []
    with (
        tempfile.TemporaryDirectory(prefix="bench.", dir="/var/tmp") as folder,
        ThreadPoolExecutor(8) as pool,
        ExitStack() as stack,
    ):
        calls = callers(rootfs, Path(folder), stack)
        for count in RUNNING:
            missing = range(count - len(running))
            running += pool.map(lambda _: sleeper.start(["/bin/sleep", "10000"], stdout=contain.DEVNULL, stderr=contain.DEVNULL), missing)
            if running:
                memory.append(f"{len(running)}: {kept() / len(running):.0f} KiB each")
            for at_once in (1, 8):
                head = f"{count} running, {at_once} at once"
                columns[head] = column(calls, pool, at_once, max(12, rounds // at_once))
        list(pool.map(lambda one: one.__exit__(None, None, None), running))
    words = f"Memory of ours beside each sleeping program (PSS): {', '.join(memory)}."
    return table("/bin/true from Python, while others run: ms each, in a second", columns) + f"\n{words}\n"


def report(rootfs: Path, rounds: int) -> str:
    """All tables, each from a process of its own."""
    words = [sys.executable, "-m", "tests.bench.library", str(rounds)]
    return "\n".join(
        subprocess.run([*words, size, str(rootfs)], capture_output=True, text=True, check=True, cwd=TOP).stdout
        for size in ("0", str(LARGE), "crowd")
    )


def main() -> int:
    """With a size in MB and a root: one table from this process made so large; with `crowd`: the one with others running; else all."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    if len(sys.argv) < 4:
        print(report(TOP / "build/rootfs", rounds))
        return 0
    if sys.argv[2] == "crowd":
        print(crowd(Path(sys.argv[3]), rounds))
        return 0
    size = int(sys.argv[2])
    ballast = bytearray(size << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    print(measure(Path(sys.argv[3]), rounds, f"which holds {size} MB" if size else "a small process"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
