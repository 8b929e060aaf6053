"""`python -m tests.bench.library [ROUNDS]`: Sandbox.run beside subprocess.run of the same bare, of bwrap and of runc; alone and many at once.

Each is called from threads of one process, as a test suite or a judge does it, small and with 500 MB; a row says what one run costs, and how
many end in a second.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import contain
from tests.bench import peers
from tests.bench.measure import Contestant, compete

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parents[2]
AT_ONCE = (1, 2, 8, 32)
LARGE = 500  # MB


def callers(rootfs: Path, folder: Path) -> dict[str, Callable[[], object]]:
    """Name → one run, as its user would write it."""
    sandbox = contain.Sandbox(rootfs=rootfs, read_only=True)
    found: dict[str, Callable[[], object]] = {
        "subprocess.run, bare": lambda: subprocess.run([f"{rootfs}/bin/true"], capture_output=True, check=True),
        "Sandbox.run": lambda: sandbox.run(["/bin/true"], check=True),
    }
    if shutil.which("bwrap"):
        found["subprocess.run of bwrap"] = lambda: subprocess.run(peers.bubblewrap(rootfs), capture_output=True, check=True)
    if shutil.which("runc"):
        bundle = peers.bundle(folder / "bundle", rootfs, limits=False)
        names = (f"bench-{os.getpid()}-{number}" for number in itertools.count())
        found["subprocess.run of runc"] = lambda: subprocess.run(
            ["runc", "run", "-b", str(bundle), next(names)], stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
    return found


def batch(call: Callable[[], object], pool: ThreadPoolExecutor, count: int) -> Callable[[], float]:
    """So many at once; milliseconds for each, all together divided by their number."""

    def run() -> float:
        start = time.perf_counter()
        try:
            for one in [pool.submit(call) for _ in range(count)]:
                one.result()
        except subprocess.CalledProcessError as error:
            raise RuntimeError(error.stderr.decode(errors="replace").strip()[:80]) from error
        return (time.perf_counter() - start) * 1000 / count

    return run


def measure(rootfs: Path, rounds: int, title: str) -> str:
    """One table from this process."""
    rows = [
        f"### /bin/true from Python, {title}",
        "",
        "| what | " + " | ".join(f"{n} at once: ms each, in a second" for n in AT_ONCE) + " |",
    ]
    rows.append("| --- |" + " --- |" * len(AT_ONCE))
    with tempfile.TemporaryDirectory(prefix="bench.", dir="/var/tmp") as folder, ThreadPoolExecutor(max(AT_ONCE)) as pool:
        calls = callers(rootfs, Path(folder))
        cells: dict[str, list[str]] = {name: [] for name in calls}
        for count in AT_ONCE:
            for one in compete([Contestant(name, batch(call, pool, count)) for name, call in calls.items()], max(3, rounds // count)):
                cells[one.name].append(f"not run: {one.missing}" if one.missing else f"{one.median:.2f}, {1000 / one.median:.0f}")
    return "\n".join([*rows, *(f"| {name} | {' | '.join(texts)} |" for name, texts in cells.items()), ""])


def report(rootfs: Path, rounds: int) -> str:
    """Both tables, each from a process of its own."""
    words = [sys.executable, "-m", "tests.bench.library", str(rounds)]
    return "\n".join(
        subprocess.run([*words, str(size), str(rootfs)], capture_output=True, text=True, check=True, cwd=TOP).stdout for size in (0, LARGE)
    )


def main() -> int:
    """With a size in MB and a root: one table from this process made so large; else both."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    if len(sys.argv) < 4:
        print(report(TOP / "build/rootfs", rounds))
        return 0
    size = int(sys.argv[2])
    ballast = bytearray(size << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    print(measure(Path(sys.argv[3]), rounds, f"which holds {size} MB" if size else "a small process"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
