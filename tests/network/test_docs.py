"""What docs/network.md shows in Python runs as it stands there."""

from __future__ import annotations

import os
from typing import Any

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

pytestmark = [pytest.mark.live, pytest.mark.any_kernel, pytest.mark.skipif(os.getuid() != 0, reason="its sandboxes show root's own files")]


def test_code_of_the_page(pristine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks, one after the other, from the top folder."""
    with open(f"{TOP}/docs/network.md", encoding="utf-8") as file:
        blocks = [part.partition("```")[0] for part in file.read().split("```python\n")[1:]]
    assert len(blocks) == 2
    monkeypatch.chdir(TOP)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/network.md", "exec"), names)
