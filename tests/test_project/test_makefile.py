"""The tasks of the project, as a newcomer finds them."""

from __future__ import annotations

import subprocess

TARGETS = [
    "bench",
    "build",
    "check",
    "docs",
    "format",
    "generate",
    "help",
    "lint",
    "new-operation",
    "new-rule",
    "run",
    "test",
    "test-all",
    "test-v2",
]


def test_help_names_every_task(top: str) -> None:
    """`make help` prints each task with what it does."""
    result = subprocess.run(["make", "-s", "help"], cwd=top, capture_output=True, text=True, check=True)
    rows = {row.split()[0]: row.split()[1:] for row in result.stdout.splitlines() if row.strip()}

    assert set(rows) == set(TARGETS)
    assert all(rows.values())
