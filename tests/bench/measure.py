"""Timing of contestants: they take turns, so that a machine's bad moment hits all of them alike."""

from __future__ import annotations

import os
import random
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def once(argv: Sequence[str], env: dict[str, str] | None = None, *, quiet: bool = False) -> float:
    """Milliseconds from spawn to exit of one command, which must succeed; `quiet` drops its errors too."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, *((2,) if quiet else ()))]
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, env if env is not None else dict(os.environ), file_actions=actions)
    _, status = os.waitpid(pid, 0)
    ret = (time.perf_counter() - start) * 1000
    os.close(null)
    if status != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {os.waitstatus_to_exitcode(status)}")
    return ret


class Contestant:
    """A name and a function that runs it once and returns milliseconds."""

    def __init__(self, name: str, run: Callable[[], float]) -> None:
        """Nothing is measured yet; `missing` will say why it could not run."""
        self.name = name
        self.run = run
        self.times: list[float] = []
        self.missing = ""

    @property
    def median(self) -> float:
        """Of all rounds, in milliseconds."""
        return statistics.median(self.times)


def compete(contestants: Sequence[Contestant], rounds: int) -> list[Contestant]:
    """Runs all in turns, in another order each round: what one leaves the kernel to clear up takes the next one's time. One that fails is left out
    and says why.
    """
    order = random.Random(rounds)
    for one in contestants:
        try:
            one.run()
        except (OSError, RuntimeError) as error:
            one.missing = str(error)
    for _ in range(rounds):
        for one in order.sample(contestants, len(contestants)):
            if not one.missing:
                one.times.append(one.run())
    return list(contestants)


def table(title: str, contestants: Sequence[Contestant], base: str) -> str:
    """A Markdown table: median, quartiles, and the ratio to `base`."""
    by_name = {one.name: one for one in contestants}
    unit = by_name[base].median if base in by_name and by_name[base].times else 0.0
    rows = [f"### {title}", "", f"| what | median ms | quartiles | times {base} |", "| --- | --- | --- | --- |"]
    for one in contestants:
        if one.missing:
            rows.append(f"| {one.name} | – | not run: {one.missing[:80]} | |")
            continue
        low, _, high = statistics.quantiles(one.times, n=4)
        rows.append(
            f"| {one.name} | {one.median:.2f} | {low:.2f}–{high:.2f} | {one.median / unit:.2f} |"
            if unit
            else f"| {one.name} | {one.median:.2f} | | |"
        )
    return "\n".join([*rows, ""])
