"""create, start, state, kill, delete and exec as an engine calls them: real containers, the state model of the OCI."""

from __future__ import annotations

import array
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contain.container import notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import User
    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]


def test_statuses_follow_the_model(runtime: Runtime) -> None:
    """created → running → stopped → gone, with pid and bundle in the state."""
    name = runtime.create("/bin/sleep", "100")
    created = runtime.state(name)
    assert (created["status"], created["id"]) == ("created", name)
    assert os.path.exists(f"/proc/{created['pid']}")
    assert runtime("start", name).returncode == 0
    assert runtime.state(name)["status"] == "running"
    assert runtime("kill", name, "KILL").returncode == 0
    assert runtime.until(name, "stopped").get("pid", 0) == 0
    assert runtime("delete", name).returncode == 0
    assert "does not exist" in runtime("state", name).stderr


def test_program_runs_only_after_start(runtime: Runtime) -> None:
    """Between create and start nothing of the program has happened."""
    name = runtime.create("/bin/echo", "ran")
    assert runtime.said() == ""
    assert runtime("start", name).returncode == 0
    runtime.until(name, "stopped")
    assert runtime.said() == "ran\n"


def test_second_start_is_refused(runtime: Runtime) -> None:
    """The words are runc's."""
    name = runtime.create("/bin/sleep", "100")
    assert runtime("start", name).returncode == 0
    again = runtime("start", name)
    assert again.returncode == 1
    assert "cannot start an already running container" in runtime.logged()


def test_running_container_is_not_deleted(runtime: Runtime) -> None:
    """Without --force, in runc's words."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    assert runtime("delete", name).returncode == 1
    assert f"cannot delete container {name} that is not stopped: running" in runtime.logged()


def test_created_container_is_deleted_without_force(runtime: Runtime) -> None:
    """Its init is killed, as runc does."""
    name = runtime.create("/bin/sleep", "100")
    pid = runtime.state(name)["pid"]
    assert runtime("delete", name).returncode == 0
    assert not os.path.exists(f"/proc/{pid}/root/bin")


def test_missing_container_is_no_error_with_force(runtime: Runtime) -> None:
    """`delete --force` of nothing succeeds, `delete` says that it does not exist."""
    assert runtime("delete", "--force", "nobody").returncode == 0
    assert runtime("delete", "nobody").returncode == 1
    assert "does not exist" in runtime.logged()


def test_missing_program_is_found_at_create(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """Docker shows what create says, and makes exit code 127 of it."""
    done = runtime("create", "--bundle", make_bundle("nonesuch"), "missing")
    assert done.returncode == 1
    assert 'exec: "nonesuch": executable file not found in $PATH' in runtime.logged()
    assert not os.path.isdir(f"{runtime.root}/missing")


def test_program_removed_after_create_is_named_by_start(runtime: Runtime, rootfs: str) -> None:
    """start says why the program could not be executed."""
    os.link(f"{rootfs}/bin/busybox", f"{rootfs}/bin/true2")
    name = runtime.create("/bin/true2")
    os.unlink(f"{rootfs}/bin/true2")
    assert runtime("start", name).returncode == 1
    assert "no such file or directory" in runtime.logged()
    assert runtime.state(name)["status"] == "stopped"


def test_start_of_dead_init_does_not_hang(runtime: Runtime) -> None:
    """An init that was killed at the gate: start says so at once."""
    name = runtime.create("/bin/true")
    os.kill(runtime.state(name)["pid"], 9)
    runtime.until(name, "stopped")
    assert runtime("start", name).returncode == 1
    assert "has stopped" in runtime.logged()


def test_config_changed_after_create_means_nothing(runtime: Runtime, tmp_path: Path) -> None:
    """Only the copy in the state folder is used later."""
    name = runtime.create("/bin/echo", "first")
    (tmp_path / "config.json").write_text("{}")
    assert runtime("start", name).returncode == 0
    runtime.until(name, "stopped")
    assert runtime.said() == "first\n"


def test_pid_file_has_the_pid_and_no_newline(runtime: Runtime, tmp_path: Path) -> None:
    """As conmon and the shim read it."""
    name = runtime.create("/bin/sleep", "100", words=("--pid-file", str(tmp_path / "pid")))
    assert (tmp_path / "pid").read_text() == str(runtime.state(name)["pid"])


def test_signals_by_number_and_name(runtime: Runtime) -> None:
    """kill takes TERM, SIGTERM and 15; the default is TERM."""
    name = runtime.create("/bin/sh", "-c", "trap 'echo got; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    runtime("start", name)
    deadline = time.monotonic() + 30
    while runtime.said() != "ready\n":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert runtime("kill", name, "SIGTERM").returncode == 0
    runtime.until(name, "stopped")
    assert runtime.said() == "ready\ngot\n"
    assert runtime("kill", name, "TERM").returncode == 1
    assert any(words in runtime.logged() for words in ("container not running", "no such process", "process already finished"))


def test_hooks_run_in_order(runtime: Runtime, tmp_path: Path) -> None:
    """Each hook has the state on its stdin; poststart comes after start, poststop after delete."""
    trail = tmp_path / "trail"
    script = tmp_path / "hook"
    script.write_text(f'#!/bin/sh\nread first; cat >/dev/null; echo "$1" >> {trail}\n')
    script.chmod(0o755)
    kinds = ("prestart", "createRuntime", "poststart", "poststop")
    name = runtime.create("/bin/true", hooks={kind: [{"path": str(script), "args": ["hook", kind]}] for kind in kinds})
    assert trail.read_text().split() == ["prestart", "createRuntime"]
    assert runtime("start", name).returncode == 0
    assert trail.read_text().split() == ["prestart", "createRuntime", "poststart"]
    runtime.until(name, "stopped")
    assert runtime("delete", name).returncode == 0
    assert trail.read_text().split() == list(kinds)


def test_exec_joins_the_container(runtime: Runtime) -> None:
    """Its own pid namespace, host name, root; exit code of the command."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    done = runtime(
        "exec", "--env", "A=b", "--cwd", "/tmp", name, "sh", "-c", "hostname; pwd; echo $A; cat /proc/1/cmdline | tr '\\0' ' '; exit 7"
    )
    assert done.returncode == 7
    assert done.stdout.split("\n") == ["box", "/tmp", "b", "/bin/sleep 100 "]


