"""What an engine waits for in `create` and `exec` is also what Python imports: not even os, and json least of all."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = {"os", "re", "json", "enum", "typing", "functools", "collections", "pathlib", "subprocess", "tempfile"}


def imported(runtime: Runtime, *words: str) -> set[str]:
    """What a verb imports, started as the front starts Python when there is no pack."""
    entry = [sys.executable, "-I", "-S", "-X", "importtime", f"{TOP}/contain/__main__.py", "contain"]
    with open(f"{runtime.root}.imported", "w+", encoding="utf-8") as told:
        done = subprocess.run(
            [*entry, "--root", runtime.root, *words],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env={**os.environ, "CONTAIN_CACHE": "0"},
        )
        told.seek(0)
        lines = told.read().splitlines()
    assert done.returncode == 0, lines[-5:]
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def test_create_and_exec(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """The whole of both, up to the launcher."""
    name = runtime.named()
    created = imported(runtime, "create", "--bundle", make_bundle("/bin/sleep", "100"), name)
    assert "contain.plan.encode" in created
    assert created & SLOW == set()
    assert runtime("start", name).returncode == 0
    further = imported(runtime, "exec", name, "/bin/true")
    assert "contain.plan.compile.exec" in further
    assert further & SLOW == set()
