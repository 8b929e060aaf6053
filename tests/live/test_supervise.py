"""The monitor: exit codes, signals, limits in time, and whoever it is bound to."""

from __future__ import annotations

import glob
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from contain.launcher import record
from tests.live.conftest import shell
from tests.live.launch import Running, children, eventually, name_of, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.live

FOREVER = "echo ready; while :; do sleep 1000; done"


@pytest.fixture
def start(busybox: str, launcher: str, tmp_path: Any) -> Callable[..., Running]:
    """`start(script, run={…}, words=(), fds=(), **members)`: a container that runs a script; its state lies in the test's own folder."""

    def go(
        script: str, run: dict[str, Any] | None = None, words: tuple[str, ...] = (), fds: tuple[int, ...] = (), **members: Any
    ) -> Running:
        popen = members.pop("popen", {})
        options = {"state_root": f"{tmp_path}/state", **(run or {})}
        return Running(plan_of(shell(script, **members), busybox, **options), words=words, fds=fds, **popen)

    return go


@pytest.mark.parametrize("init", [False, True])
def test_exit_code(start, init):
    """The command's own exit code is ours, with and without an init of our own."""
    with start("exit 7", {"init": init}) as run:
        assert run.end() == (7, "", "")


def test_death_by_signal(start):
    """A command that a signal ends exits with 128 and its number."""
    with start("kill -TERM $$", {"init": True}) as run:
        assert run.end()[0] == 128 + signal.SIGTERM


@pytest.mark.parametrize("init", [False, True])
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM, signal.SIGRTMIN + 3])
def test_forwards_signals(start, init, number):
    """What is sent to the monitor reaches the command."""
    with start(f"trap 'echo got; exit 9' {int(number)}; echo ready; while :; do sleep 0.01; done", {"init": init}) as run:
        run.expect("ready")
        run.signal(number)
        assert run.end()[:2] == (9, "got\n")


def test_ends_on_a_signal_without_handler(start):
    """With our init as PID 1 a plain SIGTERM ends a command that has no handler."""
    with start(FOREVER, {"init": True}) as run:
        run.expect("ready")
        run.signal(signal.SIGTERM)
        assert run.end()[0] == 128 + signal.SIGTERM


def test_init_reaps_orphans(start):
    """A process whose parent is gone becomes no zombie."""
    script = "(sh -c 'exit 0' & exec true) ; while grep -q '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do sleep 0.01; done; echo none"
    with start(script, {"init": True}) as run:
        assert run.end()[:2] == (0, "none\n")


def test_init_ends_what_is_left(start):
    """When the command has ended, so has everything else in the container, and the end is not held up."""
    with start("(trap '' TERM HUP; sleep 1000) & exit 4", {"init": True}) as run:
        assert run.end()[0] == 4


@pytest.mark.parametrize("init", [False, True])
def test_timeout(start, init, tmp_path):
    """--timeout kills the command, exits with 124 as timeout(1) does, and says so."""
    with start("trap '' TERM; echo ready; while :; do sleep 1; done", {"init": init, "timeout": 1, "name": "t", "keep": True}) as run:
        code, out, err = run.end()
    assert code == 124
    assert "the time limit was reached" in err
    if out:  # on a machine so slow that the command did not even start there is nothing to keep
        assert err == "contain: killed: the time limit was reached\n"
        assert (tmp_path / "state/t/exit").read_text() == "124 0 timeout\n"


