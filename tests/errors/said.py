"""What the command line says, for tests of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contain.cli.main import main

if TYPE_CHECKING:
    import pytest


def said(capsys: pytest.CaptureFixture[str], words: list[str]) -> list[str]:
    """What `contain run` says to stderr; it must not have got as far as launching."""
    code = main(["run", *words])
    lines = capsys.readouterr().err.splitlines()
    assert code == 125, lines
    return lines
