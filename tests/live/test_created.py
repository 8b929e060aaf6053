"""create, start, state, kill, delete and exec as an engine calls them: real containers, the state model of the OCI."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]


GONE = "does not exist"


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


def test_calls_on_one_id_are_serialised(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """One of several makes it, one starts it, all that delete it by force succeed."""
    name, bundle = runtime.named(), make_bundle("/bin/sleep", "100")
    assert at_once(runtime, *[("create", "--bundle", bundle, name)] * 4) == [0, 1, 1, 1]
    assert at_once(runtime, *[("start", name)] * 4) == [0, 1, 1, 1]
    assert at_once(runtime, ("pause", name), ("pause", name)) == [0, 1]
    assert at_once(runtime, *[("delete", "--force", name)] * 4) == [0, 0, 0, 0]
    assert GONE in runtime("state", name).stderr


def test_many_ids_at_once(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """As shims and conmons start them."""
    names, bundle = [runtime.named() for _ in range(6)], make_bundle("/bin/sleep", "100")
    assert at_once(runtime, *[("create", "--bundle", bundle, name) for name in names]) == [0] * 6
    assert at_once(runtime, *[("start", name) for name in names]) == [0] * 6
    assert at_once(runtime, *[("delete", "--force", name) for name in names]) == [0] * 6


def test_log_that_cannot_be_written(runtime: Runtime) -> None:
    """The words are on stderr all the same."""
    done = runtime("--log", "/nowhere/log", "state", "nobody")
    assert (done.returncode, GONE in done.stderr) == (1, True)
    done = runtime("--log", "/nowhere/log", "list", "--nonesuch")
    assert done.returncode == 1
    assert "bug" not in done.stderr
