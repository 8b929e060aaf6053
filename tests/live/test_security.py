"""Ids, capabilities, the filter and its listener, the keyring: asked from inside, as root, in a user namespace, and as an ordinary user."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import threading
from typing import Any

import pytest

from contain.linux import CAPABILITIES
from tests.conftest import in_guest
from tests.live.conftest import config_of, shell

pytestmark = pytest.mark.live

X86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
RANGE = [{"containerID": 0, "hostID": 100000, "size": 65536}]
KINDS = ("user", "pid", "mount", "network", "ipc", "uts", "cgroup")
UNSHARE, CLONE3, KEYCTL, IOCTL, GETPID, MKDIR, PTRACE, SOCKET = 272, 435, 250, 16, 39, 83, 101, 41


def filled(folder: str, busybox: str, payload: str) -> str:
    """A root file system of busybox with the payload in it."""
    os.chmod(folder, 0o755)
    subprocess.run(["cp", "-a", f"{busybox}/.", folder], check=True)
    shutil.copy(payload, f"{folder}/bin/payload")
    return folder


@pytest.fixture(scope="module")
def rootfs(busybox, payload, tmp_path_factory):
    """One for all tests here: none of them writes what another would read."""
    return filled(str(tmp_path_factory.mktemp("rootfs")), busybox, payload)


@pytest.fixture(scope="module")
def user_rootfs(user, busybox, payload):
    """The same, owned by the ordinary user."""
    with tempfile.TemporaryDirectory(prefix="rootfs.", dir=user.folder) as folder:
        filled(folder, busybox, payload)
        subprocess.run(["chown", "-hR", f"{user.uid}:{user.gid}", folder], check=True)
        yield folder


@pytest.fixture(params=["root", "user namespace", "ordinary user"])
def who(request, user):
    """The three ways in which a bundle is run: arguments for run_spec, and linux.namespaces and maps."""
    if request.param == "root":
        return {}, {}
    if request.param == "ordinary user":
        return {"user": user}, {}
    return {}, {"namespaces": [{"type": kind} for kind in KINDS], "uidMappings": RANGE, "gidMappings": RANGE}


@pytest.fixture
def inside(run_spec, who):
    """`inside(script, run=…, linux=…, **process)`: the output of a script, with the payload in /bin, in each of the three ways."""
    how, linux = who

    def run(script: str, *, run: dict[str, Any] | None = None, more: dict[str, Any] | None = None, **process: Any):
        config = shell(script, process=process, linux={**linux, **(more or {})})
        return run_spec(config, run=run, **how)

    return run


def bits(*names: str) -> str:
    """As /proc/PID/status has a set."""
    return f"{sum(1 << CAPABILITIES.index(name) for name in names):016x}"


def status(ran: Any) -> dict[str, str]:
    """The lines of /proc/self/status."""
    assert ran.code == 0, ran
    return dict(line.split(":\t", 1) for line in ran.out.splitlines() if ":\t" in line)


def test_nothing_is_left_to_the_program(inside) -> None:
    """No capability in any set, no_new_privs, one filter, signals as at boot, in all three ways."""
    found = status(inside("exec cat /proc/self/status", run={"seccomp": "default"}, noNewPrivileges=True))
    assert {name: found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), bits()
    )
    assert (found["NoNewPrivs"], found["Seccomp"], found["Seccomp_filters"]) == ("1", "2", "1")
    assert found["SigBlk"] == "0" * 16


def test_five_sets(inside) -> None:
    """Each set as the manifest has it; ambient ones survive execve as a user without privileges."""
    caps = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
        "permitted": ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
        "effective": ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
        "inheritable": ["CAP_NET_BIND_SERVICE"],
        "ambient": ["CAP_NET_BIND_SERVICE"],
    }
    found = status(inside("cat /proc/self/status", capabilities=caps, user={"uid": 1000, "gid": 1000}, noNewPrivileges=True))
    bind = bits("CAP_NET_BIND_SERVICE")
    assert [found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [bind] * 4
    assert found["CapBnd"] == bits("CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE")


@pytest.mark.any_kernel
def test_root_gets_the_bounding_set(inside) -> None:
    """User 0 has after execve what the bounding set holds, and no more."""
    caps = {name: ["CAP_CHOWN"] for name in ("bounding", "permitted", "effective")}
    assert status(inside("cat /proc/self/status", capabilities=caps))["CapEff"] == bits("CAP_CHOWN")


def test_user_and_groups(inside, who) -> None:
    """Ids, supplementary groups of the spec, and nothing of the caller's."""
    ran = inside("id -u; id -g; id -G", user={"uid": 1000, "gid": 29, "additionalGids": [5, 6]})
    assert ran.out.split() == ["1000", "29", "29", "5", "6"], ran


