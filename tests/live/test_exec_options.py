"""Options of exec as engines give them, one by one, in a real container."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from contain.state import layout
from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]


@pytest.fixture
def box(runtime: Runtime) -> str:
    """A container that runs, with devpts and few capabilities."""
    pts = {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}
    sets = {kind: ["CAP_CHOWN"] for kind in ("bounding", "effective", "permitted")}
    process = {**CONFIG["process"], "args": ["/bin/sleep", "100"], "capabilities": sets, "noNewPrivileges": False}
    name = runtime.create(mounts=[*CONFIG["mounts"], pts], process=process)
    assert runtime("start", name).returncode == 0
    return name


def test_who_it_is(runtime: Runtime, box: str) -> None:
    """--user, --additional-gids, --cwd, --env."""
    words = ["--user", "1000:1001", "--additional-gids", "50", "-g", "60", "--cwd", "/tmp", "--env", "A=b c"]
    done = runtime("exec", *words, box, "sh", "-c", 'id -u; id -G; pwd; echo "$A"')
    assert done.stdout.splitlines() == ["1000", "1001 50 60", "/tmp", "b c"]


def test_what_it_may_do(runtime: Runtime, box: str) -> None:
    """--cap adds to all sets but the inheritable one, --no-new-privs holds; without them the container's own."""

    def status(*words: str) -> dict[str, str]:
        lines = runtime("exec", *words, box, "cat", "/proc/self/status").stdout.splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    plain, more = status(), status("--cap", "CAP_KILL", "--cap", "CAP_NET_RAW", "--no-new-privs")
    assert (plain["CapEff"], plain["CapBnd"], plain["NoNewPrivs"]) == ("0000000000000001", "0000000000000001", "0")
    wanted = f"{1 | 1 << 5 | 1 << 13:016x}"
    assert (more["CapEff"], more["CapBnd"], more["NoNewPrivs"]) == (wanted, wanted, "1")
    assert int(more["CapInh"], 16) == 0


def test_descriptors(runtime: Runtime, box: str) -> None:
    """--preserve-fds passes the next ones, and no others."""
    read, write = os.pipe()
    other, third = os.pipe()
    try:
        fds = sorted((read, write, other, third))
        moves = f"os.dup2({read}, 3); os.dup2({write}, 4); os.dup2({third}, 5)"
        under = ("python3", "-c", f"import os, sys; {moves}; os.execvp(sys.argv[1], sys.argv[1:])")
        script = "echo passed >&4; ls /proc/self/fd"
        done = runtime("exec", "--preserve-fds", "2", box, "sh", "-c", script, under=under, pass_fds=tuple(fds))
        assert select.select([read], [], [], 0)[0], done.stderr
        assert os.read(read, 100) == b"passed\n"
        assert {"3", "4"} <= set(done.stdout.split())
        done = runtime("exec", "--preserve-fds", "2", box, "sh", "-c", "echo x >&5", under=under, pass_fds=tuple(fds))
        assert done.returncode != 0
    finally:
        for fd in (read, write, other, third):
            os.close(fd)


