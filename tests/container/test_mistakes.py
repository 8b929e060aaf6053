"""What one may get wrong in a call: said as a UsageError that names it, before anything runs, and with nothing of the caller's touched."""

from __future__ import annotations

import gc
import io
import json
import os
import socket
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

import contain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
TRUE = ["true"]
library: Any = contain  # whatever a type checker says


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (3, "no list: 3"),
        (["echo", 3], "no text: 3"),
        (["echo", b"x"], "no text: b'x'"),
        (["echo", "a\0b"], "no text: 'a"),
        ([], "is empty"),
    ],
)
def test_command(command: Any, named: str) -> None:
    """The word that is none is named."""
    with pytest.raises(contain.UsageError, match=named):
        contain.run(command)


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": 3},
        {"errors": "bogus", "text": True},
        {"cwd": 3},
        {"cwd": b"/usr"},
        {"pass_fds": 3},
        {"pass_fds": [True]},
        {"stdout": io.BytesIO()},
        {"stdin": 1000000},
        {"stdout": True},
        {"timeout": "soon"},
        {"cpu_time": "-1s"},
        {"volume": 3},
        {"tmpfs": object()},
        {"labels": 3},
        {"ulimits": {"nofile": object()}},
        {"env": 3},
        {"pid_file": object()},
        {"cgroup_parent": object()},
        {"memory": b"64m"},
        {"allow_missing": 3},
        {"network": contain.Network},
    ],
    ids=str,
)
def test_option(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a type that it cannot be: no error from inside, no file that has its name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(contain.UsageError):
        contain.run(TRUE, **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "remedy"), [("shell", '["sh", "-c"'), ("universal_newlines", "text=True"), ("preexec_fn", '"sh"'), ("close_fds", "pass_fds")]
)
def test_names_of_subprocess(name: str, remedy: str) -> None:
    """That mean nothing here: what to write instead."""
    options: dict[str, Any] = {name: True}
    with pytest.raises(contain.UsageError) as caught:
        contain.run(TRUE, **options)
    assert remedy in caught.value.remedy


def test_closed_file() -> None:
    """As a stream."""
    with open(os.devnull, "rb") as file:
        pass
    with pytest.raises(contain.UsageError, match="no open descriptor"):
        contain.run(TRUE, stdin=file)


def test_times_as_texts(busybox: str) -> None:
    """A run takes a time as the sandbox and the command line do."""
    assert contain.run(["sleep", "1000"], rootfs=busybox, timeout="200ms").reason is contain.Reason.TIMEOUT
    box = contain.Sandbox(rootfs=busybox)
    assert box.run(TRUE, timeout="1m30s", cpu_time="1m").ok
    with box.start(["sleep", "1000"], timeout="1m") as one:
        assert one.exec(["sleep", "1000"], timeout="200ms").reason is contain.Reason.TIMEOUT


@pytest.fixture(scope="module")
def box(busybox: str) -> Iterator[contain.Container]:
    """One that runs."""
    with contain.Sandbox(rootfs=busybox).start(["sh", "-c", "echo hello; exec sleep 1000"]) as one:
        one.wait_for(contain.log("hello"))
        yield one


@pytest.mark.parametrize(
    "mistake",
    [
        lambda box: box.wait("x"),
        lambda box: box.wait(float("nan")),
        lambda box: box.stop("x"),
        lambda box: box.wait_for(contain.port(80), timeout="x"),
        lambda box: box.wait_for(contain.port(80), timeout=None),
        lambda box: box.logs(tail="2"),
        lambda box: box.exec(3),
        lambda box: box.exec(TRUE, timeout=-1),
        lambda box: box.exec(TRUE, timeout="x"),
        lambda box: box.exec(TRUE, cwd=3),
        lambda box: box.put(3, "/tmp/x"),
        lambda box: box.put(None, "/tmp/x"),
        lambda box: box.put(b"x", 3),
        lambda box: box.put(b"x", "/tmp/x", mode="755"),
        lambda box: box.put(b"x", "/tmp/x", mode=-1),
        lambda box: box.get(3),
        lambda box: box.connect("80"),
        lambda box: box.connect(99999),
        lambda box: box.connect(80, timeout="x"),
        lambda box: box.publish(80, "x"),
        lambda box: box.publish(80, (1, 2)),
        lambda box: library.file(3),
        lambda box: library.log(3),
        lambda box: library.url(80, 3),
    ],
)
def test_container(box: contain.Container, mistake: Callable[[contain.Container], Any]) -> None:
    """And it runs on."""
    with pytest.raises(contain.UsageError):
        mistake(box)
    assert box.alive


def test_get_takes_no_descriptor(box: contain.Container) -> None:
    """Which open() would write to, and close."""
    with open(os.devnull, "wb") as file:
        with pytest.raises(contain.UsageError, match="target is a path"):
            box.get("/etc/passwd", file.fileno())  # type: ignore[arg-type]
        os.fstat(file.fileno())