@pytest.mark.any_kernel
def test_user_by_name(inside) -> None:
    """Looked up in the container's files, with its groups and home."""
    ran = inside("id -u; id -g; id -G; echo $HOME", run={"user": "user"})
    assert ran.out.split() == ["1000", "1000", "1000", "29", "/home"], ran


@pytest.mark.any_kernel
@X86_64
def test_default_filter_from_inside(inside) -> None:
    """What the profile promises, asked by calling: also through the 32-bit and the x32 entries."""
    calls = {
        f"call {GETPID}": None,
        f"call {UNSHARE} 0x10000000": 1,
        f"call {UNSHARE} 0x400": 0,
        f"call {CLONE3} 0 0": 38,
        f"call {KEYCTL} 0 -3 0": 1,
        f"call {IOCTL} 0 0x5412 @x": 1,
        f"call {IOCTL} 0 0x100005412 @x": 1,
        f"call {SOCKET} 38 5 0": 1,
        f"call {SOCKET} 40 1 0": 1,
        f"call {PTRACE} 0 0 0 0": 0,
        "call 425 1 0": 1,
        "call 470": 38,
        "call32 310 0x10000000": None,
    }
    script = "; ".join(f"payload {words}" for words in calls)
    ran = inside(script, run={"seccomp": "default"}, noNewPrivileges=True)
    assert ran.code == 0, ran
    answers = ran.out.splitlines()
    for (words, expected), answer in zip(calls.items(), answers, strict=True):
        if expected is not None:
            assert answer.split()[1] == str(expected), (words, answer)
    if not in_guest():  # User-Mode Linux takes int 0x80 for a 64-bit call
        assert answers[-1] in {"-1", "-38"}  # unshare by int 0x80; a kernel without it has no such entry


@pytest.mark.any_kernel
def test_default_filter_lets_programs_work(inside) -> None:
    """A shell with pipes, jobs, files and sockets of loopback notices nothing."""
    ran = inside(
        "seq 9 | sort -r | head -1; sleep 0 & wait; mkdir -p /tmp/a; chmod 700 /tmp/a; ping -c1 -w1 127.0.0.1 >/dev/null 2>&1; date >/dev/null; echo done",
        run={"seccomp": "default"},
        noNewPrivileges=True,
    )
    assert (ran.code, ran.out) == (0, "9\ndone\n")


def profile(*rules: dict[str, Any], default: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    """linux.seccomp."""
    return {"seccomp": {"defaultAction": default, "syscalls": list(rules), **more}}


@pytest.mark.any_kernel
@pytest.mark.parametrize("no_new_privs", [True, False])
def test_profile_of_the_manifest(inside, no_new_privs) -> None:
    """errnoRet is what the call returns, with and without no_new_privs."""
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}
    ran = inside("mkdir /tmp/x; echo $?", more=profile(rule), noNewPrivileges=no_new_privs)
    assert "No space left on device" in ran.err
    assert ran.out == "1\n"


@pytest.mark.any_kernel
def test_profile_that_kills(inside) -> None:
    """The program ends by SIGSYS, and the exit code says so."""
    ran = inside(
        "exec mkdir /tmp/x", more=profile({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}), noNewPrivileges=True
    )
    assert ran.code == 128 + 31, ran


@pytest.mark.any_kernel
@X86_64
@pytest.mark.parametrize("init", [False, True])
def test_a_narrow_profile_need_not_know_us(run_spec, init) -> None:
    """Only what the program itself calls is allowed, nothing of ours (no sendmsg), and it runs; so does our PID 1."""
    own = [
        "execve",
        "arch_prctl",
        "set_tid_address",
        "brk",
        "mmap",
        "munmap",
        "ioctl",
        "write",
        "writev",
        "exit_group",
        "getpid",
        "readlink",
    ]
    rule = {"names": own, "action": "SCMP_ACT_ALLOW"}
    config = config_of(
        "/bin/payload", "call", str(GETPID), process={"noNewPrivileges": True}, linux=profile(rule, default="SCMP_ACT_KILL_PROCESS")
    )
    ran = run_spec(config, run={"init": init})
    assert (ran.code, ran.out) == (0, "2 0\n" if init else "1 0\n"), ran


