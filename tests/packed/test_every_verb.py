"""Every verb says from its pack what it says without, the first time and later."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from contain.cli.main import VERBS
from contain.cli.main import _exists as is_there
from tests.conftest import command

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = (
    ("rule", "RUN001"),
    ("schema", "runtime-config"),
    ("lint", "BUNDLE"),
    ("lint", "--format", "sarif", "BUNDLE"),
    ("lint", "--nonsense"),
    ("plan", "BUNDLE"),
    ("plan", "--json", "BUNDLE"),
    ("run", "/nonexistent"),
    ("features",),
    ("state", "nobody"),
    ("exec", "nobody", "sh"),
    ("update", "nobody"),
    ("delete", "nobody"),
    *((name, "--help") for name, module, _ in VERBS if is_there(module)),
)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_same_words(words: tuple[str, ...], make_bundle: Callable[..., str]) -> None:
    """Output, errors, exit code."""
    if os.path.basename(command()[0]) != "contain":
        pytest.skip("contain is not installed beside this Python: make build")
    bundle = make_bundle("/bin/true") if "BUNDLE" in words else ""

    def said(**variables: str) -> tuple[int, str, str]:
        line = [*command(), *(word.replace("BUNDLE", bundle) for word in words)]
        done = subprocess.run(line, env={**os.environ, **variables}, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout, done.stderr

    without = said(CONTAIN_CACHE="0")
    assert [said() for _ in range(3)] == [without] * 3
