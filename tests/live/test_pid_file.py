"""A pid file goes with the container, and nothing else goes in its place: paths are the caller's, and may be anybody's file by then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Contain = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]


@pytest.fixture
def contain_in(contain: Contain, tmp_path: Path) -> Contain:
    """`contain` with a state folder of the test's own."""
    (tmp_path / "state").mkdir(mode=0o700)
    return lambda *words: contain("--root", str(tmp_path / "state"), *words, cwd=str(tmp_path))


def test_a_file_that_took_its_place_stays(contain_in: Contain, busybox: str, tmp_path: Path) -> None:
    """Of a run that ended, and of a kept one that is removed later, by either verb."""
    script = 'test "$(cat /h/pid)" -gt 0 && rm /h/pid && echo precious >/h/pid'
    assert contain_in("run", "--userns", "host", "--pid-file", "pid", "-v", ".:/h", busybox, "--", "sh", "-c", script).returncode == 0
    assert (tmp_path / "pid").read_text() == "precious\n"
    for verb in ("delete", "rm"):
        assert contain_in("run", "--keep", "--name", "a", "--pid-file", "pid", busybox, "--", "true").returncode == 0
        assert not (tmp_path / "pid").exists()
        (tmp_path / "pid").write_text("precious")
        assert contain_in(verb, "a").returncode == 0
        assert (tmp_path / "pid").read_text() == "precious"


def test_what_could_not_be_replaced_stays(contain_in: Contain, busybox: str, tmp_path: Path) -> None:
    """A folder of that name: one error, and no attempt to remove it."""
    (tmp_path / "pid").mkdir()
    done = contain_in("run", "--pid-file", "pid", busybox, "--", "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        125,
        f"contain: <command line>:--pid-file: cannot write the pid file {tmp_path}/pid: Is a directory",
    )
    assert "warning" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["pid", "state"]
    assert os.path.isdir(tmp_path / "pid")


def test_an_old_file_is_replaced(contain_in: Contain, busybox: str, tmp_path: Path) -> None:
    """And no draft of the new one is left; it goes with the container."""
    (tmp_path / "pid").write_text("precious")
    script = 'test "$(cat /h/pid)" -gt 0 && ls -A /h'
    done = contain_in("run", "--userns", "host", "--pid-file", "pid", "-v", ".:/h", busybox, "--", "sh", "-c", script)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["pid", "state"], "")
    assert os.listdir(tmp_path) == ["state"]


def test_a_fifo_in_its_place_holds_nobody_up(contain_in: Contain, busybox: str, tmp_path: Path) -> None:
    """Whoever can write to the folder cannot make the teardown wait for ever."""
    script = "rm /h/pid && mkfifo /h/pid"
    assert contain_in("run", "--userns", "host", "--pid-file", "pid", "-v", ".:/h", busybox, "--", "sh", "-c", script).returncode == 0
    assert os.listdir(tmp_path / "state") == []
