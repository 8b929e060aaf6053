"""Containers that go on: exec, logs, pause, stop, waiting for what is ready, and an end that leaves nothing."""

from __future__ import annotations

import os

import pytest

import contain
from contain.container.lifecycle import listing

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")]
TICK = ["sh", "-c", "echo ready; while :; do sleep 0.05; done"]


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> contain.Sandbox:
    """One for all."""
    return contain.Sandbox(rootfs=busybox)


def test_logs_while_it_runs(sandbox: contain.Sandbox) -> None:
    """What it has said so far."""
    with sandbox.start(TICK) as box:
        box.wait_for(contain.log("ready"))
        assert box.logs() == b"ready\n"
        assert box.alive


def test_following_ends_with_the_container(sandbox: contain.Sandbox) -> None:
    """Every line, the last one without its end too; while it runs, and until it has ended."""
    words = "echo one; echo two >&2; while [ ! -e /tmp/go ]; do sleep 0.01; done; echo three; printf four"
    with sandbox.start(["sh", "-c", words]) as box:
        lines = box.follow()
        assert next(lines) == b"one\n"
        assert box.alive
        box.put(b"", "/tmp/go")
        assert list(lines) == [b"three\n", b"four"]
        assert list(box.follow("stderr")) == [b"two\n"]


def test_exec_is_inside(sandbox: contain.Sandbox) -> None:
    """The same host name, another process, its own code."""
    with sandbox.start(TICK) as box:
        found = box.exec(["sh", "-c", "hostname; cat; exit 4"], input="in", text=True)
        assert (found.returncode, found.stdout) == (4, "contain\nin")


def test_exec_in_the_host_view() -> None:
    """A container that has no root file system of its own takes further commands too."""
    with contain.Sandbox(workspace="none").start(TICK) as box:
        assert box.exec(["cat", "/proc/1/comm"], text=True).stdout == "contain-init\n"


def test_exec_adds_its_environment_and_user(sandbox: contain.Sandbox) -> None:
    """env and cwd, as run has them."""
    with sandbox.start(TICK) as box:
        assert box.exec(["sh", "-c", "echo $A; pwd"], env={"A": "b"}, cwd="/tmp", text=True).stdout == "b\n/tmp\n"


def test_wait_with_a_timeout_leaves_it_alive(sandbox: contain.Sandbox) -> None:
    """TimeoutError, and it goes on."""
    with sandbox.start(TICK) as box:
        with pytest.raises(TimeoutError):
            box.wait(0.05)
        assert box.alive


def test_pause_and_resume(sandbox: contain.Sandbox) -> None:
    """Whatever its options: it stands still, says so, and goes on."""

    def status(box: contain.Container) -> str:
        return next(row["status"] for row in listing(box.root) if row["id"] == box.id)

    with sandbox.start(["sleep", "1000"]) as box:
        box.pause()
        assert status(box) == "paused"
        box.resume()
        assert status(box) == "running"
        assert box.exec(["true"]).ok
        box.pause()  # what is paused can be ended


def test_statistics_while_it_runs(sandbox: contain.Sandbox) -> None:
    """Processor time and the peak of memory, as far as its cgroups tell."""
    with sandbox.start(["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo done; exec sleep 1000"]) as box:
        box.wait_for(contain.log("done"))
        found = box.stats()
    assert found.cpu is not None
    assert 0 < found.cpu < 60
    assert found.sources["cpu"].startswith("cgroup")


def test_signal(sandbox: contain.Sandbox) -> None:
    """Any."""
    with sandbox.start(["sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"]) as box:
        box.wait_for(contain.log("ready"))
        box.signal(10)
        assert box.wait(60).returncode == 9


def test_dead_one_s_last_words(sandbox: contain.Sandbox) -> None:
    """What it said last, on standard output when it said nothing of errors."""
    with sandbox.start(["sh", "-c", "seq 1000; exit 3"]) as box, pytest.raises(contain.Dead, match="3") as caught:
        box.wait_for(contain.port(80))
    assert caught.value.log_tail.splitlines()[-1] == b"1000"
    assert caught.value.cause == "1000"


def test_stop_asks_first(sandbox: contain.Sandbox) -> None:
    """SIGTERM is seen; who does not end is killed."""
    with sandbox.start(["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"]) as box:
        box.wait_for(contain.log("ready"))
        assert box.stop(30).returncode == 5
    with sandbox.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]) as box:
        box.wait_for(contain.log("ready"))
        assert box.stop(0.1).reason is contain.Reason.KILLED


def test_its_own_end_is_its_result(sandbox: contain.Sandbox) -> None:
    """Exit code and output of a container that ends by itself."""
    with sandbox.start(["sh", "-c", "echo out; exit 3"]) as box:
        found = box.wait(30)
        assert (found.returncode, found.stdout, box.alive) == (3, b"out\n", False)


def test_waiting_for_a_dead_one_ends_at_once(sandbox: contain.Sandbox) -> None:
    """With its last words."""
    with sandbox.start(["sh", "-c", "echo broken >&2; exit 1"]) as box, pytest.raises(contain.Dead) as caught:
        box.wait_for(contain.port(80))
    assert caught.value.cause == "broken"


def test_waiting_for_a_port_and_a_file(sandbox: contain.Sandbox) -> None:
    """Both hold when wait_for comes back."""
    with sandbox.start(["sh", "-c", "echo x > /tmp/ready; exec nc -l -p 8080"]) as box:
        box.wait_for(contain.port(8080), contain.file("/tmp/ready"))


def test_missing_program_is_an_error_at_start(sandbox: contain.Sandbox) -> None:
    """As with run."""
    with pytest.raises(contain.LaunchError, match="executable file not found"):
        sandbox.start(["nonesuch"])


def test_nothing_is_left(sandbox: contain.Sandbox) -> None:
    """No descriptor, no state folder, after exceptions too."""
    sandbox.run(["true"])
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ZeroDivisionError), sandbox.start(TICK) as box:
        raise ZeroDivisionError
    assert len(os.listdir("/proc/self/fd")) == before
    assert not os.path.exists(f"{box.root}/{box.id}")
