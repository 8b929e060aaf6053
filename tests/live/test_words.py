"""What engines parse in our output and match in our errors: containerd's shim, conmon, Docker, Podman, go-runc. One test a habit of theirs."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.runtime import Runtime

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace"),
]

KILLED = ("os: process already finished", "container not running", "no such process")  # containerd: it had ended already
GONE = "does not exist"  # containerd: there is no such container (any more)
#: Docker: exit code 126 or 127 instead of 125, wherever the words stand
CODES = ("permission denied", "is a directory", "not a directory", "executable file not found", "no such file or directory")


@pytest.fixture
def running(runtime: Runtime) -> str:
    """A container that runs."""
    name = runtime.create("/bin/sleep", "100")
    assert runtime("start", name).returncode == 0
    return name


@pytest.fixture
def stopped(runtime: Runtime) -> str:
    """A container whose process has ended."""
    name = runtime.create("/bin/true")
    runtime("start", name)
    runtime.until(name, "stopped")
    return name


def test_log_is_json_by_line(runtime: Runtime) -> None:
    """The shim takes the last line of level error, and parses its time."""
    runtime("state", "nobody")
    runtime("start", "nobody")
    with open(runtime.log, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert [row["level"] for row in rows] == ["error", "error"]
    for row in rows:
        assert dt.datetime.fromisoformat(row["time"]).tzinfo is not None
        assert row["msg"]


@pytest.mark.parametrize(
    "words", [("state", "nobody"), ("kill", "nobody"), ("start", "nobody"), ("delete", "nobody"), ("exec", "nobody", "sh")]
)
def test_plain_words_on_stderr(runtime: Runtime, words: tuple[str, ...]) -> None:
    """Podman passes no --log-format to a runtime called contain: the line on stderr, and in a log of text, is as good."""
    done = runtime("--log-format", "text", *words)
    assert GONE in done.stderr.splitlines()[0]
    with open(runtime.log, encoding="utf-8") as file:
        assert re.fullmatch(r'time="[^"]+" level=error msg="[^"]*does not exist[^"]*"\n', file.readlines()[-1])


def test_kill_of_a_stopped_container(runtime: Runtime, stopped: str) -> None:
    """The shim takes these words for: it has ended, all is well."""
    done = runtime("kill", stopped, "KILL")
    assert done.returncode == 1
    assert any(words in runtime.logged() for words in KILLED)
    assert runtime("kill", "--all", stopped, "KILL").returncode == 0


@pytest.mark.parametrize("user", ["stranger", "5:strangers"])
def test_nothing_else_does_not_exist(runtime: Runtime, running: str, user: str) -> None:
    """A missing user is no missing container."""
    assert runtime("exec", "--user", user, running, "true").returncode == 255
    assert GONE not in runtime.logged()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("nonesuch", 'exec: "nonesuch": executable file not found in $PATH'),
        ("/nonesuch", "no such file or directory"),
        ("/etc/passwd", "permission denied"),
        ("/etc", "is a directory"),
        ("/etc/passwd/x", "not a directory"),
    ],
)
def test_programs_that_cannot_be_executed(runtime: Runtime, make_bundle: Callable[..., str], program: str, words: str) -> None:
    """Docker makes 126 and 127 of these words; they stand in the first line, and in no line that is about something else."""
    done = runtime("create", "--bundle", make_bundle(program), runtime.named())
    assert (done.returncode, words in runtime.logged(), words in done.stderr.splitlines()[0]) == (1, True, True)
    name = runtime.create("/bin/sleep", "100")
    runtime("start", name)
    done = runtime("exec", name, program)
    assert (done.returncode, words in runtime.logged()) == (255, True)


def test_other_failures_use_none_of_these_words(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """A mount that fails is 125, so its lines must not look like a missing program; causes and remedies do not reach the log."""
    bundle = make_bundle("/bin/true", mounts=[*CONFIG["mounts"], {"destination": "/x", "type": "nonesuch", "source": "none"}])
    assert runtime("create", "--bundle", bundle, runtime.named()).returncode == 1
    assert not [words for words in CODES if words in runtime.logged().lower()]
    assert "\n" not in runtime.logged()


def test_version(runtime: Runtime) -> None:
    """Docker splits the first line at the word version."""
    lines = runtime("--version").stdout.splitlines()
    assert re.fullmatch(r"contain version \d+\.\d+\.\d+\S*", lines[0])
    assert lines[1] == "spec: 1.3.0"


def test_features(runtime: Runtime) -> None:
    """Docker and containerd decode them."""
    found = json.loads(runtime("features").stdout)
    assert (found["ociVersionMin"], found["ociVersionMax"]) == ("1.0.0", "1.3.0")
    assert "poststop" in found["hooks"]
    assert found["linux"]["seccomp"]["enabled"] is True


def test_state_has_what_engines_read(runtime: Runtime, running: str) -> None:
    """go-runc's and runc's fields."""
    found = runtime.state(running)
    assert set(found) == {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"}
    assert dt.datetime.fromisoformat(found["created"]).tzinfo is not None
    assert isinstance(found["pid"], int)


def test_list_has_what_engines_read(runtime: Runtime, running: str) -> None:
    """As JSON, quietly, and as a table."""
    row = next(row for row in json.loads(runtime("list", "--format", "json").stdout) if row["id"] == running)
    assert {"id", "pid", "status", "bundle", "rootfs", "created", "owner"} <= set(row)
    assert (row["status"], row["owner"]) == ("running", "root")
    assert running in runtime("list", "-q").stdout.split()
    assert runtime("list").stdout.split()[:6] == ["ID", "PID", "STATUS", "CREATED", "OWNER", "COMMAND"]


def test_ps_is_an_array_of_host_pids(runtime: Runtime, running: str) -> None:
    """containerd maps them to its own; the table is ps(1)'s."""
    pid = runtime.state(running)["pid"]
    assert json.loads(runtime("ps", "--format", "json", running).stdout) == [pid]
    if subprocess.run(["ps", "-ef"], capture_output=True, check=False).returncode != 0:
        pytest.skip("ps(1) finds no boot time on User-Mode Linux")
    lines = runtime("ps", running).stdout.splitlines()
    assert "PID" in lines[0].split()
    assert str(pid) in lines[1].split()