def test_an_ordinary_user_execs_into_a_run(user: User, user_rootfs: str) -> None:
    """Its init of contain's lets nobody look into it; the program is joined instead."""
    words = [*user.command(), "run", "--name", "execs", "-i", user_rootfs, "--", "sh", "-c", "echo ready; exec cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **user.options()) as running:
        assert running.stdin
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        done = user.contain("exec", "execs", "sh", "-c", "hostname; cat /proc/1/comm")
        running.stdin.close()
    assert (done.returncode, done.stdout, done.stderr) == (0, "contain\ncontain-init\n", "")


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


def test_kill_all(runtime: Runtime) -> None:
    """A stopped container may be asked again; what was executed beside its main process goes with it."""
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    assert runtime("kill", "--all", name, "KILL").returncode == 0
    runtime.until(name, "stopped")
    assert runtime("kill", "--all", name, "KILL").returncode == 0


def test_options_that_take_effect_nowhere(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """They are runc's, and accepted."""
    name = runtime.create("/bin/sleep", "100", words=("--no-mount-fallback", "--no-new-keyring", "--no-pivot=false"))
    assert runtime("start", name).returncode == 0
    assert runtime("exec", "--no-subreaper", name, "true").returncode == 0
    bundle = make_bundle("/bin/true")
    assert runtime("--rootless", "auto", "run", "--no-subreaper", "--no-mount-fallback", "-b", bundle, "other").returncode == 0


def test_without_cgroups(runtime: Runtime) -> None:
    """--cgroup-manager disabled: the caller's own cgroups."""
    name = runtime.create("/bin/sleep", "100", before=("--cgroup-manager", "disabled"))
    with open(f"/proc/{runtime.state(name)['pid']}/cgroup", encoding="utf-8") as file, open("/proc/self/cgroup", encoding="utf-8") as own:
        assert file.read() == own.read()


def test_detached_run(runtime: Runtime) -> None:
    """It goes on when `run --detach` has returned, and is deleted like any other."""
    name = runtime.make("run", "/bin/sleep", "100", words=("--detach",))
    assert runtime.state(name)["status"] == "running"
    assert runtime("delete", name).returncode == 1
    assert runtime("delete", "--force", name).returncode == 0
    assert "does not exist" in runtime("state", name).stderr


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


def test_mistakes_of_the_command_line_are_logged(runtime: Runtime) -> None:
    """Whoever gives a log reads it, whatever the mistake was; the exit code is runc's."""
    for words in (("nonesuch",), ("list", "--nonesuch"), ("run", "--nonesuch", "x"), ("create", "--preserve-fds", "many", "x")):
        done = runtime(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert runtime.logged().splitlines()[0] == done.stderr.splitlines()[0]


@pytest.mark.parametrize("how", ["start", "run", "detached run"])
def test_readiness_is_passed_on(
    runtime: Runtime, tmp_path: Path, make_bundle: Callable[..., str], rootfs: str, payload: str, how: str
) -> None:
    """NOTIFY_SOCKET: the program's READY=1 reaches the caller's socket by `start` and `run`, and its pid unless we stay; nothing else does."""
    shutil.copy(payload, f"{rootfs}/bin/payload")
    program = ("/bin/payload", "notify", "STATUS=x", "STATUS=y\nREADY=1\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.bind(str(tmp_path / "caller"))
        caller.settimeout(60)
        waited = {"NOTIFY_SOCKET": str(tmp_path / "caller")}
        if how == "start":
            name = runtime.create(*program, env=waited)
            words = ["start", name]
        else:
            name = runtime.named()
            words = ["run", *(["--detach"] if how == "detached run" else []), "--bundle", make_bundle(*program), name]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*runtime.words(), *words], env={**runtime.environment(), **waited}, **streams) as ours:
            assert caller.recv(100) == b"READY=1\n"
            found = runtime.until(name, "running")
            if how != "run":
                assert caller.recv(100) == b"MAINPID=%d\n" % found["pid"]
                assert ours.wait(60) == 0
            config = json.loads((Path(runtime.root) / name / "config.json").read_text())
            assert runtime("kill", name, "KILL").returncode == 0
    assert runtime("delete", "--force", name).returncode == 0
    assert not os.path.exists(notify.folder_of(config))


def test_readiness_of_a_program_that_dies(runtime: Runtime, tmp_path: Path) -> None:
    """`start` does not wait for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.bind(str(tmp_path / "caller"))
        waited = {"NOTIFY_SOCKET": str(tmp_path / "caller")}
        name = runtime.create("/bin/true", env=waited)
        assert runtime("start", name, env=waited, timeout=60).returncode == 0
        caller.setblocking(False)
        with pytest.raises(BlockingIOError):
            caller.recv(100)
