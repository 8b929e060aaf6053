"""list, kill, wait and rm, on state folders with real processes in them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading

import pytest

from contain.container import lifecycle
from contain.errors import StateError, UsageError
from contain.kernel import processes
from contain.state import files, layout
from contain.state.store import Store, boot_id
from contain.state.summary import Summary, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Box:
    """A state root, and containers that are just processes."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.store = Store(root, make=True)
        self.children: list[subprocess.Popen[bytes]] = []

    def add(self, name: str, **files_: str) -> subprocess.Popen[bytes]:
        """A container whose main process reads until it is told to end."""
        child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.children.append(child)
        start = processes.start_time(child.pid) or 0
        summary = Summary(
            id=name, status="running", pid=child.pid, start=start, boot=boot_id(), command="cat", owner=os.geteuid(), bundle="/b"
        )
        self.store.claim(name, {layout.SUMMARY: render(summary), **files_}).close()
        return child

    def close(self) -> None:
        """Ends all."""
        for child in self.children:
            child.kill()
            child.communicate()
        self.store.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """An empty box."""
    one = Box(str(tmp_path / "root"))
    yield one
    one.close()


def monitor(box: Box, name: str, record: str) -> subprocess.Popen[bytes]:
    """Plays the monitor of a container: holds its lock until init's pidfd is readable, writes how it ended, removes the folder."""
    code = (
        "import os, sys, fcntl, select, shutil; d, pid, record = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
        "f = os.open(d + '/lock', os.O_RDWR); fcntl.flock(f, fcntl.LOCK_EX); p = os.pidfd_open(pid)\n"
        "print(flush=True); select.select([p], [], [])\n"
        "with open(d + '/exit', 'r+') as out: out.write(record + '\\n')\n"
        "shutil.rmtree(d)\n"
    )
    with box.store.open(name) as folder:
        files.create(folder.fd, layout.MONITORED)
        pid = folder.summary().pid
    child = subprocess.Popen([sys.executable, "-c", code, f"{box.root}/{name}", str(pid), record], stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    box.children.append(child)
    return child


def waits_for_lock(pid: int) -> bool:
    """Whether a process sleeps in flock(2)."""
    with open("/proc/locks", encoding="ascii") as locks:
        return any("->" in line and f" {pid} " in line for line in locks)


def test_listing(box: Box) -> None:
    """Names in order, with what runc's list has."""
    child = box.add("web")
    box.add("db", **{layout.FIFO: ""})
    rows = lifecycle.listing(box.root)
    assert [(row["id"], row["status"]) for row in rows] == [("db", "created"), ("web", "running")]
    assert rows[1]["pid"] == child.pid
    assert {"id", "pid", "status", "bundle", "rootfs", "created", "owner"} <= set(rows[1])
    assert lifecycle.listing(box.root + "/none") == []


def test_a_signal(box: Box) -> None:
    """It reaches the main process; a container that has ended says so in the words that engines look for."""
    child = box.add("web")
    lifecycle.send("web", 0, root=box.root)
    lifecycle.send("web", 15, root=box.root)
    assert child.wait(10) == -15
    with pytest.raises(StateError, match="container not running"):
        lifecycle.send("web", 15, root=box.root)
    lifecycle.send("web", 9, root=box.root, everybody=True)
    with pytest.raises(StateError, match="container does not exist: none"):
        lifecycle.send("none", 15, root=box.root)


@pytest.mark.parametrize(
    ("text", "number"),
    [("TERM", 15), ("SIGKILL", 9), ("sigusr1", 10), ("9", 9), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("RTMIN", 34), ("IOT", 6)],
)
def test_names_of_signals(text: str, number: int) -> None:
    """With or without SIG, in either case, numbers, real-time ones."""
    assert lifecycle.signal_number(text) == number


@pytest.mark.parametrize("text", ["", "SIG", "NONE", "65", "-1", "RTMIN+31", "RTMIN-1", "RTMINx", "1.5"])
def test_no_signals(text: str) -> None:
    """Anything else is a usage error."""
    with pytest.raises(UsageError, match="unknown signal"):
        lifecycle.signal_number(text)


def test_waiting_for_a_monitored_one(box: Box) -> None:
    """The code is read although the folder is gone by then."""
    child = box.add("web")
    monitor(box, "web", "137 9 oom")
    found: list[lifecycle.Exit] = []
    waiter = threading.Thread(target=lambda: found.append(lifecycle.wait("web", root=box.root)))
    waiter.start()
    while not waits_for_lock(os.getpid()):
        assert waiter.is_alive()
    child.kill()
    child.wait(10)
    waiter.join(20)
    assert found == [lifecycle.Exit(code=137, signal=9, reason="oom")]
    assert box.store.ids() == []


def test_waiting_for_a_kept_one(box: Box) -> None:
    """It has ended already, and its folder tells how."""
    child = box.add("web", **{layout.KEPT: ""})
    with box.store.open("web") as folder:
        folder.mark(layout.STOPPED)
        with open(f"{box.root}/web/exit", "w", encoding="ascii") as out:
            out.write("3 0 exited\n")
    assert lifecycle.wait("web", root=box.root).code == 3
    assert lifecycle.listing(box.root)[0]["exitCode"] == 3
    child.kill()


def test_waiting_for_a_detached_one(box: Box) -> None:
    """Nobody writes it down: where the kernel tells, we know; else we say that we do not."""
    child = box.add("web")
    outcome: list[object] = []

    def waiting() -> None:
        try:
            outcome.append(lifecycle.wait("web", root=box.root))
        except StateError as error:
            outcome.append(str(error))

    waiter = threading.Thread(target=waiting)
    waiter.start()
    child.send_signal(15)
    child.wait(10)
    waiter.join(20)
    assert outcome in (
        [lifecycle.Exit(code=143, signal=15, reason="signaled")],
        ["how container web ended is not known"],
    )


def test_removing(box: Box) -> None:
    """A running one only with force; a missing one only with force is no error."""
    child = box.add("web")
    with pytest.raises(StateError, match="cannot remove container web that is not stopped: running"):
        lifecycle.remove("web", root=box.root)
    lifecycle.remove("web", root=box.root, force=True)
    assert child.wait(10) == -9
    assert box.store.ids() == []
    with pytest.raises(StateError, match="does not exist"):
        lifecycle.remove("web", root=box.root)
    lifecycle.remove("web", root=box.root, force=True)


def test_removing_a_damaged_one(box: Box) -> None:
    """A folder that holds none of our files goes too, with force."""
    os.mkdir(f"{box.root}/web")
    lifecycle.remove("web", root=box.root, force=True)
    assert box.store.ids() == []


def test_removing_a_stopped_one(box: Box, tmp_path: Path) -> None:
    """What it noted to be undone is undone."""
    (tmp_path / "tree").mkdir()
    child = box.add("web", **{layout.UNDO: f"tree {tmp_path}/tree\n"})
    child.kill()
    child.wait(10)
    lifecycle.remove("web", root=box.root)
    assert box.store.ids() == []
    assert not (tmp_path / "tree").exists()


def test_removing_one_of_create(box: Box, tmp_path: Path) -> None:
    """Its poststop hooks run, as at `delete`; one that fails is a warning."""
    hook = '{"hooks":{"poststop":[{"path":"/bin/sh","args":["sh","-c","cat > %s; exit 3"]}]}}' % (tmp_path / "seen")
    template = f'{{"id":"web","status":"{layout.hole("status")}"}}'
    child = box.add("web", **{layout.CONFIG: hook, layout.TEMPLATE: template})
    with box.store.open("web") as folder:
        files.store(folder.fd, layout.SUMMARY, render(folder.summary().but(kind="create", bundle=str(tmp_path))))
    child.kill()
    child.wait(10)
    warnings = lifecycle.remove("web", root=box.root)
    assert len(warnings) == 1
    assert (tmp_path / "seen").read_text() == '{"id":"web","status":"stopped"}'
    assert box.store.ids() == []


def test_removing_a_monitored_one(box: Box) -> None:
    """Its monitor tears down; rm waits for that."""
    child = box.add("web")
    other = monitor(box, "web", "137 9 killed")
    reaper = threading.Thread(target=child.wait)
    reaper.start()
    lifecycle.remove("web", root=box.root, force=True)
    reaper.join(10)
    assert other.wait(10) == 0
    assert box.store.ids() == []


def test_every_command_sweeps(box: Box) -> None:
    """A run whose monitor and guardian died is gone after any command."""
    child = box.add("web", **{layout.MONITORED: ""})
    assert lifecycle.listing(box.root) == []
    assert child.wait(10) == -9


def test_a_held_lock_is_no_death(box: Box) -> None:
    """While a guardian holds it, nothing is swept."""
    box.add("web", **{layout.MONITORED: ""})
    with box.store.open("web") as folder:
        fd = os.open(layout.LOCK, os.O_RDWR, dir_fd=folder.fd)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert len(lifecycle.listing(box.root)) == 1
    os.close(fd)
