"""checkpoint and restore: the refusal where CRIU does not work, and with a stand-in for it what is asked of it and what becomes of the state.

CRIU itself works on no kernel that the quick tests meet (test_criu.py boots one): the stand-in kills what it is to dump and starts a shell for a
restore.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Not once more in the guest: neither CRIU nor the stand-in is different there.
pytestmark = [
    *([] if os.environ.get("IN_GUEST") == "1" else [pytest.mark.live]),
    pytest.mark.skipif(os.geteuid() != 0, reason="root runs OCI bundles without a user namespace"),
]

STAND_IN = """#!/bin/sh
echo "$@" >> {log}
verb=$1; shift
while [ $# -gt 0 ]; do
  case $1 in
    --tree) tree=$2 ;;
    --pidfile) pidfile=$2 ;;
    --work-dir) work=$2 ;;
    --root) test -e "$2/bin/busybox" || exit 9 ;;
    --leave-running) stays=1 ;;
  esac
  shift
done
[ -z "$FAIL" ] || {{ [ $verb = check ] || {{ echo "Error (criu/x.c:1): no such luck" > $work/$verb.log; exit 1; }}; }}
case $verb in
  dump) [ -n "$stays" ] || kill -KILL $tree ;;
  restore) sh -c 'exec 3<&-; read line < {fifo}; exit 4' </dev/null >/dev/null 2>&1 & echo $! > $pidfile ;;
esac
"""


class Criu:
    """A state root, and the stand-in."""

    def __init__(self, folder: Path, top: str) -> None:
        self.log, self.fifo, self.path = folder / "calls", folder / "fifo", folder / "criu"
        os.mkfifo(self.fifo)
        self.path.write_text(STAND_IN.format(log=self.log, fifo=self.fifo))
        self.path.chmod(0o755)
        self.root, self.images = folder / "state", folder / "images"
        self.root.mkdir(mode=0o700)
        self.command = [sys.executable, "-m", "contain", f"--root={self.root}", f"--criu={self.path}"]
        self.environment = {**os.environ, "PYTHONPATH": top}

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One call."""
        env = {**self.environment, **environment}
        return subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, env=env, timeout=60)

    def run(self, bundle: str) -> None:
        """A running container `box`."""
        words = [*self.command, "run", "--detach", "-b", bundle, "box"]
        done = subprocess.run(words, stdin=-3, stdout=-3, stderr=-3, check=False, env=self.environment)
        assert done.returncode == 0

    def calls(self) -> list[list[str]]:
        """The command lines of the stand-in."""
        return [line.split() for line in self.log.read_text().splitlines()]

    def status(self) -> str:
        """Of `box`; "" when there is none."""
        done = self("state", "box")
        return str(json.loads(done.stdout)["status"]) if done.returncode == 0 else ""


@pytest.fixture
def criu(tmp_path: Path, top: str, launcher: str) -> Iterator[Criu]:
    """Nothing is left of the container."""
    one = Criu(tmp_path, top)
    yield one
    one("delete", "--force", "box")


@pytest.fixture
def bundle(criu: Criu, make_bundle: Callable[..., str]) -> str:
    """A container that sleeps."""
    return make_bundle("/bin/sleep", "1000")


def test_saved_and_made_again(criu: Criu, bundle: str) -> None:
    """It is gone after the checkpoint, runs again after the restore, and its end is ours to tell."""
    criu.run(bundle)
    images = f"--image-path={criu.images}"
    done = criu("checkpoint", images, "--tcp-established", "--file-locks", "box")
    assert (done.returncode, done.stderr) == (0, "")
    assert criu.status() == ""
    assert [call[0] for call in criu.calls()] == ["check", "dump"]
    assert {"--tcp-established", "--file-locks", "--manage-cgroups=soft"} <= set(criu.calls()[1])
    detached = criu("restore", images, "-b", bundle, "--detach", "--pid-file", f"{criu.images}/pid", "box")
    assert (detached.returncode, detached.stderr) == (0, "")
    assert criu.status() == "running"
    assert (criu.images / "pid").read_text() == str(json.loads(criu("state", "box").stdout)["pid"])
    criu("delete", "--force", "box")
    waiting = subprocess.Popen([*criu.command, "restore", images, "-b", bundle, "box"], env=criu.environment)
    with open(criu.fifo, "w", encoding="ascii") as out:  # waits until the restored one reads
        out.write("go\n")
    assert waiting.wait(30) == 4
    assert criu.status() == ""


def test_it_goes_on(criu: Criu, bundle: str) -> None:
    """With --leave-running and after a pre-dump."""
    criu.run(bundle)
    images = f"--image-path={criu.images}"
    assert criu("checkpoint", images, "--pre-dump", "box").returncode == 0
    assert criu("checkpoint", images, "--leave-running", "--parent-path", "../parent", "box").returncode == 0
    assert criu.status() == "running"
    assert [call[0] for call in criu.calls()] == ["check", "pre-dump", "check", "dump"]
    assert "--track-mem" in criu.calls()[1]
    assert "--prev-images-dir ../parent" in " ".join(criu.calls()[3])


def test_what_fails(criu: Criu, bundle: str) -> None:
    """CRIU's own first error is told, and nothing is changed."""
    criu.run(bundle)
    images = f"--image-path={criu.images}"
    failed = criu("checkpoint", images, "box", FAIL="1")
    assert failed.returncode == 1
    assert failed.stderr.startswith("criu failed to checkpoint the container: Error (criu/x.c:1): no such luck\n  remedy: its log is ")
    assert criu.status() == "running"
    assert criu("checkpoint", images, "box").returncode == 0
    failed = criu("restore", images, "-b", bundle, "box", FAIL="1")
    assert failed.returncode == 1
    assert failed.stderr.startswith("criu failed to restore the container: Error (criu/x.c:1): no such luck")
    assert criu.status() == ""
    assert os.listdir(criu.root) == []


def test_refusals(criu: Criu, bundle: str) -> None:
    """No such container, no program, no images, no running container."""
    assert criu("checkpoint", "box").stderr.splitlines()[0] == "container does not exist: box"
    assert criu("restore", "-b", bundle, "--image-path", "/nothing", "box").stderr.startswith("no checkpoint in /nothing")
    criu.run(bundle)
    criu.path.unlink()
    missing = criu("checkpoint", "box")
    assert missing.stderr.startswith(f"{criu.path} is not installed\n  remedy: install the package criu")
    criu("kill", "box", "KILL")
    while criu.status() != "stopped":
        pass
    assert criu("checkpoint", "box").stderr == "cannot checkpoint a container in the stopped state\n"


def test_a_criu_that_does_not_work_here(criu: Criu, bundle: str) -> None:
    """The real one, where it is installed and this kernel is not one of its own: in its own words."""
    real = shutil.which("criu")
    if real is None:
        pytest.skip("no criu: apt-get install criu")
    if subprocess.run([real, "check"], capture_output=True, check=False).returncode == 0:
        pytest.skip("criu works here")
    criu.run(bundle)
    criu.command[-1] = f"--criu={real}"
    done = criu("checkpoint", f"--image-path={criu.images}", "box")
    assert done.returncode == 1
    assert done.stderr.startswith("criu does not work on this host: Error (criu/")
    assert not criu.images.exists()
    assert criu.status() == "running"
