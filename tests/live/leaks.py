"""Many containers at once, one killing each, at a moment that nobody knows; and what must be as it was then."""

from __future__ import annotations

import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contain.state.store import Store
from contain.state.sweep import sweep
from tests.conftest import TOP, User
from tests.live.conftest import RUNNER, config_of
from tests.live.launch import Running, children, eventually, name_of, plan_of

MARK = "CONTAIN_TEST_MARK"
AT_ONCE = 8
#: Payloads that make it hard: quick forkers, deaf ones, ones that clear their parent-death signal and hop from parent to parent, a short one.
PAYLOADS = {
    "forker": ["/bin/sh", "-c", "trap '' HUP TERM INT; while :; do (sh -c 'sleep 0.02' &) ; (sleep 0.01 &) ; sleep 0.005; done"],
    "deaf": ["/bin/sh", "-c", "trap '' HUP TERM INT QUIT; while :; do sleep 1000; done"],
    "clinging": ["/payload", "cling"],
    "short": ["/bin/true"],
}
FROM_THE_SHELL = ("monitor", "guardian", "group", "init", "both")
FROM_THE_LIBRARY = ("caller", "caller", "monitor", "guardian", "init")

#: A process that has the library loaded and forks a caller for each line: {"bundle": …, "command": …, "env": …}; it answers with the pid.
CALLERS = """
import json, os, sys
import contain
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.environ.update(job["env"])
        try:
            contain.Sandbox(spec=job["bundle"]).run(job["command"])
        except contain.LaunchError:  # its monitor or guardian was the victim
            pass
        except BaseException as problem:
            with open(job["bundle"] + ".problem", "w") as file:
                file.write(repr(problem))
        finally:
            os._exit(0)
    print(pid, flush=True)
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            break
"""


def marked(mark: str) -> list[int]:
    """Living processes that have the mark in their environment: caller, launcher, guardian, init and payload alike."""
    found = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if f"{MARK}={mark}\0".encode() in file.read():
                    found.append(int(path.split("/")[2]))
        except OSError:
            continue
    return found


def cgroups(name: str) -> list[str]:
    """Folders of this name in any hierarchy, at any depth that contain uses."""
    return [path for pattern in ("*/", "*/*/", "*/*/*/", "*/*/*/*/") for path in glob.glob(f"/sys/fs/cgroup/{pattern}{name}")]


