"""Random sequences of lifecycle commands, and SIGKILLs of our own processes, held against the state model of the OCI: nothing is left.

A short, always equal version runs in CI; `make test-all` plays 200 sequences that are different each time (10 in the guest).
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conftest import CONFIG, TOP, command, in_guest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]

ABSENT, CREATED, RUNNING, STOPPED, UNSURE = "absent", "created", "running", "stopped", "unsure"
PATIENCE = 60  # seconds that one command may take on a busy machine
NAMES = st.sampled_from(["a", "b"])
NUMBERS = itertools.count()

SHORT = settings(
    max_examples=1 if in_guest() else 8,  # processes start thirty times slower there
    stateful_step_count=14,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=10 if in_guest() else 200, stateful_step_count=25, derandomize=False)


class Container:
    """What the model knows of a container."""

    def __init__(self, name: str) -> None:
        self.name, self.status, self.frozen, self.doomed = name, ABSENT, False, False

    def shown(self) -> str:
        """What `state` must say."""
        return "paused" if self.frozen else self.status

    def becomes(self, status: str) -> None:
        """Another status; what ends or is made anew is not frozen."""
        self.status = status
        self.frozen = self.frozen and status in {CREATED, RUNNING}
        self.doomed = False  # TERM waits for it to be resumed


class Lifecycle(RuleBasedStateMachine):
    """Two containers, any command at any time. After a SIGKILL nothing is known of one but that `delete --force` clears it."""

    busybox = ""

    @initialize()
    def begin(self) -> None:
        """A state root, a bundle, names that nothing else has."""
        self.folder = tempfile.mkdtemp(prefix="model.", dir="/var/tmp")
        config = {**CONFIG, "process": {**CONFIG["process"], "args": ["/bin/sleep", "1000"]}, "root": {"path": self.busybox}}
        with open(f"{self.folder}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        number = next(NUMBERS)
        self.root = f"{self.folder}/state"
        self.containers = {key: Container(f"model-{os.getpid()}-{number}-{key}") for key in ("a", "b")}

    def popen(self, *words: str) -> subprocess.Popen[str]:
        """One of our commands; its output goes to files, since a container would hold pipes open."""
        self.said = tempfile.TemporaryFile("w+", dir=self.folder)  # noqa: SIM115  read when the command has ended
        environment = {**os.environ, "PYTHONPATH": TOP}
        words = (*command(), "--root", self.root, *words)
        return subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, text=True)

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and output; never a hang, never a bug."""
        with self.popen(*words) as process:
            code = process.wait(PATIENCE)
        with self.said:
            self.said.seek(0)
            text = self.said.read()
        assert "a bug of contain" not in text
        assert "Traceback" not in text
        return code, text

    def check(self, container: Container, code: int, text: str, *, works: bool) -> bool:
        """Whether a command worked, which the model must have known; an unsure container stays so."""
        if container.status == UNSURE:
            return False
        assert (code == 0) == works, (container.name, container.shown(), code, text)
        return works

    @rule(key=NAMES)
    def create(self, key: str) -> None:
        """Only where there is none."""
        container = self.containers[key]
        code, text = self.run("create", "--bundle", self.folder, container.name)
        if self.check(container, code, text, works=container.status == ABSENT):
            container.becomes(CREATED)

    @rule(key=NAMES)
    def start(self, key: str) -> None:
        """Only a created one that is not frozen."""
        container = self.containers[key]
        code, text = self.run("start", container.name)
        if self.check(container, code, text, works=container.shown() == CREATED):
            container.becomes(RUNNING)

    @rule(key=NAMES)
    def pause(self, key: str) -> None:
        """Only one that runs or waits for its start."""
        container = self.containers[key]
        code, text = self.run("pause", container.name)
        if self.check(container, code, text, works=container.shown() in {CREATED, RUNNING}):
            container.frozen = True

    @rule(key=NAMES)
    def resume(self, key: str) -> None:
        """Only a paused one, which is then what it was."""
        container = self.containers[key]
        code, text = self.run("resume", container.name)
        if self.check(container, code, text, works=container.frozen):
            container.frozen = False
            if container.doomed:
                container.becomes(STOPPED)
                self.settle(container)

    @rule(key=NAMES, number=st.sampled_from(["KILL", "TERM"]))
    def kill(self, key: str, number: str) -> None:
        """Only what lives. PID 1 of a pid namespace ignores TERM, but what waits for its start heeds it, a frozen one when it is resumed."""
        container = self.containers[key]
        code, text = self.run("kill", container.name, number)
        if not self.check(container, code, text, works=container.status in {CREATED, RUNNING}):
            return
        if number == "TERM" and container.frozen:
            container.doomed = container.status == CREATED
        elif number == "KILL" or container.status == CREATED:
            container.becomes(STOPPED)
            self.settle(container)

    @rule(key=NAMES)
    def execute(self, key: str) -> None:
        """Only in one that lives and is not frozen."""
        container = self.containers[key]
        code, text = self.run("exec", container.name, "true")
        self.check(container, code, text, works=container.shown() in {CREATED, RUNNING})

    @rule(key=NAMES, force=st.booleans())
    def delete(self, key: str, force: bool) -> None:
        """A created or stopped one; any with --force, and then it is no error that there is none."""
        container = self.containers[key]
        code, text = self.run("delete", *(["--force"] if force else []), container.name)
        if force:
            assert code == 0, (container.name, container.shown(), text)
            container.becomes(ABSENT)
        elif self.check(container, code, text, works=container.shown() in {CREATED, STOPPED}):
            container.becomes(ABSENT)

    @rule(key=NAMES)
    def state(self, key: str) -> None:
        """What the model says."""
        container = self.containers[key]
        code, text = self.run("state", container.name)
        if self.check(container, code, text, works=container.status != ABSENT):
            assert json.loads(text)["status"] == container.shown()

    @rule(key=NAMES)
    def init_dies(self, key: str) -> None:
        """Its process is killed behind our back."""
        container = self.containers[key]
        if container.status in {CREATED, RUNNING} and not container.frozen:
            os.kill(json.loads(self.run("state", container.name)[1])["pid"], signal.SIGKILL)
            container.becomes(STOPPED)
            self.settle(container)

    @rule(key=NAMES, verb=st.sampled_from(["create", "start", "exec", "pause", "resume", "kill", "delete"]), after=st.integers(0, 60))
    def we_are_killed(self, key: str, verb: str, after: int) -> None:
        """SIGKILL for one of our own processes, at any point of its work."""
        container = self.containers[key]
        words = {"create": ["--bundle", self.folder, container.name], "exec": [container.name, "true"]}.get(verb, [container.name])
        with self.popen(verb, *words) as process:
            time.sleep(after / 1000)
            process.kill()
        self.said.close()
        container.becomes(UNSURE)

    def settle(self, container: Container) -> None:
        """Until the kernel has ended it."""
        deadline = time.monotonic() + PATIENCE
        while json.loads(self.run("state", container.name)[1])["status"] != STOPPED:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def teardown(self) -> None:
        """Nothing is left: no folder, no process, no cgroup."""
        if not hasattr(self, "containers"):
            return
        for container in self.containers.values():
            code, text = self.run("delete", "--force", container.name)
            assert code == 0, text
        deadline = time.monotonic() + PATIENCE
        while left := [*self.folders(), *self.processes(), *self.cgroups()]:
            assert time.monotonic() < deadline, left
            time.sleep(0.02)
        os.unlink(f"{self.folder}/config.json")
        if os.path.isdir(self.root):
            os.rmdir(self.root)
        os.rmdir(self.folder)

    def folders(self) -> list[str]:
        """State folders."""
        return os.listdir(self.root) if os.path.isdir(self.root) else []

    def processes(self) -> Iterator[str]:
        """Processes of ours that name this state root, and any whose root is the bundle's."""
        here = os.stat(self.busybox)
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    ours = self.root.encode() in file.read()
                root = os.stat(f"/proc/{pid}/root")
                inside = (root.st_dev, root.st_ino) == (here.st_dev, here.st_ino)
            except OSError:
                continue
            if ours or inside:
                yield f"process {pid}"

    def cgroups(self) -> list[str]:
        """Cgroups with one of the names."""
        names = {container.name for container in self.containers.values()}
        return [f"{top}/{name}" for top, folders, _ in os.walk("/sys/fs/cgroup") for name in folders if name in names]


@pytest.fixture
def machine(busybox: str) -> type[Lifecycle]:
    """The machine with its root file system, a copy that nobody else uses."""
    path = tempfile.mkdtemp(prefix="model-root.", dir="/var/tmp")
    subprocess.run(["cp", "-a", f"{busybox}/.", path], check=True)
    yield type("Machine", (Lifecycle,), {"busybox": path})
    subprocess.run(["rm", "-rf", path], check=True)


def test_some_sequences(machine: type[Lifecycle]) -> None:
    """The same ones each time."""
    run_state_machine_as_test(machine, settings=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_sequences(machine: type[Lifecycle]) -> None:
    """Others each time."""
    run_state_machine_as_test(machine, settings=LONG)
