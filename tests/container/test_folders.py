"""Whole folders go in and out of a container, however hostile either side is."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import TYPE_CHECKING

import pytest

import contain
from contain import aio
from tests.conftest import children

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import User

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
HOSTILE = {
    "fifo": ("mkfifo /tmp/hostile/fifo", "no regular file|Invalid argument"),
    "absolute link": ("ln -s /etc/passwd /tmp/hostile/link", "leads out"),
    "link that climbs": ("mkdir /tmp/hostile/a; ln -s ../../x /tmp/hostile/a/link", "leads out"),
    "too much": ("head -c 2000000 /dev/zero >/tmp/hostile/large", "more than 1000000 bytes"),
    "sparse": ("truncate -s 64G /tmp/hostile/large", "more than 1000000 bytes"),
    "deep": ("cd /tmp/hostile; for i in $(seq 70); do mkdir d; cd d; done", "folders deep"),
}


@pytest.fixture(scope="module")
def box(busybox: str) -> Iterator[contain.Container]:
    """A container."""
    with contain.Sandbox(rootfs=busybox).start(["sleep", "1000"]) as container:
        yield container


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all that may be in one."""
    top = tmp_path / "folder"
    (top / "below" / "empty").mkdir(parents=True)
    (top / "file").write_bytes(os.urandom(3_000_000))
    (top / "below" / "ümlaut \n name").write_text("text")
    (top / "script").write_text("#!/bin/sh\necho ran\n")
    (top / "script").chmod(0o4755)
    (top / "link").symlink_to("below/../script")
    return top


def seen(top: Path) -> dict[str, tuple[str, int, bytes | str]]:
    """Path → kind, permissions, contents."""
    found: dict[str, tuple[str, int, bytes | str]] = {}
    for here, folders, names in os.walk(top):
        for name in [*folders, *names]:
            path = f"{here}/{name}"
            mode = os.lstat(path).st_mode & 0o777
            if os.path.islink(path):
                found[os.path.relpath(path, top)] = "link", 0, os.readlink(path)
            elif os.path.isdir(path):
                found[os.path.relpath(path, top)] = "folder", mode, b""
            else:
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = "file", mode, file.read()
    return found


def test_there_and_back(box: contain.Container, folder: Path, tmp_path: Path) -> None:
    """Everything, with its permissions, but for set-user-ID; made as root's of the container."""
    box.put(folder, "/tmp/folder")
    assert box.exec(["/tmp/folder/link"]).stdout == b"ran\n"
    assert box.exec(["stat", "-c", "%u %g %a", "/tmp/folder/script"]).stdout == b"0 0 755\n"
    assert box.get("/tmp/folder", tmp_path / "back") == b""
    assert seen(tmp_path / "back") == {name: (kind, mode, data) for name, (kind, mode, data) in seen(folder).items()}
    box.put(folder, "/tmp/folder")  # over itself
    with pytest.raises(FileExistsError):
        box.get("/tmp/folder", tmp_path / "back")


def test_awaited(busybox: str, folder: Path, tmp_path: Path) -> None:
    """The same by contain.aio."""

    async def main() -> None:
        async with aio.Sandbox(rootfs=busybox).start(["sleep", "1000"]) as box:
            await box.put(folder, "/tmp/folder")
            await box.get("/tmp/folder", tmp_path / "back")

    asyncio.run(main())
    assert seen(tmp_path / "back") == seen(folder)


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_container(box: contain.Container, tmp_path: Path, what: str) -> None:
    """An error that names it, and nothing of it is left on the host."""
    script, message = HOSTILE[what]
    box.exec(["sh", "-c", f"rm -rf /tmp/hostile; mkdir /tmp/hostile; echo x >/tmp/hostile/first; {script}"], check=True)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(contain.ContainError, match=message):
        box.get("/tmp/hostile", tmp_path / "got", limit=1_000_000)
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_folder_that_is_a_link(box: contain.Container, folder: Path, tmp_path: Path) -> None:
    """What it names inside is not what it names here: links on the way lead nowhere but inside, and the last one is none of ours to follow."""
    box.exec(["sh", "-c", "rm -rf /tmp/out /tmp/in; ln -s /etc /tmp/out; ln -s ../../../../var /tmp/in"], check=True)
    before = sorted(os.listdir("/var"))
    with pytest.raises(contain.ContainError):
        box.get("/tmp/out", tmp_path / "got")
    with pytest.raises(contain.ContainError):
        box.put(folder, "/tmp/in")
    box.put(folder, "/tmp/in/folder")
    assert sorted(os.listdir("/var")) == before
    assert box.exec(["test", "-f", "/var/folder/file"]).ok


def test_hostile_source(box: contain.Container, tmp_path: Path) -> None:
    """Sockets, fifos and devices of the host are not read, links are not followed."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/link").symlink_to("/etc/shadow")
    box.put(tmp_path / "source", "/tmp/source")
    assert box.exec(["readlink", "/tmp/source/link"]).stdout == b"/etc/shadow\n"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "source/socket"))
        with pytest.raises(contain.UsageError, match="socket is neither"):
            box.put(tmp_path / "source", "/tmp/other")
    (tmp_path / "large").mkdir()
    (tmp_path / "large/file").write_bytes(bytes(100))
    with pytest.raises(contain.ContainError, match="more than 99 bytes"):
        box.put(tmp_path / "large", "/tmp/large", limit=99)


def test_folder_needs_a_target(box: contain.Container) -> None:
    """There are no bytes of it."""
    with pytest.raises(contain.LaunchError, match="it is a folder"):
        box.get("/tmp")


def test_ended_container(busybox: str, folder: Path) -> None:
    """In words."""
    with contain.Sandbox(rootfs=busybox).start(["true"]) as container:
        container.wait(60)
        with pytest.raises(contain.ContainError):
            container.put(folder, "/tmp/x")


def test_ordinary_user(user: User, user_rootfs: str) -> None:
    """Whose container has one id: there and back, with a folder that only its owner may enter."""
    code = f"""
import contain, json, os, tempfile
top = tempfile.mkdtemp()
os.makedirs(top + "/a/b"); open(top + "/a/b/c", "w").write("x"); os.chmod(top + "/a/b", 0o700)
with contain.Sandbox(rootfs={user_rootfs!r}).start(["sleep", "100"]) as box:
    box.put(top + "/a", "/tmp/a")
    box.get("/tmp/a", top + "/back")
print(json.dumps(open(top + "/back/b/c").read()))
"""
    done = user.run([user.python, "-c", code])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "x"


def test_nothing_is_left_running(box: contain.Container, folder: Path, tmp_path: Path) -> None:
    """No descriptor, no child."""
    known = children()
    before = len(os.listdir("/proc/self/fd"))
    box.put(folder, "/tmp/again")
    box.get("/tmp/again", tmp_path / "again")
    assert len(os.listdir("/proc/self/fd")) == before
    assert children() <= known
