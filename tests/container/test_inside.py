"""What goes in and out of a running container: files, connections, published ports, further processes."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

import contain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
TRAPS = """
ln -s /etc/passwd /tmp/inside; ln -s ../../../../../../../../tmp/traps /tmp/up; mkfifo /tmp/fifo; touch /tmp/setuid; chmod 4755 /tmp/setuid
while :; do nc -l -p 8080 -e cat; done
"""


@pytest.fixture(scope="module")
def box(busybox: str) -> Iterator[contain.Container]:
    """A container with traps in /tmp and an echo server on 8080."""
    with contain.Sandbox(rootfs=busybox).start(["sh", "-c", TRAPS]) as container:
        container.wait_for(contain.port(8080))
        yield container


def test_bytes_go_in_and_out(box: contain.Container) -> None:
    """Made as root's of the container, whoever we are; more than a pipe holds."""
    data = os.urandom(300_000)
    box.put(data, "/tmp/data")
    assert box.get("/tmp/data") == data
    assert box.exec(["stat", "-c", "%u %g %a", "/tmp/data"]).stdout == b"0 0 644\n"
    box.put(b"short", "/tmp/data")
    assert box.get("/tmp/data") == b"short"


def test_files_go_in_and_out(box: contain.Container, tmp_path: Path) -> None:
    """With their permissions, but for set-user-ID."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o4755)
    box.put(script, "/tmp/script")
    assert box.exec(["/tmp/script"]).stdout == b"ran\n"
    assert box.exec(["stat", "-c", "%a", "/tmp/script"]).stdout == b"755\n"
    assert box.get("/tmp/script", tmp_path / "back") == script.read_bytes()
    assert (tmp_path / "back").read_bytes() == script.read_bytes()


def test_links_stay_inside(box: contain.Container) -> None:
    """Absolute ones and those that climb end at the container's root; what they name is the container's."""
    box.put(b"own", "/tmp/traps")
    assert box.get("/tmp/up") == b"own"
    box.put(b"through", "/tmp/up")
    assert box.get("/tmp/traps") == b"through"
    assert not os.path.exists("/tmp/traps")


def test_overwriting_clears_setuid(box: contain.Container) -> None:
    """Else somebody inside could have us fill a program that runs as its owner."""
    box.put(b"x", "/tmp/setuid", mode=0o6711)
    assert box.exec(["stat", "-c", "%a", "/tmp/setuid"]).stdout == b"711\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/tmp/fifo", "no regular file"),
        ("/dev/null", "no regular file"),
        ("/tmp", "a folder"),
        ("/none/x", "No such file"),
        ("x", "absolute"),
    ],
)
def test_what_is_no_file(box: contain.Container, path: str, message: str) -> None:
    """Neither read nor written, and nobody waits for a fifo."""
    with pytest.raises(contain.ContainError, match=message):
        box.get(path)
    with pytest.raises(contain.ContainError, match=message):
        box.put(b"", path)


def test_size_is_bounded(box: contain.Container) -> None:
    """Both ways."""
    box.put(b"12345", "/tmp/five", limit=5)
    assert box.get("/tmp/five", limit=5) == b"12345"
    with pytest.raises(contain.ContainError, match="larger than 4"):
        box.get("/tmp/five", limit=4)
    with pytest.raises(contain.ContainError, match="more than 4"):
        box.put(b"12345", "/tmp/five", limit=4)


def test_what_bytes_and_sizes_may_be(box: contain.Container) -> None:
    """Anything like bytes; a limit as text too."""
    for data in (bytearray(b"data"), memoryview(b"data")):
        box.put(data, "/tmp/bytes", limit="1k")  # type: ignore[arg-type]
        assert box.get("/tmp/bytes", limit="1k") == b"data"
    for wrong in ("3", "much"):
        with pytest.raises(contain.ContainError):
            box.get("/tmp/bytes", limit=wrong)


def test_connection_to_inside(box: contain.Container) -> None:
    """By a socket made inside: the host has no such port."""
    with box.connect(8080) as connection:
        connection.sendall(b"ping")
        assert connection.recv(100) == b"ping"
    box.wait_for(contain.port(8080))
    with pytest.raises(ConnectionRefusedError):
        box.connect(8081)


def test_published_port(box: contain.Container) -> None:
    """An address of this host; both directions, a half-closed stream, more than fits in buffers."""
    address = box.publish(8080)
    for size in (10, 1_000_000):
        box.wait_for(contain.port(8080))
        with socket.create_connection(address) as client:
            data = os.urandom(size)
            got = bytearray()
            left = memoryview(data)
            client.settimeout(60)
            while len(got) < size:
                if left:
                    left = left[client.send(left[:4096]) :]
                got += client.recv(1 << 16)
            assert bytes(got) == data
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""


def test_published_port_that_nobody_listens_on(box: contain.Container) -> None:
    """The client sees the end."""
    with socket.create_connection(box.publish(9)) as client:
        client.settimeout(60)
        assert client.recv(1) == b""


def test_what_is_no_port_and_no_condition(box: contain.Container) -> None:
    """Said at once."""
    with pytest.raises(contain.UsageError, match="is no port"):
        box.publish(99_999)
    with pytest.raises(contain.UsageError, match="is no port"):
        box.publish(8080, ("127.0.0.1", 99_999))
    for condition in ("ready", 8080, None):
        with pytest.raises(contain.UsageError, match="is no condition"):
            box.wait_for(condition)  # type: ignore[arg-type]
    with pytest.raises(contain.UsageError, match="no absolute path"):
        contain.file("tmp/ready")


def test_further_process_with_pipes(box: contain.Container) -> None:
    """As subprocess.Popen: written to and read from while it runs."""
    with box.popen(["cat"], stdin=contain.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.poll() is None
        process.stdin.write("line\n")
        process.stdin.flush()
        assert process.stdout.readline() == "line\n"
        process.stdin.close()
        assert process.wait(60).returncode == 0
        assert process.stdout.read() == ""


def test_further_process_gets_signals(box: contain.Container) -> None:
    """Any, through its monitor; and kill."""
    with box.popen(["sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done"]) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(10)
        assert process.wait(60).returncode == 9
    with box.popen(["sleep", "1000"]) as process:
        process.kill()
        assert process.wait(60).reason is contain.Reason.KILLED


def test_further_process_that_does_not_exist(box: contain.Container) -> None:
    """An error at once, and no descriptor is left."""
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(contain.LaunchError, match="not found"):
        box.popen(["nonesuch"])
    assert len(os.listdir("/proc/self/fd")) == before


def test_waiting_for_a_command(box: contain.Container) -> None:
    """Until it ends with 0."""
    box.put(b"", "/tmp/there")
    box.wait_for(contain.command(["test", "-e", "/tmp/there"]))
    with pytest.raises(TimeoutError):
        box.wait_for(contain.command(["false"]), timeout=0.1)


def test_waiting_for_a_url(busybox: str) -> None:
    """An answer with the status that was asked for."""
    answer = "while :; do printf 'HTTP/1.0 418 Teapot\\r\\n\\r\\n' | nc -l -p 8081; done"
    with contain.Sandbox(rootfs=busybox).start(["sh", "-c", answer]) as server:
        server.wait_for(contain.url(8081, status=418))
        with pytest.raises(TimeoutError):
            server.wait_for(contain.url(8081), timeout=0.1)


def test_waiting_for_a_dead_one(busybox: str) -> None:
    """Dead, whatever was waited for."""
    for ready in (contain.url(80), contain.command(["true"]), contain.file("/x")):
        with contain.Sandbox(rootfs=busybox).start(["false"]) as box:
            box.wait(60)
            with pytest.raises(contain.Dead):
                box.wait_for(ready)


def test_nothing_is_left_after_publishing(busybox: str) -> None:
    """No descriptor, no thread."""
    import threading

    sandbox = contain.Sandbox(rootfs=busybox)
    sandbox.run(["true"])
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    with sandbox.start(["sleep", "1000"]) as container:
        container.publish(80)
        container.put(b"x", "/tmp/x")
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (before, threads)


def test_ended_container_lends_nothing(busybox: str) -> None:
    """In words."""
    with contain.Sandbox(rootfs=busybox).start(["true"]) as container:
        container.wait(60)
        with pytest.raises(contain.ContainError):
            container.get("/etc/passwd")
