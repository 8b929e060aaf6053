"""What the tests of errors share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contain.cli import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def nothing_is_launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a root file system; nothing is ever launched."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root").mkdir()
    (tmp_path / "notes.txt").write_text("notes")

    def launched(spec: Any, *_: Any) -> None:
        raise AssertionError(f"{spec.kind} would have been launched")

    monkeypatch.setattr(run, "launch", launched)
    return tmp_path