def test_terminal_through_a_socket(runtime: Runtime, box: str, tmp_path: Path) -> None:
    """--tty --console-socket --detach, as conmon and the shim do it: the other side arrives there."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "tty"))
        server.listen(1)
        server.settimeout(30)
        words = ["--tty", "--detach", "--console-socket", str(tmp_path / "tty"), "--pid-file", str(tmp_path / "pid")]
        done = runtime("exec", *words, box, "sh", "-c", "tty; read line; echo got-$line")
        assert (done.returncode, done.stdout) == (0, "")
        peer, _ = server.accept()
        with peer:
            _, fds, _, _ = socket.recv_fds(peer, 100, 1)
    assert os.path.exists(f"/proc/{(tmp_path / 'pid').read_text()}")
    with os.fdopen(fds[0], "r+b", buffering=0) as terminal:
        assert b"/dev/pts/0" in read_until(terminal, b"\n")
        terminal.write(b"word\n")
        assert b"got-word" in read_until(terminal, b"got-word")


def read_until(file: Any, words: bytes) -> bytes:
    """What comes, until it holds `words`."""
    said = b""
    while words not in said:
        assert select.select([file], [], [], 30)[0], said
        said += file.read(100)
    return said


def test_paused(runtime: Runtime, box: str) -> None:
    """Refused in a paused container; with --ignore-paused it waits in there until that is resumed."""
    assert runtime("pause", box).returncode == 0
    assert runtime("exec", box, "true").returncode == 255
    assert "cannot exec in a paused container (use --ignore-paused to override)" in runtime.logged()
    words = [*runtime.words(), "exec", "--ignore-paused", box, "echo", "at last"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=runtime.environment()) as waiting:
        assert waiting.stdout is not None
        assert not select.select([waiting.stdout], [], [], 0.5)[0]
        assert runtime("resume", box).returncode == 0
        assert (waiting.stdout.read(), waiting.wait(60)) == ("at last\n", 0)


@pytest.mark.parametrize("words", [("--apparmor", "some-profile"), ("--process-label", "u:r:some_t")])
def test_labels_that_this_kernel_cannot_give(runtime: Runtime, box: str, words: tuple[str, str]) -> None:
    """They are refused by name; where there are LSMs, tests/live/test_labels.py has them given."""
    with open("/sys/kernel/security/lsm", encoding="ascii") if os.path.exists("/sys/kernel/security/lsm") else open(os.devnull) as file:
        if {"apparmor", "selinux"} & set(file.read().split(",")):
            pytest.skip("this kernel has an LSM that gives labels")
    assert runtime("exec", *words, box, "true").returncode == 255
    assert words[1] in runtime.logged()


def test_pid_that_was_given_to_another(runtime: Runtime, box: str) -> None:
    """Who has the pid of the container's process, but not its start time, is a stranger: nothing is done to it."""
    pid = runtime.state(box)["pid"]
    path = f"{runtime.root}/{box}/{layout.SUMMARY}"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    start = next(line for line in text.splitlines() if line.startswith("start="))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(start, f"start={int(start[6:]) - 1}"))
    assert runtime.state(box)["status"] == "stopped"
    assert runtime("kill", box, "KILL").returncode == 1
    assert runtime("exec", box, "true").returncode == 255
    assert runtime("start", box).returncode == 1
    assert os.path.exists(f"/proc/{pid}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    assert runtime.state(box)["status"] == "running"


@pytest.mark.any_kernel
def test_clocks_of_its_own(runtime: Runtime) -> None:
    """linux.timeOffsets, for the program and for what is executed beside it."""
    linux = {
        **CONFIG["linux"],
        "namespaces": [*CONFIG["linux"]["namespaces"], {"type": "time"}],
        "timeOffsets": {"boottime": {"secs": 1000000}, "monotonic": {"secs": 500}},
    }
    name = runtime.create("/bin/sleep", "100", linux=linux)
    runtime("start", name)
    up = runtime("exec", name, "cat", "/proc/uptime").stdout.split()
    assert float(up[0]) > 1000000


def test_device_of_the_network(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """linux.netDevices: it is moved into the container under its new name, up and with its address; one that is not there is an error."""
    one, two = f"ct{os.getpid()}a", f"ct{os.getpid()}b"
    done = subprocess.run(["ip", "link", "add", one, "type", "veth", "peer", "name", two], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("no veth here")
    try:
        for words in (["address", "add", "10.99.0.7/24", "dev", one], ["link", "set", one, "up"]):
            subprocess.run(["ip", *words], check=True)
        linux = {**CONFIG["linux"], "netDevices": {one: {"name": "eth7"}}}
        name = runtime.create("/bin/sleep", "100", linux=linux)
        runtime("start", name)
        shown = runtime("exec", name, "ip", "address", "show", "dev", "eth7").stdout
        assert "10.99.0.7/24" in shown
        assert ",UP" in shown
        assert not os.path.exists(f"/sys/class/net/{one}")
        bundle = make_bundle("/bin/true", linux={**CONFIG["linux"], "netDevices": {"nonesuch": {}}})
        assert runtime("create", "--bundle", bundle, runtime.named()).returncode == 1
        assert "nonesuch" in runtime.logged()
    finally:
        subprocess.run(["ip", "link", "delete", two], capture_output=True, check=False)


def test_after_an_update(runtime: Runtime, tmp_path: Path) -> None:
    """Docker fills what it does not change with zeros: the limits that hold stay those of the configuration, and what joins is let in."""
    limits = {"memory": {"limit": 64 << 20, "swap": 96 << 20}, "cpu": {"shares": 512}, "pids": {"limit": 50}}
    name = runtime.create("/bin/sleep", "100", linux={**CONFIG["linux"], "resources": limits})
    assert runtime("start", name).returncode == 0
    sent: dict[str, Any] = {"memory": {"limit": 0, "reservation": 10 << 20, "kernel": 0}, "cpu": {"shares": 0, "cpus": "", "mems": ""}}
    (tmp_path / "sent.json").write_text(json.dumps({**sent, "blockIO": {"weight": 0}}))
    assert runtime("update", "-r", str(tmp_path / "sent.json"), name).returncode == 0
    done = runtime("exec", name, "echo", "in")
    assert (done.returncode, done.stdout) == (0, "in\n"), done.stderr
    with open(f"{runtime.root}/{name}/{layout.CONFIG}", encoding="utf-8") as file:
        held = json.load(file)["linux"]["resources"]
    assert held["memory"] == {**limits["memory"], "reservation": 10 << 20}
    assert (held["cpu"], held["pids"]) == (limits["cpu"], limits["pids"])
