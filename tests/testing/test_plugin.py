"""The plugin as a user's test suite has it: a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


@pytest.fixture
def suite(tmp_path: Path, top: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`suite(text)`: runs pytest on one file with the plugin loaded."""

    def run(text: str, *options: str) -> subprocess.CompletedProcess[str]:
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
            *options,
            str(tmp_path),
        ]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=100, cwd=tmp_path)

    return run


def test_fixtures_and_mark(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
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


def test_logs_of_a_failing_test(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
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


def test_workers_of_xdist(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """Each has its own sandbox; nothing of one stands in another's way."""
    pytest.importorskip("xdist")
    done = suite(
        f"""
@pytest.mark.sandbox(rootfs={busybox!r})
@pytest.mark.parametrize("number", range(12))
def test_run(sandbox, container_factory, number):
    box = container_factory(["sleep", "1000"])
    assert sandbox.run(["echo", str(number)], text=True).stdout == f"{{number}}\\n"
    assert box.exec(["true"]).ok
""",
        *("-p", "xdist", "-n", "3"),
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr


def test_killed_session_leaves_nothing(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """SIGKILL of pytest in the middle of a test: its containers are gone soon after, by themselves."""
    mark = f"{32000 + os.getpid() % 1000}.25"
    done = suite(f"""
import os

@pytest.mark.sandbox(rootfs={busybox!r})
def test_it(container_factory):
    container_factory(["sleep", "{mark}"])
    os.kill(os.getpid(), 9)
""")
    assert done.returncode == -9
    deadline = time.monotonic() + 60
    while is_running(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(mark: str) -> bool:
    """Whether a process with this argument is there."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if file.read() == f"sleep\0{mark}\0".encode():
                    return True
        except OSError:
            continue
    return False
