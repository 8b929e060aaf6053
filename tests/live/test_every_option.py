"""Each row of the table of options does what it says: here as typed, or in the test that is named for it."""

from __future__ import annotations

import copy
import glob
import json
import os
import re
import select
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from contain.spec.options import OPTIONS
from tests.conftest import CONFIG, TOP, command
from tests.live.test_run_options import Caller, caller, shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

pytestmark = pytest.mark.live
__all__ = ["caller"]

HERE = "tests/live/test_every_option.py"
RUN = "tests/live/test_run_options.py"
ENGINES = "tests/live/test_engine_options.py"
SUPERVISE = "tests/live/test_supervise.py"
HOSTVIEW = "tests/live/test_hostview.py"

#: keyword of a row: the test that shows what it does
SHOWN = {
    "env": f"{RUN}::test_many_at_once",
    "env_file": f"{RUN}::test_many_at_once",
    "workdir": f"{RUN}::test_many_at_once",
    "user": f"{RUN}::test_many_at_once",
    "interactive": f"{RUN}::test_stdin_only_when_asked",
    "tty": f"{HERE}::test_terminal",
    "init": f"{HERE}::test_first_process",
    "hostname": f"{RUN}::test_many_at_once",
    "ulimit": f"{RUN}::test_many_at_once",
    "preserve_fds": f"{HERE}::test_descriptors",
    "memory": f"{HERE}::test_limits",
    "memory_swap": f"{HERE}::test_limits",
    "cpus": f"{HERE}::test_limits",
    "cpuset_cpus": f"{HERE}::test_limits",
    "pids_limit": f"{HERE}::test_limits",
    "timeout": f"{HERE}::test_time",
    "cpu_time": f"{HERE}::test_time",
    "disk": f"{RUN}::test_throw_away_root",
    "cgroup_parent": f"{HERE}::test_limits",
    "volume": f"{RUN}::test_volumes",
    "mount": f"{HERE}::test_mounts_in_words",
    "tmpfs": f"{RUN}::test_many_at_once",
    "read_only": f"{RUN}::test_read_only_root",
    "workspace": f"{RUN}::test_workspace",
    "overlay": f"{RUN}::test_throw_away_root",
    "socket": f"{HERE}::test_socket",
    "device": f"{RUN}::test_device_at_another_place",
    "privileged": f"{RUN}::test_privileged",
    "cap_add": f"{RUN}::test_capabilities",
    "cap_drop": f"{HERE}::test_dropped_capabilities",
    "security_opt": f"{HERE}::test_security_options",
    "seccomp_action": f"{HERE}::test_action_of_the_filter",
    "network": f"{RUN}::test_hosts_network",
    "userns": f"{RUN}::test_keep_id",
    "name": f"{HERE}::test_name_and_labels",
    "label": f"{HERE}::test_name_and_labels",
    "rm": f"{HERE}::test_name_and_labels",
    "pid_file": f"{RUN}::test_pid_file",
    "die_with_parent": f"{HERE}::test_parent",
    "strict": f"{HERE}::test_strict",
    "allow_missing": f"{HERE}::test_limits_that_may_be_missing",
    "trace": f"{HERE}::test_times",
    "bundle": f"{ENGINES}::test_detached_run",
    "detach": f"{ENGINES}::test_detached_run",
    "console_socket": "tests/live/test_words.py::test_long_path_of_the_console_socket",
    "pidfd_socket": f"{ENGINES}::test_pidfd_is_sent",
    "no_pivot": f"{ENGINES}::test_options_that_take_effect_nowhere",
    "no_new_keyring": f"{ENGINES}::test_options_that_take_effect_nowhere",
    "no_subreaper": f"{ENGINES}::test_options_that_take_effect_nowhere",
    "no_mount_fallback": f"{ENGINES}::test_options_that_take_effect_nowhere",
}