def test_statistics(runtime: Runtime, running: str) -> None:
    """go-runc's Event{type, id, data: Stats}."""
    found = json.loads(runtime("events", "--stats", running).stdout)
    assert (found["type"], found["id"]) == ("stats", running)
    assert {"cpu", "memory", "pids"} <= set(found["data"])
    assert found["data"]["pids"]["current"] >= 1


def members(value: Any, name: str = "") -> set[str]:
    """The names of all members, with those above them; names of raw counters are the kernel's."""
    if not isinstance(value, dict) or name.endswith(".raw"):
        return {name}
    return {name}.union(*(members(one, f"{name}.{key}") for key, one in value.items()))


def test_statistics_beside_runc(runtime: Runtime, running: str, make_bundle: Callable[..., str]) -> None:
    """Every member that runc prints for a container like ours is in ours."""
    if shutil.which("runc") is None:
        pytest.skip("no runc")
    name, base = f"contain-peer-{os.getpid()}", ["runc", "--root", f"{runtime.root}.runc"]
    words = [*base, "run", "--detach", "--bundle", make_bundle("/bin/sleep", "100"), name]
    assert subprocess.run(words, stdin=-3, stdout=-3, stderr=-3, check=False).returncode == 0
    theirs = json.loads(subprocess.run([*base, "events", "--stats", name], capture_output=True, check=True).stdout)
    subprocess.run([*base, "delete", "--force", name], check=True)
    ours = json.loads(runtime("events", "--stats", running).stdout)
    cpuset = {one for one in members(theirs) if one.startswith(".data.cpuset.")}  # on v2 runc prints an empty one
    assert members(theirs) - (cpuset if "cpuset" not in ours["data"] else set()) - members(ours) <= {".data.cpuset"}


@pytest.mark.parametrize("name", ["USR1", "SIGUSR1", "usr1", str(int(signal.SIGUSR1)), "RTMIN+3", "SIGRTMAX-2"])
def test_signals(runtime: Runtime, name: str) -> None:
    """With SIG and without, by number, the real-time ones too: what arrives is what was asked for."""
    number = {"RTMIN+3": 37, "SIGRTMAX-2": 62}.get(name, 10)
    told = runtime.create("/bin/sh", "-c", f"trap 'exit 7' {number}; : > /tmp/ready; while :; do sleep 0.05; done")
    runtime("start", told)
    ready = f"/proc/{runtime.state(told)['pid']}/root/tmp/ready"
    runtime.eventually(lambda: os.path.exists(ready))
    pidfd = os.pidfd_open(runtime.state(told)["pid"])
    try:
        assert runtime("kill", told, name).returncode == 0
        assert runtime.until(told, "stopped")["pid"] == 0
    finally:
        os.close(pidfd)