@pytest.mark.any_kernel
def test_a_failure_under_a_narrow_profile_is_still_told(run_spec, rootfs) -> None:
    """The filter lets init say nothing more, and yet the first line names the program."""
    if os.environ.get("CONTAIN_LAUNCHER"):
        pytest.skip("a sanitizer makes calls of its own under the filter")
    with open(f"{rootfs}/bin/lost", "w", encoding="utf-8") as file:
        file.write("#!/no/interpreter\n")
    os.chmod(f"{rootfs}/bin/lost", 0o755)
    narrow = profile({"names": ["execve"], "action": "SCMP_ACT_ALLOW"}, default="SCMP_ACT_KILL_PROCESS")
    ran = run_spec(config_of("/bin/lost", process={"noNewPrivileges": True}, linux=narrow))
    assert (ran.code, 'exec: "/bin/lost": exec /bin/lost: no such file or directory' in ran.err) == (127, True), ran


@pytest.mark.any_kernel
def test_unknown_syscalls_are_skipped(inside) -> None:
    """A profile newer than libseccomp still works for the rest."""
    rule = {"names": ["call_of_tomorrow", "mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    assert "Operation not permitted" in inside("mkdir /tmp/x", more=profile(rule), noNewPrivileges=True).err


class Agent:
    """A seccomp agent that answers every notification with one errno."""

    RECEIVE, SEND = 0xC0502100, 0xC0182101

    def __init__(self, path: str, answer: int, times: int = 1) -> None:
        """`times`: how many processes with a filter of their own there will be."""
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        os.chmod(path, 0o777)
        self.server.listen()
        self.answer, self.times = answer, times
        self.states: list[dict[str, Any]] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        """One notification of each."""
        for _ in range(self.times):
            self.serve_one()

    def serve_one(self) -> None:
        """The first of a filter's notifications."""
        connection, _ = self.server.accept()
        data, descriptors, _, _ = socket.recv_fds(connection, 65536, 4)
        self.states.append(json.loads(data))
        (listener,) = descriptors
        notification = bytearray(80)
        fcntl.ioctl(listener, self.RECEIVE, notification)
        response = notification[:8] + (0).to_bytes(8, "little") + (-self.answer).to_bytes(4, "little", signed=True) + bytes(4)
        fcntl.ioctl(listener, self.SEND, response)
        os.close(listener)
        connection.close()

    def close(self) -> None:
        """Waits for the end of the thread."""
        self.thread.join(20)
        self.server.close()


@pytest.fixture
def folder():
    """One that every user reaches."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        os.chmod(path, 0o755)
        yield path


def test_listener_gets_the_calls(inside, folder) -> None:
    """The agent gets the state with the host's pid, and decides what mkdir returns; as an ordinary user too."""
    agent = Agent(f"{folder}/agent", 28)
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}
    linux = profile(rule, listenerPath=f"{folder}/agent", listenerMetadata="words")
    ran = inside("mkdir /tmp/x; echo $?", more=linux, noNewPrivileges=True)
    agent.close()
    assert "No space left on device" in ran.err, ran
    (state,) = agent.states
    assert (state["fds"], state["metadata"], state["state"]["status"]) == (["seccompFd"], "words", "creating")
    assert len(state["state"]["id"]) >= 12
    assert state["pid"] == state["state"]["pid"] > 1


@pytest.mark.any_kernel
def test_agent_that_is_not_there(inside, tmp_path) -> None:
    """Said before anything is made."""
    rule = {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}
    ran = inside("true", more=profile(rule, listenerPath=f"{tmp_path}/no-agent"), noNewPrivileges=True)
    assert (ran.code, "cannot connect to the seccomp agent" in ran.err) == (125, True), ran


@X86_64
def test_keyring_of_its_own(inside) -> None:
    """The session keyring is another one than outside, and with --no-new-keyring the same."""
    libc = ctypes.CDLL(None)
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(KEYCTL, 0, -3, 1) < 0:
        pytest.skip("keyctl is not to be had here")
    first = int(inside(f"payload call {KEYCTL} 0 -3 0").out.split()[0])
    second = int(inside(f"payload call {KEYCTL} 0 -3 0").out.split()[0])
    assert first > 0
    assert second > 0
    assert first != second
