"""Whoever is killed, and whenever: nothing of a container is left; no process, no cgroup, no state folder, no mount, no file."""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from contain.launcher import spawn
from tests.conftest import in_guest
from tests.live.conftest import RUNNER, shell
from tests.live.launch import Running, children, eventually, guardian_of, name_of, plan_of
from tests.live.leaks import MARK, cgroups, marked, play, play_as

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.live
PTRACE_TRACEME, PTRACE_SYSCALL = 0, 24


def test_random_kills(rootfs, payload, tmp_path):
    """Fifty containers, eight at once, one killing each."""
    play(50, rootfs, payload, str(tmp_path), seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_hundred_random_kills(rootfs, payload, tmp_path):
    """The same, many times (fifty in the guest) and at other moments each time; the seed is in the failure."""
    play(50 if in_guest() else 500, rootfs, payload, str(tmp_path), seed=random.SystemRandom().randrange(1 << 30))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_random_kills_of_a_user(user, user_rootfs, payload):
    """Two hundred (twenty in the guest) of an ordinary user, without a cgroup."""
    play_as(user, 20 if in_guest() else 200, user_rootfs, payload, seed=random.SystemRandom().randrange(1 << 30))


@pytest.mark.parametrize("victim", ["monitor", "guardian"])
@pytest.mark.parametrize("init", [False, True])
def test_kill_while_running(busybox, launcher, tmp_path, victim, init):
    """A container that surely runs is surely ended, with its exit code saying whose fault it was."""
    config = shell("trap '' HUP TERM; echo ready; while :; do sleep 1000; done")
    config["process"]["env"].append(f"{MARK}=w-{tmp_path}")
    with Running(
        plan_of(config, busybox, name="w", init=init, state_root=f"{tmp_path}/state"), env={**os.environ, MARK: f"w-{tmp_path}"}
    ) as run:
        run.expect("ready")
        guardian = guardian_of(run.process.pid)
        os.kill(guardian if victim == "guardian" else run.process.pid, signal.SIGKILL)
        code, _, err = run.end()
    assert code == (125 if victim == "guardian" else -9)
    assert err == ("contain: cannot run the container: its guardian was killed\n" if victim == "guardian" else "")
    eventually(lambda: not marked(f"w-{tmp_path}"), "no process")
    eventually(lambda: not os.listdir(tmp_path / "state"), "no state folder")


def test_without_a_guardian(busybox, launcher, tmp_path):
    """Where nothing of the host is changed no guardian is made: our PID 1 ends with the monitor, and all others with it."""
    config = shell("trap '' HUP TERM; echo ready; while :; do (sleep 0.01 &) ; sleep 0.01; done")
    mark = f"n-{tmp_path}"
    config["process"]["env"].append(f"{MARK}={mark}")
    config["linux"]["resources"] = {}
    plan = plan_without_cgroups(config, busybox)
    with Running(plan, env={**os.environ, MARK: mark}) as run:
        run.expect("ready")
        assert [name_of(child) for child in children(run.process.pid)] == ["contain-init"]
        run.process.kill()
        run.process.wait()
        eventually(lambda: not marked(mark), "no process")


def plan_without_cgroups(config: dict[str, Any], root: str) -> bytes:
    """A plan of a host that has no cgroups to offer."""
    from contain.host.model import CgroupLayout, Host
    from contain.host.probe import probe
    from contain.plan.compile import compile_run
    from contain.plan.encode import encode
    from contain.plan.wanted import wanted
    from contain.spec import defaults
    from contain.spec.model import RunOptions, Spec

    spec = Spec(defaults.fill(config), kind="rootfs", bundle=os.path.dirname(root), root=root, run=RunOptions(init=True))
    host = probe(wanted(spec))
    return encode(compile_run(spec, Host(**{**host.values(), "cgroup": CgroupLayout(mode="none")})))


def killed_at(plan: bytes, moment: Callable[[int], bool]) -> bool:
    """A monitor that is killed at the first beginning or end of a system call (counted from 0) at which `moment` holds; false when it ended first."""
    planfd = spawn.sealed("plan", plan)
    libc = ctypes.CDLL(None)
    pid = os.fork()
    if pid == 0:
        os.set_inheritable(planfd, True)
        libc.ptrace(PTRACE_TRACEME, 0, None, None)
        os.execv(spawn.find(), spawn.argv(str(planfd)))
    os.close(planfd)
    _, status = os.waitpid(pid, 0)
    stops = 0
    while os.WIFSTOPPED(status) and not moment(stops):
        stopped = os.WSTOPSIG(status)
        passed_on = 0 if stopped == signal.SIGTRAP else stopped
        assert libc.ptrace(PTRACE_SYSCALL, pid, None, ctypes.c_void_p(passed_on)) == 0
        _, status = os.waitpid(pid, 0)
        stops += stopped == signal.SIGTRAP
    if not os.WIFSTOPPED(status):
        return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def test_kill_while_the_note_is_made(busybox, launcher, tmp_path):
    """Of a run without a name: at the very system call that makes its note, before the monitor can do anything else."""
    state = tmp_path / "state"
    assert killed_at(plan_of(shell("true"), busybox, name="", state_root=f"{state}"), lambda _: any(state.glob(".note-*")))
    eventually(lambda: not os.listdir(state), "no note")


@pytest.mark.slow
@pytest.mark.any_kernel
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["", "named"])
def test_kill_at_every_system_call(busybox, launcher, tmp_path, name):
    """One after the other, from the first to the last of the monitor's: no note or folder, no pid file, no cgroup, no process is left."""
    state, pid_file, mark = tmp_path / "state", tmp_path / "pid", f"every-{os.getpid()}-{name}"
    state.mkdir()
    config = shell("true")
    config["process"]["env"].append(f"{MARK}={mark}")
    config["linux"]["cgroupsPath"] = f"/{mark}"
    plan = plan_of(config, busybox, name=name, state_root=f"{state}", pid_file=f"{pid_file}")
    stop = 0
    while killed_at(plan, lambda stops, at=stop: stops == at):
        eventually(lambda: not (os.listdir(state) or pid_file.exists() or cgroups(mark) or marked(mark)), f"nothing after stop {stop}")
        stop += 1
    assert stop > 100