def test_half_made_folder(runtime: Runtime) -> None:
    """Any `delete` clears what a crash left; `--force` succeeds, else it says that there is no such container."""
    for words, code in (((), 1), (("--force",), 0)):
        os.makedirs(f"{runtime.root}/half", 0o700)
        os.chmod(runtime.root, 0o700)
        assert runtime("delete", *words, "half").returncode == code
        assert not os.path.exists(f"{runtime.root}/half")
    assert GONE in runtime.logged()


def test_delete_of_a_running_container(runtime: Runtime, running: str) -> None:
    """Podman matches the words."""
    assert runtime("delete", running).returncode == 1
    assert runtime.logged() == f"cannot delete container {running} that is not stopped: running"


@pytest.mark.parametrize("name", [".", "..", "a/b", "", "a b", "ü"])
def test_ids_that_are_none(runtime: Runtime, make_bundle: Callable[..., str], name: str) -> None:
    """Letters, digits, _ + - and . only."""
    assert runtime("create", "--bundle", make_bundle("/bin/true"), name).returncode == 1
    assert runtime("state", name).returncode == 1


def test_poor_environment(runtime: Runtime, running: str) -> None:
    """Podman gives these commands XDG_RUNTIME_DIR and PATH only; conmon closes standard input and stands in any folder."""
    stub = runtime.stub()
    words = [stub, "--root", runtime.root]
    poor: dict[str, Any] = {
        "env": {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": "/run"},
        "cwd": "/proc",
        "capture_output": True,
        "text": True,
    }
    for verb in (["state", running], ["update", "--pids-limit", "50", running], ["kill", running, "KILL"]):
        done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *words, *verb], check=False, **poor)
        assert (done.returncode, done.stderr) == (0, "")


def test_variables_of_conmon_stay_outside(runtime: Runtime) -> None:
    """_OCI_SYNCPIPE and its like are for us; the program has what config.json gives it."""
    name = runtime.create("/bin/busybox", "env", env={"_OCI_SYNCPIPE": "3", "_OCI_STARTPIPE": "4", "SECRET": "x"})
    runtime("start", name)
    runtime.until(name, "stopped")
    assert "_OCI" not in runtime.said()
    assert "SECRET" not in runtime.said()


def test_prestart_hook_sees_the_final_network(runtime: Runtime, tmp_path: Path) -> None:
    """Docker's libnetwork-setkey takes the network namespace of the pid on its standard input."""
    hook = tmp_path / "hook"
    hook.write_text(
        "#!/usr/bin/env python3\nimport json, os, sys\nstate = json.load(sys.stdin)\n"
        f"open({str(tmp_path / 'seen')!r}, 'w').write(os.readlink(f\"/proc/{{state['pid']}}/ns/net\"))\n"
    )
    hook.chmod(0o755)
    name = runtime.create("/bin/sleep", "100", hooks={"prestart": [{"path": str(hook), "env": ["PATH=/usr/bin:/bin"]}]})
    assert (tmp_path / "seen").read_text() == os.readlink(f"/proc/{runtime.state(name)['pid']}/ns/net")
    assert (tmp_path / "seen").read_text() != os.readlink("/proc/self/ns/net")


def test_annotations_of_engines(runtime: Runtime) -> None:
    """They are accepted silently, and shown by `state`."""
    notes = {"io.podman.annotations.autoremove": "FALSE", "run.oci.mount_context_type": "rootcontext", "io.kubernetes.cri.sandbox-id": "x"}
    name = runtime.create("/bin/true", annotations=notes)
    assert runtime.said() == ""
    assert runtime.state(name)["annotations"] == notes


def test_long_path_of_the_console_socket(runtime: Runtime, tmp_path: Path) -> None:
    """sun_path has 108 bytes, paths of engines have more."""
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    parent = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{parent}/tty.sock")
        server.listen(1)
        server.settimeout(30)
        process = {**CONFIG["process"], "terminal": True, "args": ["/bin/sh", "-c", "tty"]}
        mounts = [
            *CONFIG["mounts"],
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
        ]
        name = runtime.create(process=process, mounts=mounts, words=("--console-socket", str(folder / "tty.sock")))
        peer, _ = server.accept()
        with peer:
            _, fds, _, _ = socket.recv_fds(peer, 100, 1)
    os.close(parent)
    runtime("start", name)
    with os.fdopen(fds[0], "rb", buffering=0) as terminal:
        assert terminal.read(100).startswith(b"/dev/pts/0")


