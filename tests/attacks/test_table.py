"""docs/attacks.md names tests that exist."""

from __future__ import annotations

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_every_named_test_exists() -> None:
    """A renamed test is renamed there too; and every attack that is played is in the table or has no number."""
    with open(f"{TOP}/docs/attacks.md", encoding="utf-8") as file:
        named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", file.read())
    missing = []
    for path, name in named:
        with open(f"{TOP}/{path}", encoding="utf-8") as file:
            if f"def {name}(" not in file.read():
                missing.append(f"{path}::{name}")
    assert named
    assert missing == []
