"""The gate itself: too many skips fail a run, and the guest hands back what its command says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest


def run_pytest(top: str, folder: str, limit: int) -> subprocess.CompletedProcess[str]:
    """A pytest run of a file with two skipped tests, under our conftest."""
    with open(f"{folder}/test_two.py", "w", encoding="utf-8") as file:
        file.write("import pytest\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_skips(n):\n    pytest.skip('no kernel')\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "--max-skips", str(limit), "test_two.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": top},
    )


def test_more_skips_than_stated_fail(top: str, tmp_path) -> None:
    """A run that states one skip and has two fails, and says so."""
    result = run_pytest(top, f"{tmp_path}", 1)

    assert result.returncode == 1
    assert "too many tests skip: 2, the run states 1" in result.stdout


def test_as_many_skips_as_stated_pass(top: str, tmp_path) -> None:
    """A run that states two skips and has two passes."""
    assert run_pytest(top, f"{tmp_path}", 2).returncode == 0


@pytest.mark.slow
def test_guest_hands_back_code_and_output(top: str) -> None:
    """A command in the guest sees pure cgroup v2, and its output and exit code come out."""
    if shutil.which("linux.uml") is None or os.environ.get("IN_GUEST"):
        pytest.skip("no guest here: apt-get install user-mode-linux kmod")
    script = "stat -fc %T /sys/fs/cgroup; echo $IN_GUEST; exit 7"
    result = subprocess.run([f"{top}/tests/guest/run", "bash", "-c", script], capture_output=True, text=True, check=False, cwd=top)

    assert (result.returncode, result.stdout) == (7, "cgroup2fs\n1\n")