def test_timeout_covers_the_start(start):
    """The limit counts from the launcher's start: a hook does not stop the clock."""
    hooks = {"prestart": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
    with start("true", {"timeout": 0.2}, hooks=hooks) as run:
        assert run.end()[0] == 124


def test_processor_time(start):
    """--cpu-time counts all processes together."""
    with start("(while :; do :; done) & while :; do :; done", {"cpu_time": 0.2, "name": "c", "init": True}) as run:
        code, _, err = run.end()
    assert (code, err) == (124, "contain: killed: the limit of processor time was reached\n")


def test_out_of_memory(start, tmp_path):
    """The kernel's counter, and nothing else, makes a SIGKILL an out-of-memory kill."""
    members = {"linux": {"resources": {"memory": {"limit": 16 << 20, "swap": 16 << 20}}, "namespaces": shell("")["linux"]["namespaces"]}}
    with start("x=x; while :; do x=$x$x; done", {"name": "o", "keep": True}, **members) as run:
        code, _, err = run.end()
    assert (code, (tmp_path / "state/o/exit").read_text()) == (137, "137 9 oom\n")
    assert err == "contain: killed: out of memory\n"


def test_signal_before_the_program(start, tmp_path):
    """A signal that comes while hooks still run ends the start, and nothing is left of it."""
    os.mkfifo(tmp_path / "fifo")
    hooks = {"prestart": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo > {tmp_path}/fifo; exec sleep 1000"]}]}
    with start("true", {"name": "early", "timeout": 1000}, hooks=hooks) as run:
        with open(tmp_path / "fifo") as fifo:
            assert fifo.readline() == "\n"  # else the hook would write where nobody reads, and fail by itself
            run.signal(signal.SIGTERM)
        code, _, err = run.end()
    assert code == 128 + signal.SIGTERM, err
    assert "a signal came before the program started" in err
    assert os.listdir(tmp_path / "state") == []


def test_dies_with_its_parent(start, busybox, tmp_path):
    """--die-with-parent: when the shell is killed the container goes, although the payload ignores all it can."""
    plan = plan_of(shell("trap '' HUP TERM; " + FOREVER), busybox, die_with_parent=True, state_root=f"{tmp_path}/state", name="p")
    planfile = tmp_path / "plan"
    planfile.write_bytes(plan)
    script = f"import subprocess, sys; sys.path.insert(0, {os.getcwd()!r}); from tests.live.launch import Running; "
    script += f"run = Running(open({str(planfile)!r}, 'rb').read(), stdout=None); run.process.wait()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        assert parent.stdout.read() == ""  # the container had the other end
    eventually(lambda: os.listdir(tmp_path / "state") == [], "the state folder is gone")


def test_life_pipe_and_record(start):
    """A library's pipe ends the container; the records tell that it was there, ran, and was killed by us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    life, end = os.pipe()
    with ours, theirs, start(FOREVER, {"init": True}, (f"--report={theirs.fileno()}", f"--life={life}"), (theirs.fileno(), life)) as run:
        theirs.close()
        os.close(life)
        data, fds, _, _ = socket.recv_fds(ours, record.SIZE, 1)
        hello = record.Record(data)
        assert (hello.type, hello.pid) == (record.HELLO, run.process.pid)
        data, more, _, _ = socket.recv_fds(ours, record.SIZE, 1)
        assert record.Record(data).type == record.STARTED
        run.expect("ready")
        os.close(end)
        result = record.Record(ours.recv(record.SIZE))
        assert (result.type, result.reason, result.code, result.started) == (record.RESULT, "killed", 137, True)
        assert ours.recv(record.SIZE) == b""
        for fd in (*fds, *more):
            os.close(fd)
        assert run.end()[2] == ""


def test_caller_pidfd(start, tmp_path):
    """A caller that is killed takes the container along, though a fork of it holds the pipe."""
    caller = subprocess.Popen(["sleep", "1000"])
    pidfd = os.pidfd_open(caller.pid)
    with caller, start(FOREVER, {"name": "c"}, (f"--caller={pidfd}",), (pidfd,)) as run:
        run.expect("ready")
        caller.kill()
        assert run.end()[0] == 137
    os.close(pidfd)
    assert os.listdir(tmp_path / "state") == []


def test_result_has_usage(start):
    """The record of a run has what it used, and where a failed start failed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (
        ours,
        theirs,
        start("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done", {}, (f"--report={theirs.fileno()}",), (theirs.fileno(),)) as run,
    ):
        theirs.close()
        run.end()
        packets = [record.Record(ours.recv(record.SIZE)) for _ in range(3)]
    assert [one.type for one in packets] == [record.HELLO, record.STARTED, record.RESULT]
    wall, cpu, user, system, rss, _, _ = packets[2].usage
    assert wall
    assert rss
    assert None not in (user, system)
    assert cpu is None or cpu > 0


def test_failure_record(start):
    """A start that fails says which operation it was, with the errno."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    hooks = {"createRuntime": [{"path": "/nonexistent"}]}
    with ours, theirs, start("true", {}, (f"--report={theirs.fileno()}",), (theirs.fileno(),), hooks=hooks) as run:
        theirs.close()
        assert run.end()[0] == 125
        packets = [record.Record(ours.recv(record.SIZE)) for _ in range(2)]
    assert packets[1].words == "error running createRuntime hook /nonexistent"
    assert (packets[1].reason, packets[1].started) == ("error", False)


def test_standard_streams_that_are_closed(start, busybox, tmp_path):
    """Descriptors 0 to 2 that are closed are never taken by one of ours."""
    plan = plan_of(shell("ls -l /proc/self/fd | grep -c /dev/null"), busybox, state_root=f"{tmp_path}/state")
    with Running(plan, preexec_fn=lambda: os.close(0)) as run:
        assert run.end()[:2] == (0, "1\n")


def test_no_descriptor_comes_along(start, tmp_path):
    """The command has its three streams and nothing else of ours."""
    with open(tmp_path / "secret", "w") as file, start("ls /proc/self/fd", fds=(file.fileno(),)) as run:
        assert run.end()[1].split() == ["0", "1", "2", "3"]  # 3 is ls's own


def test_trace(start):
    """--trace prints each operation with its time."""
    with start("true", words=("--trace",)) as run:
        code, _, err = run.end()
    assert code == 0
    assert any("teardown" in line and "remove the note" in line for line in err.splitlines())


def test_nothing_of_the_caller_in_our_init(start):
    """PID 1 shows neither the caller's words nor its environment, and its memory and program are out of reach."""
    script = "cat /proc/1/cmdline | tr '\\0' ' '; echo; cat /proc/1/environ /proc/1/mem /proc/1/maps; readlink /proc/1/exe; echo end"
    with start(script, {"init": True}, popen={"env": {**os.environ, "SECRET": "known"}}) as run:
        _, out, err = run.end()
    assert out.split() == ["contain-init", "end"]
    assert "known" not in err


def test_frozen_container_can_be_ended(start, tmp_path):
    """A paused container is ended like any other: what is frozen on v1 dies only once it is thawed."""
    name = f"frozen-{os.getpid()}"
    life, end = os.pipe()
    with start(FOREVER, {"name": name}, (f"--life={life}",), (life,)) as run:
        os.close(life)
        run.expect("ready")
        found = glob.glob(f"/sys/fs/cgroup/freezer/**/{name}/freezer.state", recursive=True)
        found += glob.glob(f"/sys/fs/cgroup/**/{name}/cgroup.freeze", recursive=True)
        if not found:
            pytest.skip("no cgroup of this machine can freeze")
        with open(found[0], "w") as file:
            file.write("FROZEN" if found[0].endswith("state") else "1")
        os.close(end)
        assert run.end()[0] == 137
    assert os.listdir(tmp_path / "state") == []


def test_our_init_holds_nothing(start):
    """PID 1 keeps its standard streams and its channel, nothing of what the host had open."""
    with start("echo ready; sleep 1000", {"init": True, "name": "held"}) as run:
        run.expect("ready")
        init = next(child for child in children(run.process.pid) if name_of(child) == "contain-init")
        eventually(lambda: len(os.listdir(f"/proc/{init}/fd")) == 4, "four descriptors")
        assert sorted(os.listdir(f"/proc/{init}/fd"), key=int)[:3] == ["0", "1", "2"]
        run.signal(signal.SIGKILL)


def test_preserved_numbers_that_are_free(start):
    """--preserve-fds passes what the caller has there; a free number among them is none of ours in the command."""
    with start("ls /proc/self/fd", {"preserve_fds": 40}) as run:
        assert run.end()[1].split() == ["0", "1", "2", "3"]  # 3 is ls's own
