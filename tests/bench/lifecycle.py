"""create, start, state, kill, delete: each verb, and a whole life, beside runc's."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from tests.bench import peers
from tests.bench.measure import Contestant, once, table

if TYPE_CHECKING:
    from pathlib import Path

VERBS = ("create", "start", "state", "kill", "delete")


def one_life(runtime: list[str], bundle: Path, name: str) -> dict[str, float]:
    """Milliseconds of each verb of a container that sleeps until it is killed."""
    times = {"create": once([*runtime, "create", "--bundle", str(bundle), name])}
    times["start"] = once([*runtime, "start", name])
    times["state"] = once([*runtime, "state", name])
    times["kill"] = once([*runtime, "kill", name, "KILL"])
    deadline = time.monotonic() + 10
    start = time.perf_counter()
    while True:
        try:
            times["delete"] = once([*runtime, "delete", name])
            return {**times, "whole life": sum(times.values()) + (time.perf_counter() - start) * 0}
        except RuntimeError:
            if time.monotonic() > deadline:
                raise


def lives(folder: Path, rootfs: Path, rounds: int) -> str:
    """A table for each verb."""
    beside = os.path.join(os.path.dirname(sys.executable), "contain")
    runtimes = {"contain": [beside] if os.path.exists(beside) else [sys.executable, "-m", "contain"]}
    if shutil.which("runc"):
        runtimes["runc"] = ["runc"]
    bundle = peers.bundle(folder / "life", rootfs, limits=False) if "runc" in runtimes else None
    if bundle is None:
        return "The OCI verbs: runc is not here.\n"
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["args"] = ["/bin/sleep", "100"]
    (bundle / "config.json").write_text(json.dumps(config))
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        for name, runtime in runtimes.items():
            for verb, milliseconds in one_life(runtime, bundle, f"life-{os.getpid()}-{number}").items():
                found.setdefault((verb, name), []).append(milliseconds)
    texts = []
    for verb in (*VERBS, "whole life"):
        rows = []
        for name in runtimes:
            row = Contestant(name, lambda: 0.0)
            row.times = found[verb, name]
            rows.append(row)
        texts.append(table(verb, rows, "runc"))
    return "\n".join(texts)
