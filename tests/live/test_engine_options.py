"""Options of engines: sockets that get a pidfd, cgroups of exec, links named runc, readiness, classes of RDT, calls side by side."""

from __future__ import annotations

import array
import os
import select
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]

GONE = "does not exist"


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


@pytest.mark.any_kernel
@pytest.mark.parametrize("verb", ["create", "run"])
def test_pidfd_is_sent(runtime: Runtime, tmp_path: Path, verb: str) -> None:
    """--pidfd-socket: SCM_RIGHTS of a pidfd of init."""
    with listening(tmp_path / "pidfd") as server:
        name = runtime.make(verb, "/bin/sleep", "100", words=("--pidfd-socket", str(tmp_path / "pidfd")))
        text, fd = received(server)
    with os.fdopen(fd), open(f"/proc/self/fdinfo/{fd}", encoding="utf-8") as info:
        assert f"Pid:\t{runtime.state(name)['pid']}\n" in info.read()
    assert text == b"pidfd"


@pytest.mark.any_kernel
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


def test_kill_all(runtime: Runtime) -> None:
    """A stopped container may be asked again; what was executed beside its main process goes with it."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    assert runtime("kill", "--all", name, "KILL").returncode == 0
    runtime.until(name, "stopped")
    assert runtime("kill", "--all", name, "KILL").returncode == 0


def test_kill_all_without_a_pid_namespace(runtime: Runtime) -> None:
    """What outlived the main process, which only the cgroup holds together then, is reached by --all when the container has stopped."""
    shared = {"namespaces": [row for row in CONFIG["linux"]["namespaces"] if row["type"] != "pid"]}
    name = runtime.create("/bin/sh", "-c", "sleep 1000 & echo $!", linux=shared)
    runtime("start", name)
    runtime.until(name, "stopped")
    pidfd = os.pidfd_open(int(runtime.said()))
    try:
        assert runtime("kill", name, "KILL").returncode == 1
        assert select.select([pidfd], [], [], 0) == ([], [], [])
        assert runtime("kill", "--all", name, "KILL").returncode == 0
        assert select.select([pidfd], [], [], 60) == ([pidfd], [], [])
    finally:
        os.close(pidfd)


@pytest.mark.any_kernel
def test_options_that_take_effect_nowhere(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """They are runc's, and accepted."""
    name = runtime.create("/bin/sleep", "100", words=("--no-mount-fallback", "--no-new-keyring", "--no-pivot=false"))
    assert runtime("start", name).returncode == 0
    assert runtime("exec", "--no-subreaper", name, "true").returncode == 0
    bundle = make_bundle("/bin/true")
    assert runtime("--rootless", "auto", "run", "--no-subreaper", "--no-mount-fallback", "-b", bundle, runtime.named()).returncode == 0


def test_without_cgroups(runtime: Runtime) -> None:
    """--cgroup-manager disabled: the caller's own cgroups."""
    name = runtime.create("/bin/sleep", "100", before=("--cgroup-manager", "disabled"))
    with open(f"/proc/{runtime.state(name)['pid']}/cgroup", encoding="utf-8") as file, open("/proc/self/cgroup", encoding="utf-8") as own:
        assert file.read() == own.read()


@pytest.mark.any_kernel
def test_detached_run(runtime: Runtime) -> None:
    """It goes on when `run --detach` has returned, and is deleted like any other."""
    name = runtime.make("run", "/bin/sleep", "100", words=("--detach",))
    assert runtime.state(name)["status"] == "running"
    assert runtime("delete", name).returncode == 1
    assert runtime("delete", "--force", name).returncode == 0
    assert "does not exist" in runtime("state", name).stderr


