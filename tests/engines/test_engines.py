"""Docker and Podman run on contain: the same list for both, each line as a user of them would check it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.engines.conftest import on_v2, wait_for
from tests.engines.terminal import play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.conftest import Engine

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="starts engines, so it needs root")]

OPTIONS = {
    "docker": ["--runtime", "contain", "--network", "none"],
    "podman": ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"],
}


class Box:
    """One engine, with the options that every run of it needs here."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine, self.options = name, engine, OPTIONS[name]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`run --rm`."""
        return self.engine("run", "--rm", *self.options, *words)

    def start(self, name: str, *words: str) -> None:
        """`run -d`."""
        self.engine("run", "-d", "--name", name, *self.options, *words, check=True)


@pytest.fixture(scope="module", params=["docker", "podman"])
def box(request: pytest.FixtureRequest) -> Box:
    """Each engine in turn."""
    return Box(request.param, request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def ticking(box: Box) -> Iterator[str]:
    """A container that runs until it is killed."""
    box.start("ticking", "bb", "sh", "-c", "while :; do echo tick; sleep 0.2; done")
    yield "ticking"
    box.engine("rm", "-f", "ticking")


def test_run_and_its_exit_code(box: Box) -> None:
    """Output and code are the program's."""
    done = box.run("bb", "sh", "-c", "echo hello; exit 3")
    assert (done.returncode, done.stdout) == (3, "hello\n")


@pytest.mark.parametrize(("program", "code"), [("/nonexist", 127), ("nonesuch", 127), ("/etc", 126)])
def test_programs_that_cannot_run(box: Box, program: str, code: int) -> None:
    """The engine finds its exit code in our words."""
    assert box.run("bb", program).returncode == code


@pytest.mark.parametrize(
    ("options", "script", "expected"),
    [
        (["--read-only"], "touch /x 2>&1", "Read-only"),
        (["--cap-drop", "ALL"], "grep CapEff /proc/self/status", "0000000000000000"),
        (["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status", "1"),
        (["--tmpfs", "/scratch"], "grep ' /scratch tmpfs' /proc/mounts", "tmpfs"),
        (["-u", "1000:1001"], "id -u; id -g", "1000\n1001"),
        (["-w", "/tmp"], "pwd", "/tmp"),
        (["-e", "A=b c"], 'echo "$A"', "b c"),
        (["--hostname", "named"], "hostname", "named"),
        (["-v", "/usr/share:/shown:ro"], "touch /shown/x 2>&1; ls -d /shown/doc", "/shown/doc"),
        (["--pids-limit", "6"], "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done 2>&1; wait", "fork"),
    ],
)
def test_options_of_run(box: Box, options: list[str], script: str, expected: str) -> None:
    """Each option is seen inside."""
    assert expected in box.run(*options, "bb", "sh", "-c", script + " 2>&1").stdout


def test_exec(box: Box, ticking: str) -> None:
    """Its folder, user, variables and exit code."""
    done = box.engine("exec", "-w", "/tmp", "-u", "1000", "-e", "A=b", ticking, "sh", "-c", "pwd; id -u; echo $A; exit 5")
    assert (done.returncode, done.stdout.split()) == (5, ["/tmp", "1000", "b"])


def test_exec_with_a_terminal(box: Box, ticking: str) -> None:
    """A person works at it."""
    play([*box.engine.base, "exec", "-it", ticking])  # type: ignore[attr-defined]


def test_pause_and_unpause(box: Box, ticking: str) -> None:
    """The engine sees it paused, and running again."""
    box.engine("pause", ticking, check=True)
    assert box.engine("inspect", "-f", "{{.State.Status}}", ticking).stdout == "paused\n"
    box.engine("unpause", ticking, check=True)
    assert box.engine("inspect", "-f", "{{.State.Status}}", ticking).stdout == "running\n"


def test_stats_and_logs(box: Box, ticking: str) -> None:
    """What it uses, what it said."""
    assert ticking in box.engine("stats", "--no-stream", ticking, check=True).stdout
    assert "tick" in box.engine("logs", ticking, check=True).stdout


def test_top(box: Box, ticking: str) -> None:
    """What runs."""
    if box.name == "docker" and subprocess.run(["ps", "-ef"], capture_output=True, check=False).returncode != 0:
        pytest.skip("Docker asks ps(1), which finds no boot time on User-Mode Linux")
    assert "echo tick" in box.engine("top", ticking, check=True).stdout


def test_update_of_a_limit(box: Box, ticking: str) -> None:
    """The new limit stands in the cgroup."""
    if box.name == "podman" and not on_v2():
        pytest.skip("Podman 4.3's update takes no memory limit on cgroup v1")
    box.engine("update", "--memory", "64m", "--memory-swap", "64m", ticking, check=True)
    if box.name == "docker":
        assert box.engine("inspect", "-f", "{{.HostConfig.Memory}}", ticking).stdout == f"{64 << 20}\n"
    assert limit_of(box, ticking) == 64 << 20
    if box.name == "docker":
        box.engine("update", "--memory-reservation", "32m", "--cpu-shares", "100", ticking, check=True)
        assert limit_of(box, ticking) == 64 << 20
    assert box.engine("exec", ticking, "echo", "in", check=True).stdout == "in\n"


def limit_of(box: Box, name: str) -> int:
    """The limit of memory in the cgroup of a container."""
    pid = box.engine("inspect", "-f", "{{.State.Pid}}", name, check=True).stdout.strip()
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        rows = dict(line.strip().split(":", 2)[1:] for line in file)
    path = f"/sys/fs/cgroup{rows['']}/memory.max" if on_v2() else f"/sys/fs/cgroup/memory{rows['memory']}/memory.limit_in_bytes"
    with open(path, encoding="ascii") as file:
        return int(file.read())


def test_restart_stop_and_remove(box: Box) -> None:
    """A whole life, more than once."""
    box.start("lives", "bb", "sleep", "100")
    box.engine("restart", "-t", "0", "lives", check=True)
    assert box.engine("exec", "lives", "hostname", check=True).stdout
    box.engine("stop", "-t", "0", "lives", check=True)
    assert box.engine("inspect", "-f", "{{.State.ExitCode}}", "lives").stdout == "137\n"
    box.engine("rm", "lives", check=True)
    assert box.engine("inspect", "lives").returncode != 0


def test_kill_and_wait(box: Box) -> None:
    """The signal arrives, and wait gives the code."""
    box.start("killed", "bb", "sh", "-c", "trap 'exit 9' USR1; while :; do sleep 0.05; done")
    box.engine("exec", "killed", "true", check=True)
    box.engine("kill", "-s", "USR1", "killed", check=True)
    assert box.engine("wait", "killed").stdout == "9\n"
    box.engine("rm", "-f", "killed", check=True)


def test_out_of_memory(box: Box) -> None:
    """The program is killed, and Docker shows why; Podman 4.3 does not, with runc and crun as little as with us, on v1 and v2."""
    limits = ["-m", "8m", "--memory-swap", "8m"]
    hungry = "head -c 64m /dev/zero | tail"
    assert box.run(*limits, "bb", "sh", "-c", hungry).returncode == 137
    if box.name == "docker":
        # whether an engine hears of it before the container's end is luck on a busy machine: this one is killed afterwards
        box.start("hungry", *limits, "bb", "sh", "-c", f"{hungry}; sleep 1000")
        words = ["events", "--filter", "container=hungry", "--filter", "event=oom", "--since", "1", "--until"]
        wait_for(lambda: " oom " in box.engine(*words, str(int(time.time()) + 1)).stdout, "the word of the OOM killer")
        box.engine("kill", "hungry")  # the OOM killer may have taken the shell itself: then it has ended
        box.engine("wait", "hungry", check=True)
        assert box.engine("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "hungry").stdout == "true 137\n"
        box.engine("rm", "-f", "hungry", check=True)


def test_init(box: Box) -> None:
    """The engine's own init is PID 1."""
    if box.name == "podman" and not shutil.which("catatonit"):
        pytest.skip("no catatonit, which is Podman's: apt-get install catatonit")
    assert f"{box.name}-init" in box.run("--init", "bb", "cat", "/proc/1/cmdline").stdout


def test_run_with_a_terminal(box: Box) -> None:
    """A person works at it."""
    play([*box.engine.base, "run", "--rm", "-it", *box.options, "bb"])  # type: ignore[attr-defined]
