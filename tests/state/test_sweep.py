"""What dead runs left is cleared, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from contain.kernel import processes
from contain.state import files, layout, undo
from contain.state.glance import anything_dead
from contain.state.store import Store, boot_id
from contain.state.summary import Summary, render
from contain.state.sweep import sweep

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
def payload() -> Iterator[subprocess.Popen[bytes]]:
    """What is left of a container."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        yield child
        child.kill()


def summary(child: subprocess.Popen[bytes], **changes: object) -> str:
    """Facts of a running container."""
    values = {"status": "running", "pid": child.pid, "start": processes.start_time(child.pid), "boot": boot_id(), **changes}
    return render(Summary(**values))  # type: ignore[arg-type]


def test_a_dead_run_is_cleared(store: Store, payload: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Its process, its pid file, its temporary folder and its state are gone; the undo list is followed backwards."""
    (tmp_path / "pid").write_text(str(payload.pid))
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/sub/link").symlink_to("/etc")
    lines = f"tree {tmp_path}/tree\nfile {tmp_path}/pid\nfile {tmp_path}/never-made\n"
    store.claim("web", {layout.MONITORED: "", layout.SUMMARY: summary(payload), layout.UNDO: lines}).close()
    assert anything_dead(store.path)
    assert sweep(store) == []
    assert not anything_dead(store.path)
    assert payload.wait(10) == -9
    assert sorted(os.listdir(tmp_path)) == ["root"]
    assert os.listdir(store.path) == []
    assert os.path.exists("/etc/passwd")


def test_living_and_unmonitored_ones_are_left(store: Store, payload: subprocess.Popen[bytes]) -> None:
    """A held lock means alive; without the mark nobody is missing."""
    with store.claim("alive", {layout.MONITORED: "", layout.SUMMARY: summary(payload)}) as folder, files.take(folder.fd, layout.LOCK):  # type: ignore[union-attr]
        store.claim("created", {layout.SUMMARY: summary(payload)}).close()
        assert not anything_dead(store.path)
        assert sweep(store) == []
        assert store.ids() == ["alive", "created"]
        assert payload.poll() is None


def test_a_kept_one_stays_as_stopped(store: Store, payload: subprocess.Popen[bytes]) -> None:
    """Its process is killed, its folder stays and can be waited for."""
    store.claim("web", {layout.MONITORED: "", layout.KEPT: "", layout.SUMMARY: summary(payload)}).close()
    assert sweep(store) == []
    assert payload.wait(10) == -9
    with store.open("web") as folder:
        assert folder.status() == "stopped"
        assert folder.text(layout.EXIT) == "137 9 killed\n"
        assert not folder.dead()


def test_a_stranger_with_the_same_pid_lives(store: Store, payload: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Another start time or another boot: not our process. A pid file that holds another number is another's."""
    (tmp_path / "pid").write_text("1")
    store.claim("a", {layout.MONITORED: "", layout.SUMMARY: summary(payload, start=1), layout.UNDO: f"file {tmp_path}/pid\n"}).close()
    store.claim("b", {layout.MONITORED: "", layout.SUMMARY: summary(payload, boot="other")}).close()
    assert sweep(store) == []
    assert store.ids() == []
    assert payload.poll() is None
    assert (tmp_path / "pid").exists()


def test_broken_claims_and_removals(store: Store) -> None:
    """What was begun and not finished is finished, once nobody can be at it any more."""
    for name in (".new-old", ".new-young", ".dead-x"):
        os.makedirs(f"{store.path}/{name}/sub")
    old = time.time() - 100
    os.utime(f"{store.path}/.new-old", (old, old))
    assert sweep(store) == []
    assert os.listdir(store.path) == [".new-young"]


def note(store: Store, *lines: str) -> str:
    """A note of a run without a folder, as the launcher leaves it."""
    path = f"{store.path}/.note-{'0' * 32}"
    with open(path, "w") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return path


def test_a_note_of_the_dead_is_followed(store: Store, payload: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """The first process is killed, the rest undone; the note goes."""
    (tmp_path / "pid").write_text(str(payload.pid))
    (tmp_path / "tree").mkdir()
    note(store, f"tree {tmp_path}/tree", f"init {payload.pid} {processes.start_time(payload.pid)} {boot_id()}", f"file {tmp_path}/pid")
    assert anything_dead(store.path)
    assert store.ids() == []  # no container has such a name
    assert sweep(store) == []
    assert payload.wait(10) == -9
    assert (sorted(os.listdir(tmp_path)), os.listdir(store.path)) == (["root"], [])


def test_a_note_that_is_held_is_left(store: Store, payload: subprocess.Popen[bytes]) -> None:
    """Monitor or guardian live."""
    path = note(store, f"init {payload.pid} {processes.start_time(payload.pid)} {boot_id()}")
    with files.take(store.fd, os.path.basename(path)):  # type: ignore[union-attr]
        assert not anything_dead(store.path)
        assert sweep(store) == []
    assert os.path.exists(path)
    assert payload.poll() is None


@pytest.mark.parametrize("line", ["init {pid} 1 {boot}", "init {pid} {start} other", "init {pid}", "init", "init x y z", ""])
def test_a_note_names_one_process_only(store: Store, payload: subprocess.Popen[bytes], line: str) -> None:
    """Another start time, another boot, half a line: nobody is killed, and the note goes."""
    note(store, line.format(pid=payload.pid, start=processes.start_time(payload.pid), boot=boot_id()))
    assert sweep(store) == []
    assert payload.poll() is None
    assert os.listdir(store.path) == []


def test_a_note_that_cannot_be_followed_stays(store: Store) -> None:
    """For the next sweep."""
    note(store, "tree /proc/self/fdinfo")
    assert sweep(store)[0].startswith("cannot undo tree /proc/self/fdinfo: ")
    assert os.listdir(store.path) == [f".note-{'0' * 32}"]


def test_what_cannot_be_undone_is_told_and_kept(store: Store) -> None:
    """The folder stays, so that the next sweep tries again."""
    store.claim("web", {layout.MONITORED: "", layout.UNDO: "tree /proc/self/fdinfo\n"}).close()
    problems = sweep(store)
    assert len(problems) == 1
    assert problems[0].startswith("cannot undo tree /proc/self/fdinfo: ")
    assert store.ids() == ["web"]


def test_undo_lines() -> None:
    """From the last to the first, escapes undone, half lines skipped."""
    assert undo.parse("cgroup /a\\040b\nfile /c\n\nfile\nlink 5 eth0\n") == [("link", "5 eth0"), ("file", "/c"), ("cgroup", "/a b")]


def _cgroup_parent() -> str:
    """A folder in which a cgroup can be made, whatever the hierarchy."""
    from contain.host.probe import probe

    layout_ = probe().cgroup
    return layout_.folder("pids") if "pids" in layout_.controllers else layout_.base.get("", "")


@pytest.mark.live
def test_a_cgroup_full_of_forkers(tmp_path: Path) -> None:
    """Everything in it and below it is killed, however it forks, and the folders are gone."""
    parent = _cgroup_parent()
    if not parent:
        pytest.skip("no cgroup can be made here")
    folder = f"{parent}/contain-test-{os.getpid()}"
    os.makedirs(f"{folder}/below")
    try:
        script = f"echo $$ > {folder}/below/cgroup.procs; touch {tmp_path}/in; while :; do /bin/true & /bin/true; done"
        with subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True) as shell:
            while not (tmp_path / "in").exists():
                assert shell.poll() is None
            undo.remove_cgroup(folder)
            assert shell.wait(10) in {-9, 2}  # killed, or before that no longer able to fork (pids.max is 0 first)
        assert not os.path.exists(folder)
        undo.remove_cgroup(folder)  # a second time is no error
    finally:
        if os.path.exists(folder):
            undo.remove_cgroup(folder)


def test_two_sweeps_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another command has removed a moment before is no problem of ours."""
    path = f"{store.path}/{layout.DEAD}x"
    os.mkdir(path)
    remove = os.rmdir

    def twice(name: str, *, dir_fd: int | None = None) -> None:
        remove(name, dir_fd=dir_fd)
        remove(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", twice)
    assert sweep(store) == []
    assert not os.path.exists(path)
