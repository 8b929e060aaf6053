"""exec as an engine calls it, and the pidfds that are sent."""

from __future__ import annotations

import array
import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]


GONE = "does not exist"


def test_exec_joins_the_container(runtime: Runtime) -> None:
    """Its own pid namespace, host name, root; exit code of the command."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    done = runtime(
        "exec", "--env", "A=b", "--cwd", "/tmp", name, "sh", "-c", "hostname; pwd; echo $A; cat /proc/1/cmdline | tr '\\0' ' '; exit 7"
    )
    assert done.returncode == 7
    assert done.stdout.split("\n") == ["box", "/tmp", "b", "/bin/sleep 100 "]


def test_exec_of_a_missing_program_is_255(runtime: Runtime) -> None:
    """As runc says it."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    assert runtime("exec", name, "nonesuch").returncode == 255
    assert 'exec: "nonesuch": executable file not found in $PATH' in runtime.logged()


def test_exec_takes_a_process_object(runtime: Runtime, tmp_path: Path) -> None:
    """--process FILE: ids, groups and no more capabilities than it names."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    process = {
        "args": ["sh", "-c", "id -u; id -G; grep CapEff /proc/self/status"],
        "cwd": "/",
        "env": ["PATH=/bin"],
        "user": {"uid": 5, "gid": 6, "additionalGids": [7]},
    }
    (tmp_path / "process.json").write_text(json.dumps(process))
    done = runtime("exec", "--process", str(tmp_path / "process.json"), name)
    assert done.stdout.split() == ["5", "6", "7", "CapEff:", "0000000000000000"]


def test_exec_keeps_to_its_processors(runtime: Runtime, tmp_path: Path) -> None:
    """execCPUAffinity.final."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    process = {"args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}
    (tmp_path / "process.json").write_text(json.dumps({**process, "execCPUAffinity": {"initial": "0", "final": "0"}}))
    done = runtime("exec", "--process", str(tmp_path / "process.json"), name)
    assert done.stdout.split() == ["Cpus_allowed_list:", "0"]


def test_exec_in_a_stopped_container_is_refused(runtime: Runtime) -> None:
    """In words that engines know."""
    name = runtime.create("/bin/true")
    runtime("start", name)
    runtime.until(name, "stopped")
    assert runtime("exec", name, "true").returncode == 255
    assert "stopped" in runtime.logged()


def test_detached_exec_goes_on(runtime: Runtime, tmp_path: Path) -> None:
    """-d returns when the program runs; its pid is in the pid file, its cgroup the container's."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    done = runtime(
        "exec",
        "--detach",
        "--pid-file",
        str(tmp_path / "pid"),
        name,
        "sleep",
        "100",
        capture_output=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    pid = (tmp_path / "pid").read_text()
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file, open(f"/proc/{runtime.state(name)['pid']}/cgroup", encoding="utf-8") as own:
        assert file.read() == own.read()


def listening(path: Path) -> socket.socket:
    """A unix socket that waits there."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)
    server.settimeout(30)
    return server


def received(server: socket.socket) -> tuple[bytes, int]:
    """The one message of the one who connected, and its descriptor."""
    peer, _ = server.accept()
    with peer:
        text, fds, _, _ = socket.recv_fds(peer, 100, 1)
    return text, array.array("i", fds)[0]


@pytest.mark.parametrize("verb", ["create", "run"])
def test_pidfd_is_sent(runtime: Runtime, tmp_path: Path, verb: str) -> None:
    """--pidfd-socket: SCM_RIGHTS of a pidfd of init."""
    with listening(tmp_path / "pidfd") as server:
        name = runtime.make(verb, "/bin/sleep", "100", words=("--pidfd-socket", str(tmp_path / "pidfd")))
        text, fd = received(server)
    with os.fdopen(fd), open(f"/proc/self/fdinfo/{fd}", encoding="utf-8") as info:
        assert f"Pid:\t{runtime.state(name)['pid']}\n" in info.read()
    assert text == b"pidfd"


def test_pidfd_of_exec_is_sent(runtime: Runtime, tmp_path: Path) -> None:
    """It is the further process's."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    with listening(tmp_path / "pidfd") as server:
        words = ("--pidfd-socket", str(tmp_path / "pidfd"), "--pid-file", str(tmp_path / "pid"))
        runtime("exec", "-d", *words, name, "sleep", "100", capture_output=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, fd = received(server)
    with os.fdopen(fd), open(f"/proc/self/fdinfo/{fd}", encoding="utf-8") as info:
        assert f"Pid:\t{(tmp_path / 'pid').read_text()}\n" in info.read()


def test_exec_in_a_cgroup_below(runtime: Runtime, tmp_path: Path) -> None:
    """--cgroup PATH, and on v1 with the controllers that it holds for; a way out is refused."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    with open(f"/proc/{runtime.state(name)['pid']}/cgroup", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(":", 2) for line in file]
    v1 = next((path for _, names, path in rows if names == "pids"), "")
    folder = f"/sys/fs/cgroup/{'pids' if v1 else ''}{v1 or rows[0][2]}/below"
    os.mkdir(folder)
    try:
        found = runtime("exec", "--cgroup", "pids:/below" if v1 else "/below", name, "cat", "/proc/self/cgroup").stdout.splitlines()
        assert [line for line in found if line.endswith("/below")] == [line for line in found if ":pids:" in line or not v1]
        assert runtime("exec", "--cgroup", "/../..", name, "true").returncode == 255
        assert "leaves the container's cgroup" in runtime.logged()
        if v1:
            assert runtime("exec", "--cgroup", "nonesuch:/below", name, "true").returncode == 255
    finally:
        os.rmdir(folder)
