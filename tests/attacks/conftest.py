"""Attacks use what live tests use, and keep a copy of what must not change."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.live.conftest import _root_only, run_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["_root_only", "run_spec", "unchanged"]


@pytest.fixture
def unchanged(launcher: str) -> Iterator[Callable[[str], None]]:
    """`unchanged(path)`: at the end of the test the file has the bytes it had; the launcher is watched always."""
    watched = {}

    def digest(path: str) -> str:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def watch(path: str) -> None:
        watched[path] = digest(path)

    watch(launcher)
    yield watch
    assert {path: digest(path) for path in watched} == watched
