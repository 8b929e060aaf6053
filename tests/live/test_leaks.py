"""Whoever is killed, and whenever: nothing of a container is left; no process, no cgroup, no state folder, no mount, no file."""

from __future__ import annotations

import glob
import json
import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from contain.launcher import spawn
from contain.state.store import Store
from contain.state.sweep import sweep
from tests.live.conftest import RUNNER, shell
from tests.live.launch import Running, children, eventually, name_of, plan_of

pytestmark = pytest.mark.live

MARK = "CONTAIN_TEST_MARK"
#: Payloads that make it hard: quick forkers, deaf ones, ones that hold on to everything, one that ends by itself.
PAYLOADS = {
    "forker": "trap '' HUP TERM INT; while :; do (sh -c 'sleep 0.02' &) ; (sleep 0.01 &) ; sleep 0.005; done",
    "deaf": "trap '' HUP TERM INT QUIT; while :; do sleep 1000; done",
    "short": "true",
}
VICTIMS = ("monitor", "guardian", "group", "init", "both")


def marked(mark: str) -> list[int]:
    """Living processes that have the mark in their environment: launcher, guardian, init and payload alike."""
    found = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if mark.encode() in file.read():
                    found.append(int(path.split("/")[2]))
        except OSError:
            continue
    return found


def cgroups(name: str) -> list[str]:
    """Folders of this name in any hierarchy, at any depth that contain uses."""
    return [path for pattern in ("*/", "*/*/", "*/*/*/", "*/*/*/*/") for path in glob.glob(f"/sys/fs/cgroup/{pattern}{name}")]


def mounts() -> int:
    """How many mounts we see."""
    with open("/proc/self/mountinfo") as file:
        return len(file.readlines())


class Round:
    """One container, one killing, one verdict."""

    def __init__(self, number: int, root: str, folder: str, *, seed: int) -> None:
        """All choices follow from seed and number."""
        self.random = random.Random(f"{seed}/{number}")
        self.victim = self.random.choice(VICTIMS)
        self.payload = self.random.choice(list(PAYLOADS))
        self.init = self.random.random() < 0.5
        self.pid_namespace = self.init or self.random.random() < 0.7
        self.delay = self.random.random() ** 2 * 0.06
        self.user_namespace = self.random.random() < 0.3
        self.hooks = self.random.random() < 0.3
        self.named = self.hooks or self.random.random() < 0.5  # the others have a note instead of a folder
        self.name = f"leak-{os.getpid()}-{number}"
        self.state = f"{folder}/state"
        self.root = root

    def __repr__(self) -> str:
        """What to know of a failure."""
        return (
            f"{self.name}: {self.victim} of {self.payload} after {self.delay:.4f} s, init {self.init}, pid namespace {self.pid_namespace}"
        )

    def plan(self) -> bytes:
        """The container."""
        config = shell(PAYLOADS[self.payload])
        config["process"]["env"].append(f"{MARK}={self.name}")
        if self.user_namespace:
            config["linux"]["namespaces"].append({"type": "user"})
            ids = [{"containerID": 0, "hostID": 200000, "size": 65536}]
            config["linux"].update(uidMappings=ids, gidMappings=ids)
        if self.hooks:
            kinds = ("prestart", "createContainer", "poststart", "poststop")
            config["hooks"] = {kind: [{"path": "/bin/sleep", "args": ["sleep", "0.005"]}] for kind in kinds}
        if not self.pid_namespace:
            config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "pid"]
        pid_file = f"{self.state}-{self.name}.pid"
        name = self.name if self.named else ""
        parent = "" if self.named else self.name  # so that its cgroups can be found
        return plan_of(config, self.root, name=name, init=self.init, state_root=self.state, pid_file=pid_file, cgroup_parent=parent)

    def kill(self, run: Running) -> None:
        """At its moment."""
        pid = run.process.pid
        time.sleep(self.delay)  # the moment itself, not a synchronisation
        below = children(pid) if run.process.poll() is None else []
        guardian = next((child for child in below if name_of(child) == "contain-guard"), 0)
        init = next((child for child in below if child != guardian), 0)
        victims = {"monitor": [pid], "guardian": [guardian], "init": [init], "both": [pid, guardian], "group": [-pid]}[self.victim]
        for one in victims:
            if one:
                try:
                    os.kill(one, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if not any(victims) and run.process.poll() is None:  # not there yet: then the monitor
            run.process.kill()

    def verdict(self, run: Running) -> None:
        """Everything is gone, or after both were killed the next command takes it away."""
        run.process.wait(30)
        if self.victim == "both":
            eventually(self.swept, f"swept: {self}")
        eventually(lambda: not marked(self.name), f"no process: {self}")
        eventually(lambda: not cgroups(self.name), f"no cgroup: {self}")
        eventually(lambda: not os.path.isdir(self.state) or not os.listdir(self.state), f"no state: {self}")
        assert not os.path.exists(f"{self.state}-{self.name}.pid"), self

    def swept(self) -> bool:
        """As the next `contain` command does."""
        if not os.path.isdir(self.state):
            return True
        with Store(self.state) as store:
            sweep(store)
        return not os.listdir(self.state)


def play(rounds: range, root: str, folder: str, seed: int) -> None:
    """Rounds, one after the other; then the machine is what it was."""
    before = mounts()
    for number in rounds:
        one = Round(number, root, folder, seed=seed)
        environment = {**os.environ, MARK: one.name}
        run = Running(one.plan(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, process_group=0)
        with run:
            one.kill(run)
            one.verdict(run)
    assert mounts() == before


def test_random_kills(busybox, launcher, tmp_path):
    """Forty containers, one killing each."""
    play(range(40), busybox, str(tmp_path), seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_hundred_random_kills(busybox, launcher, tmp_path):
    """The same, many times and at other moments each time; the seed is in the failure."""
    seed = random.SystemRandom().randrange(1 << 30)
    play(range(500), busybox, f"{tmp_path}/{seed}", seed=seed)


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
        guardian = next(child for child in children(run.process.pid) if name_of(child) == "contain-guard")
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
    with subprocess.Popen(["/usr/bin/python3", "-c", RUNNER, json.dumps(job)], stdout=subprocess.PIPE, text=True, **options) as run:
        assert run.stdout
        assert run.stdout.readline() == "ready\n"
        guardian = next(child for child in children(run.pid) if name_of(child) == "contain-guard")
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
                "/usr/bin/python3",
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
