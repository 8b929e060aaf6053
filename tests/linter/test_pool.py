"""Work shared between processes: results in order, and one that is late or dies does not hold up the others."""

from __future__ import annotations

import os
import signal

from contain.linter.pool import Pool


def _work(item):
    if item == "late":
        signal.pause()
    if item == "dead":
        os._exit(1)
    return item * 2


def test_late_and_dead_items():
    """The bound is lowered only for the item that waits for ever, so no slow machine can make another one late."""
    items = [1, 2, "late", 3, "dead", 4, 5, "late"]
    pool = Pool(_work, lambda item, reason: f"{item}: {reason}", jobs=2, seconds=60)
    found = []
    results = pool.run(items)
    for item in items:
        pool.seconds = 0.05 if item == "late" else 60
        found.append(next(results))
    results.close()
    assert found == [
        2,
        4,
        "late: it took more than 0.05 seconds",
        6,
        "dead: the process that checked it died",
        8,
        10,
        "late: it took more than 0.05 seconds",
    ]


def test_who_stops_early_leaves_no_worker():
    """Workers are ended when the results are not wanted any more."""
    results = Pool(_work, lambda item, _: item, jobs=3, seconds=60).run(list(range(1000)))
    assert next(results) == 0
    results.close()
    try:
        left = os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        left = 0
    assert left == 0
