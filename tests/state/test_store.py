"""Folders of containers: claimed once, read, marked, removed only by who means the same one."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess

import pytest

from contain.errors import StateError
from contain.kernel import processes
from contain.state import files, layout
from contain.state.store import Store, boot_id, now
from contain.state.summary import Summary, fill, parse, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty state root."""
    with Store(str(tmp_path / "root"), make=True) as one:
        yield one


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when its stdin does."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        yield child
        child.kill()


def facts(child: subprocess.Popen[bytes], **changes: object) -> str:
    """The summary of a running container."""
    start = processes.start_time(child.pid)
    values = {"id": "web", "status": "running", "pid": child.pid, "start": start, "boot": boot_id(), **changes}
    return render(Summary(**values))  # type: ignore[arg-type]


def test_a_name_is_claimed_once(store: Store) -> None:
    """The second claim fails and leaves nothing."""
    with store.claim("web", {"note": "x"}) as first:
        assert first.text("note") == "x"
        assert len(first.token) == layout.TOKEN_LENGTH
    with pytest.raises(StateError, match="container with id web exists already"):
        store.claim("web", {})
    assert store.ids() == ["web"]
    assert os.listdir(store.path) == ["web"]


@pytest.mark.parametrize("name", ["..", "a/b", ""])
def test_a_bad_name(store: Store, name: str) -> None:
    """It is neither claimed nor opened."""
    with pytest.raises(StateError, match="not a name"):
        store.claim(name, {})
    with pytest.raises(StateError, match="does not exist"):
        store.open(name)


def test_no_root_means_no_containers(tmp_path: Path) -> None:
    """Reading does not make anything."""
    with Store(str(tmp_path / "none")) as empty:
        assert empty.ids() == []
        with pytest.raises(StateError, match="does not exist"):
            empty.open("web")
    assert not (tmp_path / "none").exists()


def test_a_root_that_others_may_write_to(tmp_path: Path) -> None:
    """Somebody could plant containers in it: refused."""
    tmp_path.chmod(0o777)
    with pytest.raises(StateError, match="others may write"):
        Store(str(tmp_path))


def test_a_root_that_is_a_link(tmp_path: Path) -> None:
    """In /tmp somebody else may have been quicker."""
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(StateError, match="cannot open"):
        Store(str(tmp_path / "link"))


def test_removal_is_of_the_very_folder(store: Store) -> None:
    """A folder that has taken the name since is not touched."""
    old = store.claim("web", {})
    with store.open("web") as again:
        assert again.remove()
    new = store.claim("web", {})
    assert not old.remove()
    assert store.ids() == ["web"]
    old.close()
    new.close()


def test_status_follows_the_process(store: Store, sleeper: subprocess.Popen[bytes]) -> None:
    """Created while the fifo is there, then running, then stopped when the process is gone, whatever was written down."""
    with store.claim("web", {layout.SUMMARY: facts(sleeper), layout.FIFO: ""}) as folder:
        assert folder.status() == "created"
        files.unlink(folder.fd, layout.FIFO)
        assert folder.status() == "running"
        sleeper.kill()
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
        assert folder.status() == "stopped"  # a zombie already is


def test_a_pid_of_somebody_else(store: Store, sleeper: subprocess.Popen[bytes]) -> None:
    """The pid lives, but began at another time or before another boot: the container has ended."""
    with store.claim("a", {layout.SUMMARY: facts(sleeper, start=1)}) as folder:
        assert folder.status() == "stopped"
    with store.claim("b", {layout.SUMMARY: facts(sleeper, boot="another")}) as folder:
        assert folder.status() == "stopped"


def test_status_before_there_is_a_process(store: Store) -> None:
    """Creating while somebody works on it, stopped once nobody does."""
    with store.claim("web", {layout.SUMMARY: render(Summary(id="web", boot=boot_id()))}) as folder:
        with folder.turn():
            assert folder.status() == "creating"
        assert folder.status() == "stopped"
    with store.claim("mon", {layout.MONITORED: ""}) as folder:
        with files.take(folder.fd, layout.LOCK):  # type: ignore[union-attr]
            assert not folder.dead()
            assert folder.status() == "creating"
        assert folder.dead()
        assert folder.status() == "stopped"


def test_a_lock_lives_as_long_as_one_of_its_holders(store: Store) -> None:
    """Monitor and guardian share one open file description: either alone keeps it."""
    with store.claim("web", {layout.MONITORED: ""}) as folder:
        fd = os.open(layout.LOCK, os.O_RDWR, dir_fd=folder.fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[fd]) as other:
            os.close(fd)
            assert not folder.dead()
            other.communicate()
        assert folder.dead()


def test_marking_as_stopped(store: Store, sleeper: subprocess.Popen[bytes]) -> None:
    """summary and state.json change together; the pid is forgotten."""
    template = f'{{"status":"{layout.hole("status")}","pid":{layout.hole("pid")},"note":"kept"}}'
    with store.claim("web", {layout.SUMMARY: facts(sleeper), layout.TEMPLATE: template}) as folder:
        folder.mark(layout.STOPPED)
        assert json.loads(folder.text(layout.STATE) or "") == {"status": "stopped", "pid": 0, "note": "kept"}
        summary = folder.summary()
        assert (summary.status, summary.pid, summary.id) == ("stopped", 0, "web")
        assert summary.finished <= now()


def test_the_turn_is_lost_with_the_container(store: Store) -> None:
    """Who waited for a container that was removed meanwhile is told so."""
    with store.claim("web", {}) as folder:
        with store.open("web") as other:
            other.remove()
        with pytest.raises(StateError, match="container does not exist: web"):
            folder.turn()


def test_a_summary_survives_its_text() -> None:
    """All fields, with awkward characters."""
    one = Summary(
        id="web",
        token="ab",
        status="running",
        pid=5,
        start=6,
        monitor="7 8",
        bundle="/a\nb=c",
        command="sh -c 'a\\b'",
        cgroups={"": "/sys/fs/cgroup/x y", "memory": "/m"},
        hooks=["poststop"],
        labels={"a": "b=c", "d": ""},
    )
    assert parse(render(one)) == one
    assert one.process("monitor") == (7, 8)
    assert one.process("guardian") is None
    assert parse("nonsense\n") is None
    assert parse("format=2\nid=web\n") is None
    assert parse("format=1\nid=web\npid=x\ncolour=red\n") == Summary(id="web")


def test_holes() -> None:
    """Only what the plan made a hole is filled; text that looks like one is not."""
    one = render(Summary(id="web", bundle="/\x01pid\x01"), holes=("pid", "status"))
    filled = fill(one, {"pid": "12", "status": "running"})
    found = parse(filled)
    assert found is not None
    assert (found.pid, found.status, found.bundle) == (12, "running", "/\x01pid\x01")
    with pytest.raises(ValueError, match="no such hole"):
        layout.hole("colour")
