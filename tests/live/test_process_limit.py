"""Contain's own default limit of processes, held without a cgroup: how many there can be, and that nothing inside gets around it."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import TOP, command
from tests.live.test_run_options import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Contain = Callable[..., subprocess.CompletedProcess[str]]

__all__ = ["caller"]
pytestmark = pytest.mark.live
LIMIT = 2048
OURS = 2  # the init, and the program that counts


@pytest.fixture
def counting(caller: Caller, payload: str) -> Iterator[Caller]:
    """A caller whose root, and whose working folder, have the payload."""
    for folder in ("root", "."):
        shutil.copy(payload, f"{caller.folder}/{folder}/payload")
        os.chmod(f"{caller.folder}/{folder}/payload", 0o755)
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if soft != resource.RLIM_INFINITY and soft < 2 * LIMIT:
        pytest.skip(f"we may have {soft} processes ourselves")
    return caller


def planned(caller: Caller, *words: str) -> str:
    """The plan of such a run."""
    done = caller.verb("plan", *words, cwd=caller.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["process", "thread"])
@pytest.mark.parametrize("target", ["root", ""])
def test_as_many_as_a_cgroup_would_let(counting: Caller, target: str, kind: str) -> None:
    """Processes and threads count alike, our init too; in a root file system and in the host view; no cgroup and no note are made."""
    words = [target, "--", "/payload"] if target else ["--workspace", "ro", "--", f"{counting.folder}/payload"]
    plan = planned(counting, *words)
    assert "limit processes and threads to 2048, by RLIMIT_NPROC" in plan
    assert "make the cgroup" not in plan
    assert "keep a note" not in plan
    done = counting.run(*words, "many", kind, str(2 * LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT - OURS}\n"), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a cgroup: root only")
def test_what_a_cgroup_lets(rootfs: str, payload: str, contain: Contain) -> None:
    """The same number, when it was asked for and pids.max holds it."""
    shutil.copy(payload, f"{rootfs}/payload")
    done = contain("run", "--pids-limit", str(LIMIT), rootfs, "--", "/payload", "many", "process", str(2 * LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT - OURS}\n"), done.stderr


def test_each_container_has_its_own(rootfs: str, payload: str, contain: Contain) -> None:
    """One that has used up all of its own takes nothing from the next one of the same user."""
    shutil.copy(payload, f"{rootfs}/payload")
    argv = [*command(), "run", "-i", rootfs, "--", "/payload", "many", "process", str(2 * LIMIT)]
    with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == f"{LIMIT - OURS}\n"
        done = contain("run", rootfs, "--", "/payload", "many", "process", "100")
        assert (done.returncode, done.stdout) == (0, "100\n"), done.stderr
        first.communicate("")
    assert first.returncode == 0


def test_it_cannot_be_raised_inside(counting: Caller) -> None:
    """Not by the container's root with every capability there, not in a user namespace made inside, which is charged to the one around it."""
    words = ["--cap-add", "ALL", "--security-opt", "seccomp=unconfined", "root", "--"]
    done = counting.run(*words, "sh", "-c", "ulimit -Hu 4000; ulimit -Hu")
    assert done.stdout == f"{LIMIT}\n" or done.returncode != 0
    assert "not permitted" in done.stderr
    done = counting.run(*words, "unshare", "-U", "-r", "/payload", "many", "process", str(2 * LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT - OURS}\n"), done.stderr


def test_a_bomb_is_held(counting: Caller) -> None:
    """Of forks that fork there are never more than the limit, and none of them is left."""
    done = counting.run("root", "--", "/payload", "bomb", str(LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT}\n"), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="root's limits are no limit of the launcher's own")
def test_the_callers_own_limit_stays(rootfs: str, contain: Contain) -> None:
    """A lower soft one is what the program finds, as it would in a cgroup."""
    done = contain("run", rootfs, "--", "sh", "-c", "ulimit -Su; ulimit -Hu", under=("prlimit", "--nproc=900:"))
    assert done.stdout == f"900\n{LIMIT}\n", done.stderr
