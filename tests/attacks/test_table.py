"""docs/attacks.md names tests that exist."""

from __future__ import annotations

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_every_named_test_exists() -> None:
    """A renamed test is renamed there too; and every attack that is played is in the table or has no number."""
    with open(f"{TOP}/docs/attacks.md", encoding="utf-8") as file:
        text = file.read()
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", text)
    assert [
        row
        for row in text.splitlines()
        if row.startswith("| ") and "---" not in row and not row.startswith("| weakness") and "::" not in row
    ] == []
    missing = []
    for path, name in named:
        with open(f"{TOP}/{path}", encoding="utf-8") as file:
            if f"def {name}(" not in file.read():
                missing.append(f"{path}::{name}")
    assert named
    assert missing == []
