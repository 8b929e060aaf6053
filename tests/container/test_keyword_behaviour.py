"""Each keyword of the library does what its option does on the command line (tests/live/test_every_option.py has those, root and not)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import contain
from contain.spec.options import OPTIONS
from tests.conftest import CONFIG

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
STATUS = "grep {} /proc/self/status | tr -d '\\t'"
#: (options, command of the shell, what it prints)
SAID: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"env": {"A": "x=y", "B": "", "N": 5}}, "echo $A-$B-$N", "x=y--5\n"),
    ({"env": ["A=1", "B=2"]}, "echo $A$B", "12\n"),
    ({"env_file": "/dev/null"}, "echo ok", "ok\n"),
    ({"workdir": "/tmp"}, "pwd", "/tmp\n"),
    ({"cwd": "/etc"}, "pwd", "/etc\n"),
    ({"user": 5}, "id -u", "5\n"),
    ({"user": (5, 6)}, "id -u; id -g", "5\n6\n"),
    ({"tty": True}, "test -t 1 && echo yes", "yes\n"),
    ({"init": False}, "echo $$", "1\n"),
    ({"hostname": "here"}, "hostname", "here\n"),
    ({"ulimit": ["nofile=100", "core=0"]}, "ulimit -n; ulimit -c", "100\n0\n"),
    ({"ulimits": {"nofile": 101}}, "ulimit -n", "101\n"),
    ({"volume": {"/usr/bin/env": "/env:ro"}}, "test -s /env && { true >>/env || echo there; } 2>/dev/null", "there\n"),
    ({"volumes": ["/usr/bin/env:/env"]}, "test -s /env && echo there", "there\n"),
    ({"mount": "type=tmpfs,dst=/m,tmpfs-size=1m"}, "df -k /m | awk 'NR==2{print $2}'", "1024\n"),
    ({"mounts": ["type=bind,src=/usr/bin,dst=/m,ro"]}, "test -e /m/env && echo there", "there\n"),
    ({"tmpfs": {"/m": "1m", "/n": 2 << 20, "/o": "size=3m,mode=700"}}, "df -k /m /n /o | awk 'NR>1{print $2}'", "1024\n2048\n3072\n"),
    ({"tmpfs": ["/m:size=1m"]}, "df -k /m | awk 'NR==2{print $2}'", "1024\n"),
    ({"read_only": True}, "touch /x 2>/dev/null || echo no", "no\n"),
    ({"overlay": True}, "touch /x && echo yes", "yes\n"),
    ({"disk": "1m"}, "dd if=/dev/zero of=/x bs=64k count=32 2>/dev/null || echo full", "full\n"),
    ({"device": "/dev/null:/dev/other"}, "test -c /dev/other && echo yes", "yes\n"),
    ({"devices": ["/dev/null:/dev/other"]}, "test -c /dev/other && echo yes", "yes\n"),
    ({"privileged": True}, STATUS.format("Seccomp:"), "Seccomp:0\n"),
    ({"cap_add": ["CAP_NET_RAW", "KILL"]}, STATUS.format("CapEff"), "CapEff:0000000000002020\n"),
    ({"cap_add": ["CHOWN", "KILL"], "cap_drop": "CHOWN"}, STATUS.format("CapEff"), "CapEff:0000000000000020\n"),
    ({"security_opt": ["seccomp=unconfined"]}, STATUS.format("Seccomp:"), "Seccomp:0\n"),
    ({"network": "none"}, "ls /sys/class/net /proc/net/dev | grep -c . >/dev/null; grep -c : /proc/net/dev", "1\n"),
    ({"userns": "host"}, "cat /proc/self/uid_map | tr -s ' '", " 0 0 4294967295\n"),
    ({"pids_limit": 20}, "for n in 1 2 3; do true; done; echo ok", "ok\n"),
    ({"cpuset_cpus": "0"}, STATUS.format("Cpus_allowed_list"), "Cpus_allowed_list:0\n"),
    ({"memory": "64m", "memory_swap": "64m", "cpus": 0.5}, "echo ok", "ok\n"),
    ({"no_new_keyring": True, "no_pivot": True, "no_subreaper": True, "no_mount_fallback": True}, "echo ok", "ok\n"),
    ({"strict": True, "die_with_parent": True, "allow_missing": ["memory"]}, "echo ok", "ok\n"),
)
#: keyword of the table → the test here, or elsewhere, that shows it
ELSEWHERE = {
    "timeout": "test_limits_of_a_sandbox",
    "cpu_time": "test_limits_of_a_sandbox",
    "socket": "test_sockets",
    "workspace": "test_workspaces",
    "seccomp_action": "tests/container/test_denied.py",
    "name": "test_names_and_files",
    "label": "test_names_and_files",
    "rm": "test_names_and_files",
    "pid_file": "test_names_and_files",
    "cgroup_parent": "test_names_and_files",
    "console_socket": "test_descriptors_that_are_sent",
    "pidfd_socket": "test_descriptors_that_are_sent",
}


def test_every_keyword_is_shown() -> None:
    """A new row of the table comes with a line here; the others are refused, with what there is instead."""
    here = {keyword for options, _, _ in SAID for keyword in options}
    for row in OPTIONS:
        if row.instead:
            with pytest.raises(contain.UsageError, match="not for the library") as caught:
                contain.Sandbox(**{row.keyword: True})  # type: ignore[misc]
            assert row.instead in caught.value.remedy
        else:
            assert row.keyword in here or row.keyword in ELSEWHERE, row.keyword
        assert not row.also or row.also in here or row.keyword in ELSEWHERE, row.also


@pytest.mark.parametrize(("options", "script", "said"), SAID, ids=lambda value: "-".join(value) if isinstance(value, dict) else "")
def test_keyword(busybox: str, options: dict[str, Any], script: str, said: str) -> None:
    """Seen from inside."""
    found = contain.Sandbox(rootfs=busybox, **options).run(["sh", "-c", script], text=True, timeout=60)
    assert (found.stdout, found.stderr) == (said, "")


def test_environment_of_a_sandbox(busybox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value is one, and nothing of the caller's."""
    monkeypatch.setenv("SECRET", "mine")
    box = contain.Sandbox(rootfs=busybox, env={"SECRET": "", "A": "x"})
    assert box.run(["sh", "-c", "echo ${SECRET-unset}$A"], text=True).stdout == "x\n"
    with pytest.raises(contain.UsageError, match="is None"):
        contain.Sandbox(rootfs=busybox, env={"SECRET": None})


