"""What the host is short of is said as such, with the code of the verb: it is no bug of ours, and no code of Python's own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def run(top: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`python -m contain`, errors as text."""
    environment = os.environ | {"PYTHONPATH": top}
    defaults: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 60, "env": environment}
    return subprocess.run([sys.executable, "-m", "contain", *words], check=False, **{**defaults, **options})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["frobnicate"], 125),
        (["run", "nowhere"], 125),
        (["run", "--pids-limit", "x", "."], 125),
        (["run", "--bundle", "nowhere", "a"], 1),
        (["state", "nowhere"], 1),
        (["rm", "nowhere"], 1),
    ],
    ids=str,
)
def test_errors_that_nobody_can_read(top: str, tmp_path: Path, words: list[str], code: int) -> None:
    """A full disk below standard error changes no exit code."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert run(top, *words, cwd=tmp_path, stderr=full).returncode == code


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_that_takes_nothing(top: str, tmp_path: Path, form: str) -> None:
    """The words are on standard error all the same, and the code is the verb's."""
    done = run(top, "--root", str(tmp_path), "--log", "/dev/full", "--log-format", form, "state", "nobody")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[:2] == ["contain: warning: cannot write the log /dev/full: No space left on device", "container does not exist: nobody"]


def test_descriptors(top: str, tmp_path: Path) -> None:
    """`ulimit -n` is the remedy, whoever meets the limit."""
    script = (
        "import resource, sys; from contain.cli import lint, list, main; import contain.state.store;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)); sys.exit(main.main(['--root', sys.argv[1], 'list']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=os.environ | {"PYTHONPATH": top}, capture_output=True, text=True, check=False
    )
    assert done.returncode in {1, 125}
    assert "Too many open files" in done.stderr
    assert "a bug" not in done.stderr


@pytest.mark.live
def test_size_of_files(top: str, busybox: str) -> None:
    """The plan and the launcher's copy are files in memory, which the limit counts too."""

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = run(top, "run", busybox, "--", "true", preexec_fn=small)
    assert (done.returncode, done.stderr.splitlines()) == (125, ["File too large", "  remedy: raise the limit of file sizes: ulimit -f"])


@pytest.mark.parametrize("words", [["lint", "x.json"], ["run", "root"], ["run", "--", "true"], ["run", "--bundle", ".", "a"]], ids=str)
def test_a_folder_that_is_gone(top: str, tmp_path: Path, words: list[str]) -> None:
    """The working folder was removed meanwhile."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    command = ["sh", "-c", script, str(gone), sys.executable, "-m", "contain", *words]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": top}, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-2:] == ["the working folder cannot be used: No such file or directory", "  remedy: cd to another one"]
    assert done.returncode == (1 if "--bundle" in words else 125)


@pytest.mark.parametrize(
    "words",
    [["run", "fifo.aci"], ["run", "fifo.json"], ["run", "fifo"], ["plan", "--host", "fifo", "."], ["plan", "--host", "/dev/zero", "."]],
    ids=str,
)
def test_nobody_waits_for_a_writer(top: str, tmp_path: Path, words: list[str]) -> None:
    """A FIFO where a file should be, or one without an end."""
    for name in ("fifo", "fifo.aci", "fifo.json"):
        os.mkfifo(tmp_path / name)
    done = run(top, *words, cwd=tmp_path)
    assert done.returncode == 125
    assert "remedy: " in done.stderr


def test_an_environment_from_a_pipe(top: str, tmp_path: Path) -> None:
    """`--env-file <(…)` waits for the program that writes, and a FIFO without one is empty."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "root").mkdir()
    reading, writing = os.pipe()
    with subprocess.Popen(["sh", "-c", "read go; echo A=b"], stdin=subprocess.PIPE, stdout=writing, text=True) as writer:
        os.close(writing)
        options: dict[str, Any] = {"pass_fds": [reading], "cwd": tmp_path, "stdout": subprocess.PIPE, "text": True}
        words = ["plan", "--format", "json", "--env-file", "fifo", "--env-file", f"/dev/fd/{reading}", "root", "--", "true"]
        with subprocess.Popen([sys.executable, "-m", "contain", *words], env=os.environ | {"PYTHONPATH": top}, **options) as planner:
            writer.communicate("go\n")
            assert '"A=b"' in planner.communicate()[0]
    os.close(reading)