def surroundings(*paths: str) -> set[str]:
    """What must be as it was: mounts of these paths, our descriptors and threads, the files below the paths, network interfaces."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        mounts = {line for line in file if any(path in line for path in paths)}
    files = {f"{folder}/{name}" for path in paths for folder, _, names in os.walk(path) for name in ["", *names]}
    ours = {f"descriptors: {len(os.listdir('/proc/self/fd'))}", f"threads: {threading.active_count()}"}
    return mounts | files | ours | {f"interface {name}" for name in os.listdir("/sys/class/net")}


class Callers:
    """The process that forks callers of the library."""

    def __init__(self) -> None:
        """Loads the library once: a fresh Python for each caller would be most of the time."""
        environment = {**os.environ, "PYTHONPATH": TOP}
        self._lock = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALLERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, bundle: str, command: list[str], env: dict[str, str]) -> int:
        """The pid of a new caller."""
        assert self.process.stdin
        assert self.process.stdout
        with self._lock:
            self.process.stdin.write(json.dumps({"bundle": bundle, "command": command, "env": env}) + "\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())

    def close(self) -> None:
        """The end of its input is its end."""
        self.process.communicate()


class Round:
    """One container, one killing, one verdict."""

    def __init__(self, number: int, root: str, folder: str, *, seed: int) -> None:
        """All choices follow from seed and number."""
        self.random = random.Random(f"{seed}/{number}")
        self.library = self.random.random() < 0.4
        self.victim = self.random.choice(FROM_THE_LIBRARY if self.library else FROM_THE_SHELL)
        self.payload = self.random.choice(list(PAYLOADS))
        self.init = self.random.random() < 0.5 and not self.library
        self.pid_namespace = self.init or self.random.random() < 0.6
        self.delay = self.random.random() ** 2 * 0.3
        self.user_namespace = self.random.random() < 0.3
        self.hooks = self.random.random() < 0.3
        self.named = self.hooks or self.random.random() < 0.5  # the others keep a note, not a state folder
        self.seed = seed
        self.name = f"leak-{os.getpid()}-{seed}-{number}"
        self.state = f"{folder}/{self.name}"
        self.root = root

    def __repr__(self) -> str:
        """What to know of a failure."""
        return (
            f"{self.name}: {self.victim} of {self.payload} after {self.delay:.4f} s, {'library' if self.library else 'shell'}, "
            f"init {self.init}, pid namespace {self.pid_namespace}, user namespace {self.user_namespace}, hooks {self.hooks}, named {self.named}"
        )

    def config(self) -> dict[str, Any]:
        """The container."""
        config = config_of(*PAYLOADS[self.payload])
        config["process"]["env"].append(f"{MARK}={self.name}")
        config["root"] = {"path": self.root}
        config["linux"]["cgroupsPath"] = f"/{self.name}"
        if self.user_namespace:
            config["linux"]["namespaces"].append({"type": "user"})
            ids = [{"containerID": 0, "hostID": 200000, "size": 65536}]
            config["linux"].update(uidMappings=ids, gidMappings=ids)
        if self.hooks:
            kinds = ("prestart", "createContainer", "poststart", "poststop")
            config["hooks"] = {kind: [{"path": "/bin/sleep", "args": ["sleep", "0.005"]}] for kind in kinds}
        if not self.pid_namespace:
            config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "pid"]
        return config

    def play(self, callers: Callers) -> None:
        """From the start to the verdict."""
        (self.by_library if self.library else self.by_shell)(callers)
        eventually(lambda: not marked(self.name), f"no process: {self}: {marked(self.name)}")
        eventually(lambda: not cgroups(self.name), f"no cgroup: {self}")
        eventually(lambda: not os.path.isdir(self.state) or not os.listdir(self.state), f"no state: {self}")
        assert not os.path.exists(f"{self.state}.pid"), self
        if os.path.exists(f"{self.state}.problem"):
            with open(f"{self.state}.problem", encoding="utf-8") as file:
                raise AssertionError(f"{self}: {file.read()}")
        shutil.rmtree(self.state, ignore_errors=True)

    def by_shell(self, _: Callers) -> None:
        """The launcher is our child."""
        name = self.name if self.named else ""
        plan = plan_of(self.config(), self.root, name=name, init=self.init, state_root=self.state, pid_file=f"{self.state}.pid")
        environment = {**os.environ, MARK: self.name}
        with Running(plan, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, process_group=0) as run:
            time.sleep(self.delay)  # the moment itself, not a synchronisation
            self.kill(run.process.pid, run.process.pid, run.process.poll() is None)
            if run.process.poll() is None and not self.killed:  # not there yet: then the monitor
                run.process.kill()
            run.process.wait(60)
        if self.victim == "both":
            eventually(self.swept, f"swept: {self}")

    def by_library(self, callers: Callers) -> None:
        """The launcher is the child of one that called the library."""
        os.makedirs(self.state)
        with open(f"{self.state}/config.json", "w", encoding="utf-8") as file:
            json.dump(self.config(), file)
        caller = callers.start(self.state, PAYLOADS[self.payload], {MARK: self.name})
        pidfd = os.pidfd_open(caller)
        try:
            time.sleep(self.delay)  # as above
            if self.victim != "caller":
                monitor = next(iter(children(caller)), 0)
                self.kill(caller, monitor, monitor > 0)
            if self.victim == "caller" or not self.killed:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:  # a short one has ended
            pass
        finally:
            os.close(pidfd)
        os.unlink(f"{self.state}/config.json")
        eventually(lambda: not marked(self.name), f"no process: {self}")

    def kill(self, leader: int, monitor: int, lives: bool) -> None:
        """At its moment; `killed` says whether there was a victim."""
        below = children(monitor) if lives else []
        guardian = next((child for child in below if name_of(child) == "contain-guard"), 0)
        init = next((child for child in below if child != guardian), 0)
        everyone = {"monitor": [monitor], "guardian": [guardian], "init": [init], "both": [monitor, guardian], "group": [-leader]}
        victims = [one for one in everyone[self.victim] if one and lives]
        self.killed = bool(victims)
        for one in victims:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def swept(self) -> bool:
        """As the next `contain` command does."""
        if not os.path.isdir(self.state):
            return True
        with Store(self.state) as store:
            sweep(store)
        return not os.listdir(self.state)


class UserRound(Round):
    """The same of an ordinary user, whose own Python plans it and becomes the launcher."""

    def __init__(self, number: int, root: str, user: User, *, seed: int) -> None:
        """His state folders are below his runtime folder."""
        super().__init__(number, root, user.runtime, seed=seed)
        self.library = False
        self.victim = self.random.choice(FROM_THE_SHELL)
        if self.victim == "both":  # without one and without a cgroup nobody finds an orphan again (docs/supervision.md)
            self.pid_namespace = True
        self.user = user

    def config(self) -> dict[str, Any]:
        """In a user namespace, mapped as contain maps a user; no cgroup is his."""
        config = super().config()
        del config["linux"]["cgroupsPath"]
        for name in ("uidMappings", "gidMappings"):
            config["linux"].pop(name, None)
        kept = [row for row in config["linux"]["namespaces"] if row["type"] != "user"]
        config["linux"]["namespaces"] = [*kept, {"type": "user"}]
        return config

    def by_shell(self, _: Callers) -> None:
        """The launcher is our child, as soon as his Python is ready."""
        run = {"name": self.name if self.named else "", "init": self.init, "state_root": self.state, "pid_file": f"{self.state}.pid"}
        job = {"config": self.config(), "bundle": "/", "root": self.root, "kind": "oci", "trace": False, "run": run}
        options = self.user.options()
        options["env"] = {**options["env"], MARK: self.name}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "process_group": 0}
        with subprocess.Popen([self.user.python, "-c", RUNNER, json.dumps(job)], **quiet, **options) as process:
            eventually(lambda: process.poll() is not None or not name_of(process.pid).startswith("python"), "the launcher")
            time.sleep(self.delay)  # the moment itself, not a synchronisation
            self.kill(process.pid, process.pid, process.poll() is None)
            if process.poll() is None and not self.killed:
                process.kill()
            process.wait(60)
        if self.victim == "both":
            eventually(self.swept, f"swept: {self}")

    def swept(self) -> bool:
        """As his next `contain` command does; root's would not touch what is his."""
        code = f"import os; from contain.state.store import Store; from contain.state.sweep import sweep; sweep(Store({self.state!r}))"
        if os.path.isdir(self.state):
            assert self.user.run([self.user.python, "-c", code]).returncode == 0
        return not os.path.isdir(self.state) or not os.listdir(self.state)


def play_as(user: User, count: int, root: str, payload: str, *, seed: int) -> None:
    """Rounds of a user, eight at once; then his runtime folder and the root are as they were."""
    shutil.copy(payload, f"{root}/payload")
    callers = Callers()
    try:
        before = surroundings(root, user.runtime)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda number: UserRound(number, root, user, seed=seed).play(callers), range(count)))
        eventually(lambda: surroundings(root, user.runtime) == before, f"as it was: seed {seed}")
    finally:
        callers.close()


def play(count: int, root: str, payload: str, folder: str, *, seed: int) -> None:
    """Rounds, eight at once; then the machine is what it was."""
    shutil.copy(payload, f"{root}/payload")
    os.chmod(folder, 0o755)
    callers = Callers()
    try:
        before = surroundings(root, folder)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda number: Round(number, root, folder, seed=seed).play(callers), range(count)):
                pass
        try:  # network namespaces, and the interfaces in them, go asynchronously
            eventually(lambda: surroundings(root, folder) == before, "as it was")
        finally:
            left = surroundings(root, folder) ^ before
            assert not left, f"seed {seed}: {sorted(left)}"
    finally:
        callers.close()