@pytest.mark.any_kernel
def test_listening_descriptors_are_passed(runtime: Runtime) -> None:
    """LISTEN_FDS of the caller: the program has them from 3 on, and LISTEN_PID is its own."""
    read, write = os.pipe()
    try:
        script = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ |= {'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())};"
        script += "os.execvp(sys.argv[2], sys.argv[2:])"
        name = runtime.create(
            "/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_PID >&3; exec 3>&-", under=("python3", "-c", script, str(write)), pass_fds=(write,)
        )
        runtime("start", name)
        assert os.read(read, 100) == b"1 1\n"
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.any_kernel
@pytest.mark.parametrize("link", ["runc", "crun"])
def test_links(runtime: Runtime, tmp_path: Path, link: str) -> None:
    """Called by another runtime's name: its version line, its exit code, its log."""
    stub = runtime.stub()
    os.symlink(stub, tmp_path / link)
    said = subprocess.run([str(tmp_path / link), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0].startswith(f"{link} version ")
    assert said[1].startswith("spec: 1.")
    done = subprocess.run([str(tmp_path / link), "list", "--nonsense"], capture_output=True, text=True, check=False)
    assert (done.returncode, "no such option" in done.stderr.lower()) == (1, True)


@pytest.mark.any_kernel
def test_mistakes_of_the_command_line_are_logged(runtime: Runtime) -> None:
    """Whoever gives a log reads it, whatever the mistake was; the exit code is runc's."""
    for words in (("nonesuch",), ("list", "--nonesuch"), ("run", "--nonesuch", "x"), ("create", "--preserve-fds", "many", "x")):
        done = runtime(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert runtime.logged().splitlines()[0] == done.stderr.splitlines()[0]


@pytest.mark.any_kernel
def test_classes_of_rdt(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """A kernel without resctrl refuses them; `update` of a container in no class says so."""
    if os.path.ismount("/sys/fs/resctrl"):
        pytest.skip("this machine has resctrl")
    linux = {**CONFIG["linux"], "intelRdt": {"l3CacheSchema": "L3:0=f"}}
    assert runtime("create", "--bundle", make_bundle("/bin/true", linux=linux), "rdt").returncode == 1
    assert "intelRdt cannot be had" in runtime.logged()
    name = runtime.create("/bin/sleep", "100")
    assert runtime("update", "--l3-cache-schema", "L3:0=f", name).returncode == 1
    assert "in no class of RDT" in runtime.logged()


def at_once(runtime: Runtime, *calls: tuple[str, ...]) -> list[int]:
    """The exit codes of calls that run side by side."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen([*runtime.words(), *words], env=runtime.environment(), **streams) for words in calls]
    return sorted(one.wait(100) for one in running)


@pytest.mark.any_kernel
def test_calls_on_one_id_are_serialised(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """One of several makes it, one starts it, all that delete it by force succeed."""
    name, bundle = runtime.named(), make_bundle("/bin/sleep", "100")
    assert at_once(runtime, *[("create", "--bundle", bundle, name)] * 4) == [0, 1, 1, 1]
    assert at_once(runtime, *[("start", name)] * 4) == [0, 1, 1, 1]
    assert at_once(runtime, ("pause", name), ("pause", name)) == [0, 1]
    assert at_once(runtime, *[("delete", "--force", name)] * 4) == [0, 0, 0, 0]
    assert GONE in runtime("state", name).stderr


@pytest.mark.any_kernel
def test_many_ids_at_once(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """As shims and conmons start them."""
    names, bundle = [runtime.named() for _ in range(6)], make_bundle("/bin/sleep", "100")
    assert at_once(runtime, *[("create", "--bundle", bundle, name) for name in names]) == [0] * 6
    assert at_once(runtime, *[("start", name) for name in names]) == [0] * 6
    assert at_once(runtime, *[("delete", "--force", name) for name in names]) == [0] * 6


@pytest.mark.any_kernel
def test_log_that_cannot_be_written(runtime: Runtime) -> None:
    """The words are on stderr all the same."""
    done = runtime("--log", "/nowhere/log", "state", "nobody")
    assert (done.returncode, GONE in done.stderr) == (1, True)
    done = runtime("--log", "/nowhere/log", "list", "--nonesuch")
    assert done.returncode == 1
    assert "bug" not in done.stderr