@pytest.mark.any_kernel
def test_every_row_has_a_test() -> None:
    """A new option comes with a test of what it does, and a test that is renamed is renamed here."""
    assert {row.keyword for row in OPTIONS} == set(SHOWN)
    for keyword, test in SHOWN.items():
        path, _, name = test.partition("::")
        with open(f"{TOP}/{path}", encoding="utf-8") as file:
            text = file.read()
        assert f"def {name}(" in text, test
        names = next([*row.names, *row.off] for row in OPTIONS if row.keyword == keyword)
        assert any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in names), f"{keyword} is not typed in {path}"


def running(caller: Caller, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """`contain run WORDS root -- …` of root's, once its command runs; it ends with its input."""
    argv = [*command(), "run", "-i", *words, "root", "--", "sh", "-c", "echo ready; cat"]
    environment = {**os.environ, "PYTHONPATH": TOP}
    popen: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(argv, cwd=caller.folder, env=environment, **popen)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def written(name: str, *files: str) -> str:
    """What stands in the file of the cgroup NAME, whatever the version calls it."""
    found = [path for file in files for path in glob.glob(f"/sys/fs/cgroup/**/{name}/{file}", recursive=True)]
    assert found, (name, files)
    with open(found[0], encoding="ascii") as opened:
        return opened.read().strip()


def test_limits(caller: Caller) -> None:
    """The kernel's files hold what was asked for, below the parent that was asked for; an ordinary user without a cgroup is refused by name."""
    words = [
        "--memory",
        "24m",
        "--memory-swap",
        "24m",
        "--cpus",
        "0.5",
        "--cpuset-cpus",
        "0",
        "--pids-limit",
        "77",
        "--cgroup-parent",
        "options",
    ]
    if caller.name == "user":
        for option, value in zip(words[0::2], words[1::2], strict=True):
            if option in ("--memory", "--cpus", "--cpuset-cpus"):
                done = caller.run(option, value, "root", "--", "true")
                assert (done.returncode, done.stderr.startswith(f"<command line>:{option}: ")) == (125, True), done.stderr
                assert "remedy: " in done.stderr
        return
    name = f"limits-{os.getpid()}"
    v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    if v2:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
            have = file.read().split()
        words = words if "cpuset" in have else [word for word in words if word not in ("--cpuset-cpus", "0")]
    with running(caller, "--name", name, *words) as process:
        assert written(name, "memory.max", "memory.limit_in_bytes") == str(24 << 20)
        assert written(name, "pids.max") == "77"
        assert written(name, "cpu.max", "cpu.cfs_quota_us").split()[0] == "50000"
        if not v2 or "memory.swap.max" in os.listdir(os.path.dirname(glob.glob(f"/sys/fs/cgroup/**/{name}/memory.max", recursive=True)[0])):
            assert written(name, "memory.swap.max", "memory.memsw.limit_in_bytes") in ("0", str(24 << 20))
        if "--cpuset-cpus" in words:
            assert written(name, "cpuset.cpus") == "0"
        assert glob.glob(f"/sys/fs/cgroup/**/options/{name}", recursive=True)
        process.communicate("")
    assert process.returncode == 0
    assert not glob.glob(f"/sys/fs/cgroup/**/{name}", recursive=True)


def test_limits_that_may_be_missing(caller: Caller) -> None:
    """What cannot be had is a warning then, and a word for it is needed."""
    done = caller.run("--memory", "1g", "--allow-missing", "memory", "--allow-missing", "swap", "root", "--", "echo", "on")
    assert (done.returncode, done.stdout) == (0, "on\n"), done.stderr
    if caller.name == "user":
        assert done.stderr.startswith("contain: warning: <command line>:--memory: ")


def test_time(caller: Caller) -> None:
    """Of the wall, and of the processors (for which the user here has no cgroup)."""
    done = caller.run("--timeout", "300ms", "root", "--", "sleep", "100")
    assert (done.returncode, done.stderr) == (124, "contain: killed: the time limit was reached\n")
    allowed = ["--allow-missing", "cpu-time"] if caller.name == "user" else []
    done = caller.run("--cpu-time", "1s" if allowed else "200ms", *allowed, "root", "--", "sh", "-c", "while :; do :; done")
    assert done.returncode == (128 + signal.SIGKILL if allowed else 124), done.stderr


@pytest.mark.any_kernel
def test_terminal(caller: Caller) -> None:
    """A terminal of the container's own."""
    assert shell(caller, "tty", "-t").strip() == "/dev/pts/0"


@pytest.mark.any_kernel
def test_first_process(caller: Caller) -> None:
    """The command is PID 1 only without contain's init."""
    assert shell(caller, "echo $$", "--no-init") == "1\n"
    assert shell(caller, "echo $$", "--init") != "1\n"


@pytest.mark.any_kernel
def test_descriptors(caller: Caller) -> None:
    """Only those that are passed."""
    reading, writing = os.pipe()
    os.write(writing, b"passed")
    os.close(writing)

    def as_number_three() -> None:
        os.dup2(reading, 3)

    script = "cat <&3; test -e /proc/self/fd/4 && echo more"
    done = caller.run("--preserve-fds", "1", "root", "--", "sh", "-c", script, preexec_fn=as_number_three, close_fds=False)
    os.close(reading)
    assert done.stdout == "passed", done.stderr


@pytest.mark.any_kernel
def test_mounts_in_words(caller: Caller) -> None:
    """--mount: a bind, read-only, and a file system in memory with its size and mode."""
    os.mkdir(f"{caller.folder}/data")
    with open(f"{caller.folder}/data/file", "w", encoding="utf-8") as file:
        file.write("shown\n")
    script = "cat /a/file; touch /a/x 2>/dev/null || echo no; stat -c %a /s; df -k /s | tail -1 | tr -s ' ' | cut -d' ' -f2"
    words = ("--mount", "type=bind,src=./data,dst=/a,readonly", "--mount", "type=tmpfs,dst=/s,tmpfs-size=64k,tmpfs-mode=0700")
    assert shell(caller, script, *words).split() == ["shown", "no", "700", "64"]
    assert os.listdir(f"{caller.folder}/data") == ["file"]


@pytest.mark.any_kernel
def test_dropped_capabilities(caller: Caller) -> None:
    """What is added by ALL is taken away by name."""
    status = shell(caller, "grep CapEff /proc/self/status", "--cap-add", "ALL", "--cap-drop", "chown", "--cap-drop", "CAP_KILL")
    held = int(status.split()[1], 16)
    assert held & (1 << 0 | 1 << 5) == 0
    assert held.bit_count() > 30


@pytest.mark.any_kernel
def test_security_options(caller: Caller) -> None:
    """no-new-privileges, the filter, masks: each by its own word."""
    masked = "test -c /proc/keys && echo masked || echo shown"
    script = f"grep -E 'NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\\t\\n'; echo; {masked}; wc -c < /etc/passwd"
    plain = shell(caller, script).split()
    assert plain[:2] == ["NoNewPrivs:1Seccomp:2", "masked"]
    assert int(plain[2]) > 0
    words = ("no-new-privileges=false", "seccomp=unconfined", "unmask=ALL", "mask=/etc/passwd")
    changed = shell(caller, script, *(word for option in words for word in ("--security-opt", option))).split()
    assert changed == ["NoNewPrivs:0Seccomp:0", "shown", "0"]


@pytest.mark.any_kernel
def test_action_of_the_filter(caller: Caller) -> None:
    """`trap` ends a program that makes a refused call; `errno` refuses it."""
    assert caller.run("root", "--", "unshare", "-r", "true").returncode == 1
    done = caller.run("--seccomp-action", "trap", "root", "--", "unshare", "-r", "true")
    assert done.returncode == 128 + signal.SIGSYS


@pytest.mark.any_kernel
def test_socket(caller: Caller) -> None:
    """The one that is named can be connected to, and nothing beside it is there."""
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(caller.folder, os.O_PATH)  # the path of a test may be too long for an address
        server.bind(f"/proc/self/fd/{here}/s")
        os.close(here)
        os.chmod(f"{caller.folder}/s", 0o666)
        server.listen()
        script = f"import os, socket; os.chdir({caller.folder!r}); print(os.listdir()); socket.socket(socket.AF_UNIX).connect('s')"
        done = caller.run("--socket", "./s", "--workspace", "none", "--", "/usr/bin/python3", "-c", script)
    assert (done.returncode, done.stdout) == (0, "['s']\n"), done.stderr


@pytest.mark.any_kernel
def test_name_and_labels(caller: Caller, request: pytest.FixtureRequest) -> None:
    """A kept run is listed with its labels, and its name is taken; one that is not kept is gone."""
    name = f"labels-{caller.name}-{os.getpid()}"
    request.addfinalizer(lambda: caller.verb("rm", "--force", name))
    words = ["--name", name, "--label", "a=b", "--label", "plain"]

    def listed() -> list[dict[str, str]]:
        return [row["labels"] for row in json.loads(caller.verb("list", "--format", "json").stdout) if row["id"] == name]

    assert caller.run(*words, "--keep", "root", "--", "true").returncode == 0
    assert listed() == [{"a": "b", "plain": ""}]
    assert caller.run(*words, "root", "--", "true").returncode == 125
    assert caller.verb("rm", name).stdout == f"{name}\n"
    assert caller.run(*words, "--rm", "root", "--", "true").returncode == 0
    assert listed() == []


@pytest.mark.any_kernel
def test_strict(caller: Caller) -> None:
    """What only a manifest asks for and cannot be had: a word, or with --strict an error."""
    config = copy.deepcopy(CONFIG)
    config["process"]["capabilities"] = {"bounding": ["CAP_NOBODY_KNOWS"]}
    if caller.name == "user":
        config["linux"]["namespaces"].append({"type": "user"})
        owner = os.stat(caller.folder)
        for kind, host in (("uidMappings", owner.st_uid), ("gidMappings", owner.st_gid)):
            config["linux"][kind] = [{"containerID": 0, "hostID": host, "size": 1}]
    bundle = f"{caller.folder}/bundle"
    os.mkdir(bundle)
    os.rename(f"{caller.folder}/root", f"{bundle}/rootfs")
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    done = caller.run(bundle)
    assert (done.returncode, "unknown capability CAP_NOBODY_KNOWS is ignored" in done.stderr) == (0, True), done.stderr
    done = caller.run("--strict", bundle)
    assert (done.returncode, "CAP_NOBODY_KNOWS" in done.stderr) == (125, True)


@pytest.mark.any_kernel
def test_times(caller: Caller) -> None:
    """Each operation with what it took, as `contain plan` lists them."""
    done = caller.run("--trace", "root", "--", "echo", "on")
    assert done.stdout == "on\n"
    rows = done.stderr.splitlines()
    assert all(re.match(r" *(\d+\.\d{3}|-) ms  [a-z-]+ ", row) for row in rows)
    assert len(rows) > 40


@pytest.mark.any_kernel
def test_parent(busybox: str) -> None:
    """With the program that called contain its container ends."""
    reading, writing = os.pipe()
    script = 'root="$1"; shift; "$@" run --die-with-parent "$root" -- sh -c "echo ready; sleep 1000" & read line; kill -9 $$'
    argv = ["bash", "-c", script, "bash", busybox, *command()]
    popen: dict[str, Any] = {"env": {**os.environ, "PYTHONPATH": TOP}, "stdin": subprocess.PIPE, "stdout": writing}
    with subprocess.Popen(argv, **popen) as parent:
        os.close(writing)
        assert select.select([reading], [], [], 60)[0]
        parent.communicate(b"\n")
    while os.read(reading, 4096):  # its end: nobody of the run is left that holds it
        pass
    os.close(reading)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Modes are as they are written."""
    before = os.umask(0o022)
    yield
    os.umask(before)
