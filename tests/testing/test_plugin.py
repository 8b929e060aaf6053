"""The plugin as a user's test suite has it: a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import User

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def test_a_mark_without_names(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """`sandbox("folder")` would be the view of this host."""
    done = suite(f"""
@pytest.mark.sandbox({busybox!r})
def test_run(sandbox):
    pass
""")
    assert done.returncode == 1
    assert "only options by name" in done.stdout


def test_fixtures_and_mark(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """The mark's options reach the sandbox; a container ends with its test."""
    done = suite(f"""
from contain.testing import marked

@marked(rootfs={busybox!r}, hostname="marked")
def test_run(sandbox):
    assert sandbox.run(["hostname"], text=True).stdout == "marked\\n"

@pytest.mark.sandbox(rootfs={busybox!r})
def test_start(container_factory):
    box = container_factory(["sleep", "100"])
    assert box.exec(["true"]).ok
""")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_logs_of_a_failing_test(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """What the container said stands in the report."""
    done = suite(f"""
import contain

@pytest.mark.sandbox(rootfs={busybox!r})
def test_start(container_factory):
    box = container_factory(["sh", "-c", "echo last words; exec sleep 100"])
    box.wait_for(contain.log("last words"))
    raise AssertionError
""")
    assert done.returncode == 1
    assert "stdout" in done.stdout
    assert "\nlast words\n" in done.stdout


def test_plugin_imports_pytest_only(top: str) -> None:
    """Every run of everybody pays for this module."""
    code = "import pytest, sys; before = set(sys.modules); import contain.testing.plugin; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=top).stdout.split()
    assert found == ["contain", "contain.testing", "contain.testing.plugin"]


def test_workers_of_xdist(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """Each has its own sandbox; nothing of one stands in another's way."""
    pytest.importorskip("xdist")
    done = suite(
        f"""
@pytest.mark.sandbox(rootfs={busybox!r})
@pytest.mark.parametrize("number", range(12))
def test_run(sandbox, container_factory, number):
    box = container_factory(["sleep", "1000"])
    assert sandbox.run(["echo", str(number)], text=True).stdout == f"{{number}}\\n"
    assert box.exec(["true"]).ok
""",
        *("-p", "xdist", "-n", "3"),
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr


SHARED = """
import contain, os

def seen(shared_container):
    return shared_container("server", ["sh", "-c", "echo said; exec sleep MARK"], ready=contain.log("said"), rootfs=ROOTFS)
"""


def shared(busybox: str, mark: str) -> str:
    """A test file's head with a container that its tests share."""
    return SHARED.replace("MARK", mark).replace("ROOTFS", repr(busybox))


def marks() -> str:
    """An argument of sleep that no other test has."""
    return f"{31000 + os.getpid() % 1000}.{time.monotonic_ns() % 100000}"


@pytest.mark.parametrize("workers", [0, 3])
def test_container_is_shared_by_name(
    suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str, tmp_path: Path, workers: int
) -> None:
    """One for all workers, whoever asks first; gone at the end of the session, with its logs."""
    pytest.importorskip("xdist")
    mark = marks()
    done = suite(
        f"""{shared(busybox, mark)}
@pytest.mark.parametrize("number", range(12))
def test_it(shared_container, number):
    box = seen(shared_container)
    assert box.logs() == b"said\\n"
    box.exec(["sh", "-c", f"echo {{number}} >>/tmp/numbers"], check=True)
    with open({str(tmp_path / "ids")!r}, "a") as file:
        print(box.id, os.getpid(), file=file)
    if len(open({str(tmp_path / "ids")!r}).readlines()) == 12:
        assert sorted(map(int, box.get("/tmp/numbers").split())) == list(range(12))
""",
        *(("-p", "xdist", "-n", str(workers)) if workers else ()),
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    rows = [line.split() for line in (tmp_path / "ids").read_text().splitlines()]
    assert len({row[0] for row in rows}) == 1
    assert len({row[1] for row in rows}) == max(1, workers)
    assert not is_running(mark)


def test_shared_container_outlives_its_worker(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str, tmp_path: Path) -> None:
    """The worker that started it dies; those after it find the same one."""
    pytest.importorskip("xdist")
    mark = marks()
    done = suite(
        f"""{shared(busybox, mark)}
def test_a(shared_container):
    box = seen(shared_container)
    box.put(b"first", "/tmp/first")
    os.kill(os.getpid(), 9)

def test_b(shared_container):
    assert seen(shared_container).get("/tmp/first") == b"first"
""",
        *("-p", "xdist", "-n", "1"),
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert not is_running(mark)


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
def test_killed_session_ends_what_is_shared(
    suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str, options: tuple[str, ...]
) -> None:
    """SIGKILL of the controller: the worker's container was the controller's."""
    pytest.importorskip("xdist")
    mark = marks()
    done = suite(
        f"""{shared(busybox, mark)}
def test_it(shared_container, request):
    box = seen(shared_container)
    os.kill(getattr(request.config, "workerinput", {{}}).get("contain_owner", [os.getpid()])[0], 9)
""",
        *options,
    )
    assert done.returncode == -9
    deadline = time.monotonic() + 60
    while is_running(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "xdist"])
def test_container_that_is_left_fails_the_session(
    suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str, options: tuple[str, ...]
) -> None:
    """All tests pass, and the run fails; what was left is named, and gone. Other containers of this user are nobody's business."""
    pytest.importorskip("xdist")
    import contain

    mark = marks()
    with contain.Sandbox(rootfs=busybox).start(["sleep", "1000"]) as foreign:
        done = suite(
            f"""
kept = []

@pytest.mark.sandbox(rootfs={busybox!r}, labels={{"mine": "1"}})
def test_it(sandbox):
    kept.append(sandbox.start(["sleep", "{mark}"]))
""",
            *options,
        )
        assert foreign.alive
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "outlived the session" in done.stdout
    assert done.returncode == 1
    assert not is_running(mark)


def test_open_port(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """An open socket, which a container can be given."""
    done = suite(f"""
import socket

@pytest.mark.sandbox(rootfs={busybox!r})
def test_it(container_factory, open_port):
    one, other = open_port(), open_port()
    assert one.getsockname() != other.getsockname()
    one.set_inheritable(True)
    box = container_factory(["readlink", f"/proc/self/fd/{{one.fileno()}}"], pass_fds=[one.fileno()])
    assert b"socket:" in box.wait(60).stdout
""")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_skips_where_it_cannot(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """With what is missing here, and the remedy."""
    done = suite(
        f"""
import contain

@pytest.mark.sandbox(rootfs={busybox!r})
def test_it(sandbox, monkeypatch):
    raise AssertionError

@pytest.fixture(autouse=True)
def poor(monkeypatch):
    def refuse(self, kind):
        raise contain.HostError("no user namespaces", remedy="ask your administrator")
    monkeypatch.setattr(contain.Sandbox, "_compile", refuse)
""",
        "-rs",
    )
    assert "this host cannot: no user namespaces (ask your administrator)" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
def test_killed_session_leaves_nothing(
    suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str, options: tuple[str, ...]
) -> None:
    """SIGKILL of pytest in the middle of a test: its containers are gone soon after, by themselves, and a worker goes too, whatever it does."""
    mark = f"{32000 + os.getpid() % 1000}.25"
    done = suite(
        f"""
import os, signal, time

@pytest.mark.sandbox(rootfs={busybox!r})
def test_it(container_factory, request):
    container_factory(["sleep", "{mark}"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(getattr(request.config, "workerinput", {{}}).get("contain_owner", [os.getpid()])[0], 9)
    while True:
        try:
            time.sleep(1000)
        except KeyboardInterrupt:
            continue
""",
        *options,
    )
    assert done.returncode == -9
    deadline = time.monotonic() + 60
    while is_running(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(mark: str) -> bool:
    """Whether a process with this argument is there."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if file.read() == f"sleep\0{mark}\0".encode():
                    return True
        except OSError:
            continue
    return False


def test_what_a_failing_test_ran(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """A run that failed, with check or without, and a container that the test itself ended; not what went well."""
    done = suite(f"""
import contain
pytestmark = pytest.mark.sandbox(rootfs={busybox!r})

def test_run(sandbox):
    sandbox.run(["echo", "all " + "well"])
    assert sandbox.replace(hostname="x").run(["sh", "-c", "echo why$((1+1)) >&2; exit 3"]).ok

def test_check(sandbox):
    sandbox.run(["sh", "-c", "echo why$((2+2)) >&2; exit 3"], text=True, check=True)

def test_start(sandbox):
    with sandbox.start(["sh", "-c", "echo why$((3+3)); exec sleep 100"]) as box:
        box.wait_for(contain.log("why"))
        raise AssertionError
""")
    assert "3 failed" in done.stdout, done.stdout + done.stderr
    assert [f"\nwhy{number}\n" in done.stdout for number in (2, 4, 6)] == [True] * 3, done.stdout
    assert "sh: exited 3 stderr" in done.stdout
    assert "\nall well\n" not in done.stdout


def test_as_an_ordinary_user(user: User, user_rootfs: str) -> None:
    """All the same, with workers: runs, a container that is shared, one that is left, and the reason where a limit cannot be had."""
    path = f"{user_rootfs}/test_it.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""
import contain, pytest

ALLOWED = ["memory", "pids", "swap"]
OPTIONS = {{"rootfs": {user_rootfs!r}, "allow_missing": ALLOWED}}
pytestmark = pytest.mark.sandbox(**OPTIONS)
KEPT = []

@pytest.mark.parametrize("number", range(4))
def test_run(sandbox, shared_container, number):
    assert sandbox.run(["echo", str(number)], text=True).stdout == f"{{number}}\\n"
    shared = shared_container("one", ["sh", "-c", "echo here; exec sleep 1000"], ready=contain.log("here"), **OPTIONS)
    assert shared.exec(["true"]).ok
    with contain.Network() as network, contain.Cluster(contain.Sandbox(**OPTIONS), 2, command=["sleep", "1000"], network=network) as cluster:
        assert len(cluster) == 2

def test_left(sandbox):
    KEPT.append(sandbox.start(["sleep", "1000"]))
""")
    words = [
        user.python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "contain.testing.plugin",
        "-p",
        "xdist",
        "-p",
        "no:cacheprovider",
        "-n",
        "2",
        path,
    ]
    done = user.run(words, env={**user.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert ("5 passed" in done.stdout, done.stdout.count("outlived"), done.returncode) == (True, 1, 1), done.stdout + done.stderr
