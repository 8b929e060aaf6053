"""The gate itself: too many skips fail a run, and the guest hands back what its command says."""

from __future__ import annotations

import os
import re
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


def test_legs_side_by_side(top: str, tmp_path) -> None:
    """Two lanes at once, each leg in turn whatever the one before said; the table at the end, and the code of the first that failed."""
    os.makedirs(f"{tmp_path}/.ci")
    shutil.copy(f"{top}/.ci/legs", f"{tmp_path}/.ci/legs")
    first = "until [ -e other ]; do sleep 0.01; done; echo; echo '3 failed'; exit 3"
    words = ["one", first, "two", "echo '1 passed'", "--", "three", "touch other; echo '5 passed'; exit 4"]
    result = subprocess.run([f"{tmp_path}/.ci/legs", *words], capture_output=True, text=True, check=False, timeout=60)

    table = [line.split(maxsplit=3) for line in result.stdout.splitlines()[-4:-1]]
    assert [(row[0], *row[2:]) for row in table] == [("one", "3", "3 failed"), ("two", "0", "1 passed"), ("three", "4", "5 passed")]
    assert result.returncode == 3
    assert result.stdout.index("two: begins") > result.stdout.index("one, 00:")


def test_leg_that_hangs_is_ended(top: str, tmp_path) -> None:
    """After the time that it is given, as by Ctrl-C; the legs after it run."""
    os.makedirs(f"{tmp_path}/.ci")
    shutil.copy(f"{top}/.ci/legs", f"{tmp_path}/.ci/legs")
    words = [f"{tmp_path}/.ci/legs", "one", "exec sleep 1000", "two", "echo '1 passed'"]
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "LEG_SECONDS": "1"})

    assert result.returncode == 124
    assert "1 passed" in result.stdout


def test_all_legs_together_are_all_tests(top: str) -> None:
    """`make test-all` leaves out no test here: what one leg ignores is another's."""
    shown = subprocess.run(["make", "-ns", "test-all"], cwd=top, capture_output=True, text=True, check=True).stdout
    legs = dict(re.findall(r'^  ([\w-]+) "(.*)"', shown, re.MULTILINE))
    ignored = set(re.findall(r"--ignore (\S+)", legs["slow"]))

    assert {"plain", "live", "cpython", "slow", "v2", "v2-slow"} == set(legs)
    assert ignored == {"tests/container/test_cpython.py"} == {legs["cpython"].split()[-1]}
    assert all("--max-skips" in command for command in legs.values())