def test_names_in_namespaces_joined_by_path(runtime: Runtime) -> None:
    """Docker and CRI give an app container the sandbox's uts, ipc and network, its own host name, and sysctls of those namespaces."""
    sandbox = runtime.create("/bin/sleep", "100")
    pid = runtime.state(sandbox)["pid"]
    kinds = [{"type": kind, "path": f"/proc/{pid}/ns/{file}"} for kind, file in (("uts", "uts"), ("ipc", "ipc"), ("network", "net"))]
    linux = {
        "namespaces": [{"type": "pid"}, {"type": "mount"}, *kinds],
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "rootfsPropagation": "rslave",
    }
    app = runtime.create("/bin/sh", "-c", "hostname; cat /proc/sys/net/ipv4/ip_forward", linux=linux, hostname="app")
    runtime("start", app)
    runtime.until(app, "stopped")
    assert runtime.said().split() == ["app", "1"]


def test_foreground_run_forwards_signals(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """What the caller gets reaches the program, whose exit code is ours."""
    name = runtime.named()
    script = "trap 'exit 9' USR2; echo ready; while :; do sleep 0.05; done"
    words = [*runtime.words(), "run", "--bundle", make_bundle("/bin/sh", "-c", script), name]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=runtime.environment()) as front:
        assert front.stdout is not None
        assert front.stdout.readline() == "ready\n"
        front.send_signal(signal.SIGUSR2)
        assert front.wait(60) == 9


def test_user_namespace_joined_with_its_mappings(runtime: Runtime, rootfs: str) -> None:
    """CRI gives an app container the sandbox's user namespace by path, and the mappings once more."""
    os.chmod(os.path.dirname(rootfs), 0o755)
    maps = [{"containerID": 0, "hostID": 200000, "size": 1000}]
    subprocess.run(["chown", "-hR", "200000:200000", rootfs], check=True)
    kinds = [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network", "cgroup")]
    mappings = {"uidMappings": maps, "gidMappings": maps}
    sandbox = runtime.create("/bin/sleep", "100", linux={"namespaces": [*kinds, {"type": "user"}], **mappings})
    pid = runtime.state(sandbox)["pid"]
    joined = [{"type": kind, "path": f"/proc/{pid}/ns/{file}"} for kind, file in (("user", "user"), ("ipc", "ipc"), ("network", "net"))]
    linux = {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts")] + joined, **mappings}
    app = runtime.create("/bin/sh", "-c", "id -u; cat /proc/self/uid_map", linux=linux)
    runtime("start", app)
    runtime.until(app, "stopped")
    assert runtime.said().split() == ["0", "0", "200000", "1000"]


def test_mounts_of_engines(runtime: Runtime, tmp_path: Path) -> None:
    """The cgroup mount, a shared /dev/shm, and a read-only bind of a tree."""
    shm = tmp_path / "shm"
    shm.mkdir()
    extra = [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
        {"destination": "/dev/shm", "type": "bind", "source": str(shm), "options": ["rbind", "rprivate", "rw"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/shown", "type": "bind", "source": "/usr/share", "options": ["rbind", "rprivate", "ro"]},
    ]
    script = "touch /dev/shm/here; touch /shown/x 2>/dev/null || echo refused; grep -c ' /sys/fs/cgroup' /proc/mounts"
    name = runtime.create(
        "/bin/sh", "-c", script, mounts=[*CONFIG["mounts"], *extra], linux={**CONFIG["linux"], "rootfsPropagation": "rshared"}
    )
    runtime("start", name)
    runtime.until(name, "stopped")
    refused, count = runtime.said().split()
    assert (refused, (shm / "here").exists()) == ("refused", True)
    assert int(count) >= 1


def test_groups_of_the_caller_are_kept(runtime: Runtime) -> None:
    """run.oci.keep_original_groups: Podman's --group-add keep-groups."""
    under = ("python3", "-c", "import os, sys; os.setgroups([777]); os.execvp(sys.argv[1], sys.argv[1:])")
    name = runtime.create("/bin/busybox", "id", "-G", annotations={"run.oci.keep_original_groups": "1"}, under=under)
    runtime("start", name)
    runtime.until(name, "stopped")
    assert runtime.said().split() == ["0", "777"]