@pytest.mark.parametrize("victim", ["monitor", "guardian", "both"])
def test_as_an_ordinary_user(user, user_rootfs, launcher, victim):
    """Without root and without a cgroup it is the same; what is left when both were killed is only a folder, and it is swept."""
    mark = f"user-{victim}-{os.getpid()}"
    config = shell("trap '' HUP TERM; echo ready; while :; do (sleep 0.01 &) ; sleep 0.01; done")
    config["process"]["env"].append(f"{MARK}={mark}")
    config["linux"]["namespaces"].append({"type": "user"})
    job = {"config": config, "bundle": "/", "root": user_rootfs, "kind": "oci", "trace": False, "run": {"name": "mine", "init": True}}
    options = user.options()
    options["env"] = {**options["env"], MARK: mark}
    with subprocess.Popen([user.python, "-c", RUNNER, json.dumps(job)], stdout=subprocess.PIPE, text=True, **options) as run:
        assert run.stdout
        assert run.stdout.readline() == "ready\n"
        guardian = guardian_of(run.pid)
        if victim == "both":
            os.kill(run.pid, signal.SIGSTOP)  # so that it cannot act in between
            os.waitid(os.P_PID, run.pid, os.WSTOPPED)
        for one in {"monitor": [run.pid], "guardian": [guardian], "both": [guardian, run.pid]}[victim]:
            os.kill(one, signal.SIGKILL)
        run.wait(30)
    eventually(lambda: not marked(mark), "no process")
    state = f"{user.runtime}/contain"
    if victim == "both":
        assert os.listdir(state) == ["mine"]
        done = user.run(
            [
                user.python,
                "-c",
                f"from contain.state.store import Store; from contain.state.sweep import sweep; sweep(Store({state!r}))",
            ]
        )
        assert done.returncode == 0, done.stderr
    eventually(lambda: not os.listdir(state), "no state folder")


def test_children_of_the_shell_are_spared(busybox, launcher, tmp_path):
    """Without a pid namespace all that the container leaves behind is killed, and nothing that the caller had started before."""
    config = shell("(sleep 1000 &) ; (sleep 1000 &) ; echo on")
    mark = f"spared-{tmp_path}"
    config["process"]["env"].append(f"{MARK}={mark}")
    config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "pid"]
    plan = spawn.sealed("plan", plan_of(config, busybox, state_root=f"{tmp_path}/state"))
    script = f"sleep 1000 >/dev/null 2>&1 & echo $!; exec {launcher} {plan}"
    done = subprocess.run(["bash", "-c", script], pass_fds=(plan,), capture_output=True, text=True, timeout=60, check=False)
    os.close(plan)
    own, on = done.stdout.split()
    assert (on, done.stderr, done.returncode) == ("on", "", 0)
    assert name_of(int(own)) == "sleep"
    os.kill(int(own), signal.SIGKILL)
    assert not marked(mark)