def test_signal_of_a_process(box: contain.Container) -> None:
    """One that is none; and one by its name."""
    with box.popen(["sleep", "1000"]) as process:
        with pytest.raises(contain.UsageError, match="unknown signal"):
            process.send_signal(999)
        process.send_signal("TERM")
        assert process.wait(60).signal == 15


def test_not_ready_has_the_last_words(box: contain.Container) -> None:
    """Of one that lives."""
    with pytest.raises(TimeoutError, match="hello"):
        box.wait_for(lambda _: False, timeout=0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"args": "abc"}, "args is one text"),
        ({"args": [1]}, "no text: 1"),
        ({"packages": [3]}, "no text: 3"),
        ({"packages": ["###"]}, "no name"),
        ({"packages": ["pytest>=99"]}, "no name"),
        ({"packages": ["pytest; python_version > '2'"]}, "no name"),
        ({"packages": ["pytest[nothing]"]}, "no extra nothing"),
        ({"python": "/bin/true"}, "no interpreter"),
        ({"python": 3}, "is a path"),
        ({"python": sys.executable, "packages": ["no-such-thing"]}, "not installed"),
    ],
)
def test_run_python(options: dict[str, Any], named: str) -> None:
    """What no interpreter and no installed distribution can give is never left out silently."""
    with pytest.raises(contain.UsageError, match=named) as caught:
        contain.run_python("", **options)
    assert caught.value.remedy


def test_closed_archive(busybox: str, tmp_path: Path) -> None:
    """What was unpacked is gone, for what was derived of it too."""
    manifest = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "a.example/b", "labels": [{"name": "os", "value": "linux"}]}
    archive = str(tmp_path / "b.aci")
    data = json.dumps(manifest).encode()
    with tarfile.open(archive, "w") as out:
        entry = tarfile.TarInfo("manifest")
        entry.size = len(data)
        out.addfile(entry, io.BytesIO(data))
        out.add(f"{busybox}/bin", "rootfs/bin")
    with contain.Sandbox(image=archive) as box:
        other = box.named("other")
        assert box.run(TRUE).ok
    for attempt in (lambda: box.run(TRUE), lambda: box.start(TRUE), lambda: other.run(TRUE), lambda: box.run(TRUE, cpu_time=1)):
        with pytest.raises(contain.StateError, match="closed"):
            attempt()


def test_what_is_let_go_holds_no_descriptor(busybox: str) -> None:
    """A container and a process that were waited for, and never closed."""
    box = contain.Sandbox(rootfs=busybox)
    box.start(TRUE).wait(60)
    with box.start(["sleep", "1000"]) as one:
        one.popen(TRUE, stdout=contain.DEVNULL, stderr=contain.DEVNULL).wait(60)
        gc.collect()
        before = sorted(os.listdir("/proc/self/fd"))
        for _ in range(5):
            assert box.start(TRUE).wait(60).ok
            assert one.popen(TRUE, stdout=contain.DEVNULL, stderr=contain.DEVNULL).wait(60).ok
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == len(before)


def test_process_that_is_to_be_checked(box: contain.Container) -> None:
    """Each wait() raises; the container goes on."""
    with box.popen(["false"], stdout=contain.DEVNULL, check=True) as process:
        for _ in range(2):
            with pytest.raises(contain.Failed, match="exited with 1"):
                process.wait(60)


def test_one_that_ends_just_now(busybox: str) -> None:
    """Whose folder of state is being removed while it is asked for something: said as of one that has ended."""
    with contain.Sandbox(rootfs=busybox).start(["sleep", "1000"]) as one:
        os.unlink(f"{one.root}/{one.id}/config.json")
        for attempt in (lambda: one.connect(80), lambda: one.exec(TRUE), lambda: one.put(b"x", "/tmp/x"), lambda: one.get("/etc/passwd")):
            with pytest.raises(contain.StateError, match="has ended"):
                attempt()
        host, port = one.publish(80)
        with socket.create_connection((host, port)) as client:
            assert client.recv(1) == b""
        with socket.create_connection((host, port)) as client:  # its thread lives
            assert client.recv(1) == b""


def test_one_that_ends_while_it_is_asked(busybox: str) -> None:
    """Whatever a condition meets of its end, it is Dead; a command that cannot be executed is another matter."""

    def until_it_is_gone(one: contain.Container) -> None:
        one.kill()
        while True:
            one.exec(TRUE)

    box = contain.Sandbox(rootfs=busybox)
    for _ in range(8):
        with box.start(["sh", "-c", "echo words; exec sleep 1000"]) as one:
            one.wait_for(contain.log("words"))
            with pytest.raises(contain.Dead, match="words"):
                one.wait_for(until_it_is_gone)
    with box.start(["sleep", "1000"]) as one, pytest.raises(contain.LaunchError, match="not found"):
        one.wait_for(contain.command(["no-such-program"]))
