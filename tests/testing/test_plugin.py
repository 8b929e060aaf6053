"""The plugin as a user's test suite has it: a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")]


@pytest.fixture
def suite(tmp_path: Path, top: str) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """`suite(text)`: runs pytest on one file with the plugin loaded."""

    def run(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text("import pytest\n" + text)
        environment = {**os.environ, "PYTHONPATH": top, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "contain.testing.plugin",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(tmp_path),
        ]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=100, cwd=tmp_path)

    return run


def test_fixtures_and_mark(suite: Callable[[str], subprocess.CompletedProcess[str]], busybox: str) -> None:
    """The mark's options reach the sandbox; a container ends with its test."""
    done = suite(f"""
@pytest.mark.sandbox(rootfs={busybox!r}, hostname="marked")
def test_run(sandbox):
    assert sandbox.run(["hostname"], text=True).stdout == "marked\\n"

@pytest.mark.sandbox(rootfs={busybox!r})
def test_start(container_factory):
    box = container_factory(["sleep", "100"])
    assert box.exec(["true"]).ok
""")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_logs_of_a_failing_test(suite: Callable[[str], subprocess.CompletedProcess[str]], busybox: str) -> None:
    """What the container said stands in the report."""
    done = suite(f"""
import contain

@pytest.mark.sandbox(rootfs={busybox!r})
def test_start(container_factory):
    box = container_factory(["sh", "-c", "echo last words; exec sleep 100"])
    box.wait_for(contain.log("last words"))
    raise AssertionError
""")
    assert done.returncode == 1
    assert "stdout" in done.stdout
    assert "\nlast words\n" in done.stdout


def test_plugin_imports_pytest_only(top: str) -> None:
    """Every run of everybody pays for this module."""
    code = "import pytest, sys; before = set(sys.modules); import contain.testing.plugin; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=top).stdout.split()
    assert found == ["contain", "contain.testing", "contain.testing.plugin"]
