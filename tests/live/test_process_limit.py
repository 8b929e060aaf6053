"""Contain's own default limit of processes, held without a cgroup: how many there can be, and that nothing inside gets around it."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

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
#: a limit of the caller's own that is below the default: 2,048 processes take a minute in the guest
FEW = 60
LOWERED = ("prlimit", f"--nproc={FEW}:{LIMIT // 2}")
full = pytest.mark.any_kernel
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="whom the kernel does not limit where the launcher is started")


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


@full
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


@full
@pytest.mark.skipif(os.geteuid() != 0, reason="makes a cgroup: root only")
def test_what_a_cgroup_lets(rootfs: str, payload: str, contain: Contain) -> None:
    """The same number, when it was asked for and pids.max holds it."""
    shutil.copy(payload, f"{rootfs}/payload")
    done = contain("run", "--pids-limit", str(LIMIT), rootfs, "--", "/payload", "many", "process", str(2 * LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT - OURS}\n"), done.stderr


@root_only
def test_each_container_has_its_own(rootfs: str, payload: str, contain: Contain) -> None:
    """One that has used up all of its own takes nothing from the next one of the same user."""
    shutil.copy(payload, f"{rootfs}/payload")
    argv = [*LOWERED, *command(), "run", "-i", rootfs, "--", "/payload", "many", "process", str(LIMIT)]
    with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == f"{FEW - OURS}\n"
        done = contain("run", rootfs, "--", "/payload", "many", "process", str(LIMIT), under=LOWERED)
        assert (done.returncode, done.stdout) == (0, f"{FEW - OURS}\n"), done.stderr
        first.communicate("")
    assert first.returncode == 0


@full
def test_it_cannot_be_raised_inside(counting: Caller) -> None:
    """Not by the container's root with every capability there, not in a user namespace made inside, which is charged to the one around it."""
    words = ["--cap-add", "ALL", "--security-opt", "seccomp=unconfined", "root", "--"]
    done = counting.run(*words, "sh", "-c", "ulimit -Hu 4000; ulimit -Hu")
    assert done.stdout == f"{LIMIT}\n" or done.returncode != 0
    assert "not permitted" in done.stderr
    done = counting.run(*words, "unshare", "-U", "-r", "/payload", "many", "process", str(2 * LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT - OURS}\n"), done.stderr


@full
def test_a_bomb_is_held(counting: Caller) -> None:
    """Of forks that fork there are never more than the limit, and none of them is left."""
    done = counting.run("root", "--", "/payload", "bomb", str(LIMIT))
    assert (done.returncode, done.stdout) == (0, f"{LIMIT}\n"), done.stderr


@root_only
def test_processes_of_the_same_id_elsewhere_count_for_nothing(rootfs: str, payload: str, contain: Contain) -> None:
    """The host's `nobody`, whose id the container's root has there, may have more than the limit already: the program starts, and has its own."""
    shutil.copy(payload, f"{rootfs}/payload")
    script = f"for n in $(seq {FEW + 10}); do sleep 600 & done; echo ready; read end; kill $(jobs -p)"
    popen: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": "/"}
    with subprocess.Popen(["/bin/bash", "-c", script], user=65534, group=65534, extra_groups=[], **popen) as others:
        assert others.stdout
        assert others.stdout.readline() == "ready\n"
        done = contain("run", rootfs, "--", "/payload", "many", "process", str(LIMIT), under=LOWERED)
        others.communicate("")
    assert (done.returncode, done.stdout) == (0, f"{FEW - OURS}\n"), done.stderr


@root_only
def test_the_callers_own_limit_stays(rootfs: str, payload: str, contain: Contain) -> None:
    """Where it is lower it is what the program finds, as it would in a cgroup; threads count, and so do namespaces made inside."""
    shutil.copy(payload, f"{rootfs}/payload")
    unconfined = ("run", "--cap-add", "ALL", "--security-opt", "seccomp=unconfined", rootfs, "--")
    done = contain("run", rootfs, "--", "sh", "-c", "ulimit -Su; ulimit -Hu", under=LOWERED)
    assert done.stdout == f"{FEW}\n{LIMIT // 2}\n", done.stderr
    for words in (["/payload", "many", "thread", str(LIMIT)], ["unshare", "-U", "-r", "/payload", "many", "process", str(LIMIT)]):
        done = contain(*unconfined, *words, under=LOWERED)
        assert (done.returncode, done.stdout) == (0, f"{FEW - OURS}\n"), done.stderr