@pytest.mark.parametrize("env", [{"A": None}, {"A=B": "1"}, {"": "x"}, {"A": "\0"}, {"A": True}, {1: "x"}, ["A=1"]])
def test_what_is_no_environment(busybox: str, env: Any) -> None:
    """Refused before anything runs, not passed on as text."""
    with pytest.raises(contain.UsageError, match="env"):
        contain.run(["true"], rootfs=busybox, env=env)


def test_limits_of_a_sandbox(busybox: str) -> None:
    """For each of its runs."""
    box = contain.Sandbox(rootfs=busybox, timeout="200ms")
    assert box.run(["sleep", "1000"]).reason is contain.Reason.TIMEOUT
    box = contain.Sandbox(rootfs=busybox, cpu_time=0.1)
    assert box.run(["sh", "-c", "while :; do :; done"]).reason is contain.Reason.CPU_LIMIT


def test_sockets(busybox: str, tmp_path: Path) -> None:
    """One of the host, at its own path inside."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for keyword in ("socket", "sockets"):
            options: dict[str, Any] = {keyword: [tmp_path / "socket"]}
            assert contain.run(["test", "-S", str(tmp_path / "socket")], rootfs=busybox, **options).ok


def test_workspaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's folder in the view of the host."""
    os.chmod(tmp_path, 0o755)
    (tmp_path / "file").write_text("x")
    monkeypatch.chdir(tmp_path)
    script = ["sh", "-c", "test -e file && echo shown; echo y 2>/dev/null >new && echo written"]
    assert contain.run(script, workspace="ro", text=True).stdout == "shown\n"
    assert contain.run(script, workspace="overlay", text=True).stdout == "shown\nwritten\n"
    assert not (tmp_path / "new").exists()
    assert "shown" not in contain.run(script, workspace="none", text=True).stdout
    assert contain.run(script, workspace="rw", text=True).stdout == "shown\nwritten\n"
    assert (tmp_path / "new").exists()


def test_names_and_files(busybox: str, tmp_path: Path) -> None:
    """What other programs find a container by."""
    name = f"keywords-{os.getpid()}"
    box = contain.Sandbox(
        rootfs=busybox, name=name, labels={"a": "b"}, rm=False, pid_file=tmp_path / "pid", cgroup_parent="keywords", memory="64m"
    )
    command = [sys.executable, "-m", "contain"]
    with box.start(["sleep", "1000"]) as running:
        assert running.id == name
        assert (tmp_path / "pid").read_text().strip() == str(running.pid)
        with open(f"/proc/{running.pid}/cgroup", encoding="ascii") as file:
            assert "/keywords/" in file.read()
        listed = subprocess.run([*command, "list", "--format", "json"], capture_output=True, text=True, check=True).stdout
        assert '"command": "sleep 1000"' in listed
        assert '"a": "b"' in listed or '"a":"b"' in listed
    assert name in subprocess.run([*command, "list"], capture_output=True, text=True, check=True).stdout  # rm=False
    subprocess.run([*command, "rm", name], check=True, capture_output=True)


