"""create, start, state, kill, delete and exec as an engine calls them: real containers, the state model of the OCI."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


ALONE = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: whoever is left becomes a child of ours
assert subprocess.run(sys.argv[1:], check=False).returncode == 0
with open(f"/proc/self/task/{os.getpid()}/children") as file:
    print("left", file.read(), flush=True)
"""


@pytest.mark.any_kernel
def test_nobody_is_left_but_the_waiting_init(runtime: Runtime) -> None:
    """From `created` on there is no process of ours: an engine waits for init, and holds its pipes."""
    name = runtime.create("/bin/sleep", "100", under=("python3", "-c", ALONE))
    assert runtime.said().split() == ["left", str(runtime.state(name)["pid"])]


@pytest.mark.parametrize("length", [200, 255, 1000])
def test_long_ids(runtime: Runtime, make_bundle: Callable[..., str], length: int) -> None:
    """As long as a file's name may be; a longer one is refused without a trace."""
    name = "x" * length
    runtime.ids.append(name)
    done = runtime(
        "create", "--bundle", make_bundle("/bin/true"), name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, capture_output=False
    )
    if length > 255:
        assert done.returncode == 1
        assert "invalid container id format" in runtime.logged()
        assert not os.path.exists(runtime.root)
    else:
        assert done.returncode == 0
        assert runtime("start", name).returncode == 0


def test_a_root_that_is_a_link(runtime: Runtime, tmp_path: Path) -> None:
    """Its states lie behind the link, where every verb finds them."""
    (tmp_path / "there").mkdir()
    os.symlink(tmp_path / "there", runtime.root)
    name = runtime.create("/bin/sleep", "100")
    assert os.listdir(tmp_path / "there") == [name]
    assert runtime.state(name)["status"] == "created"
    assert runtime("start", name).returncode == 0
    assert runtime("ps", "-f", "json", name).stdout.strip() == str([runtime.state(name)["pid"]])
    assert runtime("list", "-q").stdout == f"{name}\n"
    assert runtime("kill", name, "KILL").returncode == 0
    runtime.until(name, "stopped")
    assert runtime("delete", name).returncode == 0
    assert os.listdir(tmp_path / "there") == []


def test_null_is_the_containers_own(runtime: Runtime) -> None:
    """A stream that is the caller's /dev/null would be a hold on a node of the host's."""
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}]
    name = runtime.create("/bin/busybox", "stat", "-L", "-c", "%d %i", "/proc/self/fd/0", "/dev/null", mounts=mounts)
    runtime("start", name)
    runtime.until(name, "stopped")
    own, null = runtime.said().splitlines()
    assert own == null


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


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM"])
def test_what_ends_programs_ends_the_waiting_init(runtime: Runtime, name: str, shared: bool) -> None:
    """As runc's, though it be the first of its pid namespace; other signals leave it waiting, and `start` works then."""
    spaces = [row for row in CONFIG["linux"]["namespaces"] if not shared or row["type"] != "pid"]
    one, other = (runtime.create("/bin/true", linux={**CONFIG["linux"], "namespaces": spaces}) for _ in range(2))
    for harmless in ("CHLD", "WINCH", "CONT"):
        assert runtime("kill", other, harmless).returncode == 0
    assert runtime("kill", one, name).returncode == 0
    runtime.until(one, "stopped")
    assert runtime("kill", one, name).returncode == 1
    assert runtime.state(other)["status"] == "created"
    assert runtime("start", other).returncode == 0
    runtime.until(other, "stopped")


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
    name = runtime.named()
    done = runtime("create", "--bundle", make_bundle("nonesuch"), name)
    assert done.returncode == 1
    assert 'exec: "nonesuch": executable file not found in $PATH' in runtime.logged()
    assert not os.path.isdir(f"{runtime.root}/{name}")


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
