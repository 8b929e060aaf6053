"""The cache of plans: a run that was planned before needs no Python, as long as all that its plan depends on is as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.any_kernel, pytest.mark.skipif(os.geteuid() != 0, reason="the cache of this test is root's")]


class Front:
    """A copy of the front whose Python can be taken away: what runs then runs from the cache."""

    def __init__(self, folder: Path, top: str) -> None:
        beside = os.path.join(os.path.dirname(sys.executable), "contain")
        if not os.path.exists(beside):
            pytest.skip("contain is not installed beside this Python: make build")
        self.folder = folder / "bin"
        self.folder.mkdir()
        shutil.copy(beside, self.folder / "contain")
        self.python = self.folder / f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.give_python()
        self.environment = {"PATH": str(self.folder), "PYTHONPATH": top, "HOME": str(folder)}

    def give_python(self) -> None:
        """Python is beside the front again."""
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self.python.chmod(0o755)

    def take_python(self) -> None:
        """From now on only the cache can answer."""
        self.python.unlink()

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`contain run`."""
        command = [str(self.folder / "contain"), "run", *words]
        env = {**self.environment, **environment}
        return subprocess.run(
            command, capture_output=True, text=True, env=env, check=False, timeout=60, cwd=self.folder, stdin=subprocess.DEVNULL
        )


@pytest.fixture
def front(tmp_path: Path, top: str) -> Front:
    """One for each test; its folder makes the entries its own."""
    return Front(tmp_path, top)


def test_second_run_needs_no_python(front: Front, rootfs: str) -> None:
    """The same words, the same output."""
    words = (rootfs, "--", "/bin/echo", "hi")
    assert front.run(*words).stdout == "hi\n"
    front.take_python()
    again = front.run(*words)
    assert (again.returncode, again.stdout) == (0, "hi\n"), again.stderr


def test_other_words_are_another_plan(front: Front, rootfs: str) -> None:
    """Nothing is guessed."""
    front.run(rootfs, "--", "/bin/echo", "hi")
    front.take_python()
    assert front.run(rootfs, "--", "/bin/echo", "ho").returncode == 125


@pytest.mark.parametrize("change", ["etc/passwd", "config.json"])
def test_changed_root_is_planned_anew(front: Front, rootfs: str, change: str) -> None:
    """What was read for the plan, and what would make the root something else."""
    words = (rootfs, "--", "/bin/echo", "hi")
    front.run(*words)
    with open(f"{rootfs}/{change}", "a", encoding="utf-8") as file:
        file.write("\n")
    front.take_python()
    assert front.run(*words).returncode == 125


def test_changed_bundle_is_planned_anew(front: Front, make_bundle: object, tmp_path: Path) -> None:
    """config.json decides."""
    bundle = make_bundle("/bin/echo", "first")  # type: ignore[operator]
    assert front.run(bundle).stdout == "first\n"
    make_bundle("/bin/echo", "second")  # type: ignore[operator]
    assert front.run(bundle).stdout == "second\n"
    front.take_python()
    assert front.run(bundle).stdout == "second\n"
    (tmp_path / "config.json").write_text("{}")
    assert front.run(bundle).returncode == 125


@pytest.mark.parametrize("change", ["plan/slots.py", "__init__.py"])
def test_another_contain_plans_anew(front: Front, rootfs: str, top: str, change: str) -> None:
    """A module of ours that was edited, in the package beside the front."""
    package = front.folder.parent / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/contain"
    shutil.copytree(f"{top}/contain", package, ignore=shutil.ignore_patterns("src", "__pycache__"))
    words = (rootfs, "--", "/bin/echo", "hi")
    assert front.run(*words).stdout == "hi\n"
    front.take_python()
    assert front.run(*words).stdout == "hi\n"
    with open(package / change, "a", encoding="utf-8") as file:
        file.write("\n")
    assert front.run(*words).returncode == 125


def test_environment_belongs_to_the_key(front: Front, rootfs: str) -> None:
    """-e NAME passes the caller's value, so another value is another plan."""
    words = ("-e", "SEEN", rootfs, "--", "/bin/sh", "-c", "echo $SEEN")
    assert front.run(*words, SEEN="a").stdout == "a\n"
    assert front.run(*words, SEEN="b").stdout == "b\n"
    front.take_python()
    assert front.run(*words, SEEN="a").stdout == "a\n"
    assert front.run(*words, SEEN="c").returncode == 125


def test_cache_can_be_turned_off(front: Front, rootfs: str) -> None:
    """CONTAIN_CACHE=0."""
    words = (rootfs, "--", "/bin/echo", "hi")
    front.run(*words, CONTAIN_CACHE="0")
    front.run(*words)
    front.take_python()
    assert front.run(*words, CONTAIN_CACHE="0").returncode == 125


def test_failures_are_explained_from_the_cache_too(front: Front, rootfs: str) -> None:
    """A program that is missing at the second run: the same first line and code."""
    os.link(f"{rootfs}/bin/busybox", f"{rootfs}/bin/echo2")
    words = (rootfs, "--", "/bin/echo2")
    front.run(*words)
    os.unlink(f"{rootfs}/bin/echo2")
    again = front.run(*words)
    assert again.returncode == 127
    assert 'exec: "/bin/echo2"' in again.stderr
