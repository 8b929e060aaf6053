"""A named run seen and handled from another shell: list, ps, state, events, kill, wait, rm; and swept when all who watched it are dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from contain.kernel import processes
from contain.state.summary import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contain.state.summary import Summary

pytestmark = pytest.mark.live


class Shell:
    """One user's command line; other tests may have containers in the same state root."""

    def __init__(self, top: str, base: list[str], root: str, rootfs: str, options: dict[str, object]) -> None:
        self.root = root
        self.name = f"lifecycle-{os.getpid()}"
        self.rootfs = rootfs
        self.options: dict[str, object] = options or {"env": {**os.environ, "PYTHONPATH": top}}
        self.command = base
        self.children: list[subprocess.Popen[str]] = []

    def start(self, script: str, *options: str) -> subprocess.Popen[str]:
        """A run that has said that it is there."""
        words = ["run", "--name", self.name, *options, self.rootfs, "--", "/bin/sh", "-c", f"echo ready; {script}"]
        child = subprocess.Popen([*self.command, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **self.options)  # type: ignore[call-overload]
        self.children.append(child)
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        return child

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Any other command."""
        return subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, timeout=60, **self.options)  # type: ignore[call-overload,no-any-return]

    def summary(self) -> Summary:
        """The facts of our container (the folder may be an ordinary user's, whose words root's own verbs do not follow)."""
        with open(f"{self.root}/{self.name}/summary", encoding="utf-8") as file:
            found = parse(file.read())
        assert found
        return found

    def rows(self) -> list[dict[str, object]]:
        """Its row of the list."""
        return [row for row in json.loads(self("list", "--format", "json").stdout) if row["id"] == self.name]

    def exists(self) -> bool:
        """Whether its folder is there, without sweeping."""
        return os.path.exists(f"{self.root}/{self.name}")

    def close(self) -> None:
        """Ends all."""
        for child in self.children:
            child.kill()
            child.communicate()
        self("rm", "--force", self.name)


#: In the guest processes are thirty times slower to start: there root's cgroups are what differs.
WHO = ["root"] if os.environ.get("IN_GUEST") == "1" else ["root", "user"]


@pytest.fixture(params=WHO)
def shell(request: pytest.FixtureRequest, top: str, busybox: str, launcher: str) -> Iterator[Shell]:
    """As root, and as an ordinary user."""
    if request.param == "root":
        if os.geteuid() != 0:
            pytest.skip("needs root")
        one = Shell(top, [sys.executable, "-m", "contain"], "/run/contain", busybox, {})
    else:
        user = request.getfixturevalue("user")
        rootfs = request.getfixturevalue("user_rootfs")
        one = Shell(top, user.command(), f"{user.runtime}/contain", rootfs, user.options())
    yield one
    one.close()


def test_from_another_shell(shell: Shell) -> None:
    """It is listed while it runs, takes a signal, and what waits for it gets its exit code; then nothing is left."""
    run = shell.start("trap 'exit 7' USR1; while :; do sleep 0.05; done")
    row = shell.rows()[0]
    assert (row["id"], row["status"], row["pid"]) == (shell.name, "running", shell.summary().pid)
    state = json.loads(shell("state", shell.name).stdout)
    assert (state["status"], state["pid"], state["id"]) == ("running", row["pid"], shell.name)
    assert row["pid"] in json.loads(shell("ps", "-f", "json", shell.name).stdout)
    stats = shell("events", "--stats", shell.name)
    assert stats.returncode == 0, stats.stderr
    with subprocess.Popen([*shell.command, "wait", shell.name], stdout=subprocess.PIPE, text=True, **shell.options) as waiter:  # type: ignore[call-overload]
        assert shell("kill", shell.name, "USR1").returncode == 0
        assert run.wait(20) == 7
        out, _ = waiter.communicate(timeout=20)
    assert out == "7\n" or not shell.exists()  # it may have ended before wait looked at it
    assert not shell.exists()
    assert shell("kill", shell.name).stderr.splitlines()[0] == f"container does not exist: {shell.name}"


def test_a_waiter_gets_the_code(shell: Shell) -> None:
    """Also when it is there before the end, and the folder is gone when it reads."""
    run = shell.start("read line; exit 9", "-i")
    assert run.wait(20) == 9  # stdin is /dev/null
    run = shell.start("trap 'exit 9' USR1; while :; do sleep 0.05; done")
    waiter = subprocess.Popen([*shell.command, "wait", shell.name], stdout=subprocess.PIPE, text=True, **shell.options)  # type: ignore[call-overload]
    while not _waits_for_lock(waiter.pid):
        assert waiter.poll() is None
    shell("kill", shell.name, "USR1")
    out, _ = waiter.communicate(timeout=20)
    assert (out, run.wait(20)) == ("9\n", 9)


def _waits_for_lock(pid: int) -> bool:
    """Whether a process sleeps in flock(2)."""
    with open("/proc/locks", encoding="ascii") as locks:
        return any("->" in line and f" {pid} " in line for line in locks)


def test_a_kept_one(shell: Shell) -> None:
    """It stays as stopped with its exit code, until it is removed."""
    run = shell.start("exit 3", "--keep")
    assert run.wait(20) == 3
    row = shell.rows()[0]
    assert (row["status"], row["exitCode"], row["pid"]) == ("stopped", 3, 0)
    assert shell("wait", shell.name).stdout == "3\n"
    assert shell("kill", shell.name).stderr == "container not running\n"
    assert shell("rm", shell.name).stdout == f"{shell.name}\n"
    assert not shell.exists()


def test_removal_by_force(shell: Shell) -> None:
    """The run in the other shell ends, killed."""
    run = shell.start("sleep 100")
    refused = shell("rm", shell.name)
    assert refused.returncode == 1
    assert "is not stopped: running" in refused.stderr
    assert shell("rm", "--force", shell.name).returncode == 0
    assert run.wait(20) == 137
    assert not shell.exists()


def test_a_name_is_taken(shell: Shell) -> None:
    """A second run of the same name does not start, and the first is untouched."""
    shell.start("sleep 100")
    words = ["run", "--name", shell.name, shell.rootfs, "--", "/bin/true"]
    second = shell(*words)
    assert second.returncode == 125
    assert "exist" in second.stderr
    assert json.loads(shell("state", shell.name).stdout)["status"] == "running"


@pytest.mark.parametrize("kept", [False, True])
def test_a_run_whose_watchers_were_killed_at_once(shell: Shell, *, kept: bool) -> None:
    """The next command, whichever, clears its processes, cgroups and folder; a kept one stays as stopped."""
    run = shell.start("while :; do /bin/true & wait; done", *(["--keep"] if kept else []))
    summary = shell.summary()
    watchers = [pair for name in ("monitor", "guardian") if (pair := summary.process(name))]
    assert len(watchers) == 2
    fds = [os.pidfd_open(pid) for pid, _ in watchers]
    for fd in fds:
        signal.pidfd_send_signal(fd, signal.SIGSTOP)  # so that neither sees the other die
    for fd in fds:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    run.wait(20)
    if not kept:
        assert shell("run", shell.rootfs, "--", "/bin/true").returncode == 0  # any command sweeps
        assert not shell.exists()
    rows = shell.rows()
    assert [(row["id"], row["status"]) for row in rows] == ([(shell.name, "stopped")] if kept else [])
    assert not processes.alive(*summary.process("init") or (0, 0))
    assert not [folder for folder in summary.cgroups.values() if "contain" in folder and os.path.exists(folder)]
    for fd in fds:
        os.close(fd)
    if kept:
        assert shell("wait", shell.name).stdout == "137\n"
        shell("rm", shell.name)
    assert not shell.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="the kernel has another word for ordinary users")
def test_state_root_that_cannot_be_made(contain: Callable[..., subprocess.CompletedProcess[str]], rootfs: str, launcher: str) -> None:
    """What is said is why it cannot be made, not that it is not there."""
    done = contain("--root", "/sys/contain-root", "run", "--pids-limit=9", rootfs, "--", "true")
    assert "cannot keep a note in /sys/contain-root: Operation not permitted" in done.stderr
    assert "choose another with --root" in done.stderr