def test_descriptors_that_are_sent(busybox: str, tmp_path: Path) -> None:
    """A terminal's, and a process's."""
    for option, more in (("console_socket", {"tty": True}), ("pidfd_socket", {})):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / option))
            server.listen()
            options: dict[str, Any] = {option: tmp_path / option, **more}
            with contain.Sandbox(rootfs=busybox, **options).start(["sleep", "1000"]):
                taken, _ = server.accept()
                with taken:
                    _, fds, _, _ = socket.recv_fds(taken, 4096, 1)
                    assert len(fds) == 1
                    os.close(fds[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"volume": ["/a:/b"], "volumes": ["/a:/c"]}, "one option"),
        ({"cwd": "/", "workdir": "/"}, "one option"),
        ({"read_only": 1}, "neither True nor False"),
        ({"network": 5}, "no network"),
        ({"rootfs": "/nonexistent"}, "cannot open"),
        ({"image": "/"}, "not an image"),
        ({"spec": "/usr"}, "not a bundle"),
        ({"memroy": 1}, "unknown option"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    """With a remedy that does not speak of a command line's words."""
    with pytest.raises(contain.UsageError, match=message) as caught:
        contain.Sandbox(**options)
    assert "contain run" not in caught.value.remedy
    assert caught.value.remedy or message == "neither True nor False"


def test_targets_are_what_their_keyword_says(busybox: str, tmp_path: Path) -> None:
    """A bundle given as rootfs is a folder; a folder that only holds a root is named; a spec's own command is run without one."""
    config = {**CONFIG, "root": {"path": busybox}, "process": {**CONFIG["process"], "args": ["echo", "own"]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert contain.run(spec=tmp_path, text=True).stdout == "own\n"
    assert contain.run(["echo", "other"], spec=tmp_path, text=True).stdout == "other\n"
    with contain.Sandbox(spec=tmp_path).start() as box:
        assert box.wait(30).args == ["echo", "own"]
    with pytest.raises(contain.LaunchError) as failed:
        contain.run(["sh"], rootfs=tmp_path)
    assert "install the program" in failed.value.remedy
    for options in ({}, {"rootfs": busybox}):
        with pytest.raises(contain.UsageError, match="no command"):
            contain.run(**options)  # type: ignore[call-overload]
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/rootfs").mkdir()
    with pytest.raises(contain.UsageError, match="no root file system") as wrong:
        contain.Sandbox(rootfs=tmp_path / "outer")
    assert f"{tmp_path}/outer/rootfs" in wrong.value.remedy
    done = subprocess.run(
        [sys.executable, "-m", "contain", "run", str(tmp_path / "outer"), "--", "sh"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, f"give {tmp_path}/outer/rootfs" in done.stderr) == (125, True)


def test_last_words_of_a_failed_run(busybox: str) -> None:
    """Stand in the exception."""
    with pytest.raises(contain.Failed) as caught:
        contain.run(["sh", "-c", "echo first >&2; echo last >&2; exit 3"], rootfs=busybox, check=True)
    assert caught.value.lines() == ["sh exited with 3", "  cause: last"]


@pytest.mark.parametrize("place", ["/tmp", "/scratch"])
@pytest.mark.parametrize("rootfs", [True, False], ids=["rootfs", "host"])
def test_disk_bounds_what_is_in_memory(busybox: str, place: str, *, rootfs: bool) -> None:
    """Our own /tmp, and a tmpfs that has no size of its own; one with a size has that."""
    if not rootfs and place == "/scratch":
        place = "/mnt/scratch"
    options: dict[str, Any] = {"rootfs": busybox} if rootfs else {"workspace": "none"}
    options |= {"tmpfs": [place]} if place != "/tmp" else {}
    box = contain.Sandbox(disk="1m", **options)
    found = box.run(["sh", "-c", f"dd if=/dev/zero of={place}/x bs=64k count=32; stat -c %s {place}/x"], text=True)
    assert "No space left" in found.stderr
    assert found.stdout == "1048576\n"
    box = contain.Sandbox(disk="1m", **{**options, "tmpfs": {place: "3m"}})
    assert box.run(["sh", "-c", f"dd if=/dev/zero of={place}/x bs=64k count=32; stat -c %s {place}/x"], text=True).stdout == "2097152\n"


def test_tmp_is_bounded_without_a_word() -> None:
    """Of the view of the host, which is for code that nobody trusts."""
    assert contain.run(["sh", "-c", "df -k /tmp | awk 'NR==2{print $2}'"], text=True).stdout == "1048576\n"
    found = contain.run_python("open('/tmp/x', 'wb').write(bytes(100 << 20))", memory=None)
    assert "No space left" in found.stderr
