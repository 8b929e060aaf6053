"""Attacks on the way from our set-up to the program: descriptors, the launcher's own file, folders, tracing, terminals."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import pty
import select
import shutil
import socket
import stat
import subprocess
import sys
from typing import Any

import pytest

from tests.live.conftest import TOP, config_of, shell

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

X86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
IOCTL, PTRACE, GETEUID, SETGROUPS, KEYCTL = 16, 101, 107, 116, 250
TIOCSTI = 0x5412
RANGE = [{"containerID": 0, "hostID": 100000, "size": 65536}]
ALL_CAPABILITIES = ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"]
STRONG = dict.fromkeys(("bounding", "effective", "permitted"), ALL_CAPABILITIES)


@pytest.fixture
def box(rootfs, payload):
    """A root file system with the payload in it."""
    shutil.copy(payload, f"{rootfs}/bin/payload")
    return rootfs


def script(root: str, name: str, text: str) -> None:
    """Puts a script into /bin."""
    with open(f"{root}/bin/{name}", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(f"{root}/bin/{name}", 0o755)


# ---- CVE-2019-5736: the runtime's own file, reached through /proc


@pytest.mark.parametrize("init", [False, True])
def test_own_file_cannot_be_written(run_spec, box, unchanged, init) -> None:
    """With our PID 1 alive beside it, with every capability, the program finds no way to write our file."""
    attack = "for e in /proc/[0-9]*/exe; do payload write-to $e; done; payload write-to /proc/self/exe"
    ran = run_spec(shell(attack, process={"capabilities": STRONG}), run={"init": init})
    assert ran.code == 0, ran
    payload_of_the_box = {"26", "0"}  # ETXTBSY; the container's own files are its own
    assert set(ran.out.split()) <= payload_of_the_box | {"1", "13", "2"}, ran


@pytest.mark.parametrize("way", ["program", "interpreter", "link"])
def test_own_file_as_program(run_spec, box, unchanged, way) -> None:
    """/proc/self/exe as program or interpreter executes at most our sealed copy, which does nothing inside."""
    script(box, "script", "#!/proc/self/exe\n")
    os.symlink("/proc/self/exe", f"{box}/bin/self-link")
    ran = run_spec(config_of({"program": "/proc/self/exe", "interpreter": "/bin/script", "link": "/bin/self-link"}[way]))
    assert ran.code in {125, 126, 127}, ran
    assert "#" not in ran.out


def test_sealed_copy_refuses_writers(run_spec, box, unchanged) -> None:
    """A descriptor of our executable, opened for writing by whatever trick, meets the seals."""
    script(box, "script", "#!/bin/sh\nfor i in 3 4 5 6 7 8 9 10 11 12 13 14 15; do [ -e /proc/self/fd/$i ] && echo $i; done; exit 0\n")
    ran = run_spec(config_of("/bin/script"))
    assert set(ran.out.split()) <= {"10"}, ran  # the shell's own descriptor of the script


# ---- CVE-2024-21626: descriptors of the host as folder or program


def test_working_folder_through_a_descriptor(run_spec, box) -> None:
    """No number leads out, neither directly nor by a link in the root."""
    for number in range(3, 16):
        path = f"/proc/self/fd/{number}"
        if number % 2:
            os.symlink(path, f"{box}/out{number}")
            path = f"/out{number}"
        ran = run_spec(config_of("/bin/sh", "-c", "pwd", process={"cwd": path}))
        assert (ran.code, "cannot chdir to" in ran.err) == (125, True), (path, ran)


def test_program_through_a_descriptor(run_spec, box) -> None:
    """Neither args[0] nor an interpreter can be found through what we hold open: all is closed before execve."""
    for number in range(3, 13):
        program = [f"/proc/self/fd/{number}/bin/sh", "-c", "echo out"]
        if number % 2:
            script(box, f"s{number}", f"#!/proc/self/fd/{number}/bin/sh\necho out\n")
            program = [f"/bin/s{number}"]
        ran = run_spec(config_of(*program))
        assert (ran.code in {126, 127}, ran.out) == (True, ""), (number, ran)


# ---- CVE-2016-9962 and what a program does to our processes beside it


@X86_64
def test_our_init_cannot_be_traced(run_spec, box, unchanged) -> None:
    """A program of the same user cannot attach to our PID 1, write to it, or look into it."""
    attack = f"payload call {PTRACE} 16 1 0 0; payload call {PTRACE} 0x4206 1 0 0; "
    attack += "payload write-to /proc/1/mem; payload write-to /proc/1/fd/1; readlink /proc/1/fd/1 || readlink /proc/1/exe || echo none"
    ran = run_spec(shell(attack), run={"init": True})
    assert ran.out.splitlines() == ["-1 1", "-1 1", "13", "13", "none"], ran


def test_processes_of_a_joined_pid_namespace_see_nothing(run_spec, box, launcher) -> None:
    """A container that hunts for descriptors of newcomers in its pid namespace catches none of ours."""
    hunter = (
        "trap 'exit 0' TERM; echo ready; while :; do for p in /proc/[0-9]*; do "
        "case $(readlink $p/exe 2>/dev/null) in *contain*|*memfd*) echo caught $p; esac; done; done"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", HUNT, TOP, box, hunter],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": TOP},
    )
    assert runner.stdout is not None
    assert runner.stdin is not None
    try:
        lines = {runner.stdout.readline(), runner.stdout.readline()}  # of two processes, in any order
        assert "ready\n" in lines
        (pid,) = [int(line.split()[1]) for line in lines if line.startswith("pid ")]
        kinds = [{"type": kind} for kind in ("mount", "ipc", "uts", "network", "cgroup")]
        config = config_of("/bin/true", linux={"namespaces": [*kinds, {"type": "pid", "path": f"/proc/{pid}/ns/pid"}]})
        for _ in range(5):
            assert run_spec(config).code == 0
    finally:
        runner.stdin.close()
        rest = runner.stdout.read()
        runner.wait(30)
    assert "caught" not in rest


#: runs the hunter and prints its pid, until its standard input ends
HUNT = """
import os, signal, sys
from contain.host.probe import probe
from contain.launcher import spawn
from contain.plan.compile import compile_run
from contain.plan.encode import encode
from contain.plan.wanted import wanted
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
from tests.live.conftest import shell
top, root, hunter = sys.argv[1:]
spec = Spec(defaults.fill(shell(hunter)), kind="oci", bundle=os.path.dirname(root), root=root, run=RunOptions())
child = spawn.spawn(encode(compile_run(spec, probe(wanted(spec)))))
line = ""
while not line:
    line = open(f"/proc/{child}/task/{child}/children").read()
    for pid in line.split():
        if "sh\\0-c" in open(f"/proc/{pid}/cmdline").read():
            print("pid", pid, flush=True)
            break
    else:
        line = ""
sys.stdin.read()
os.kill(child, signal.SIGTERM)
os.kill(int(pid), signal.SIGKILL)
os.waitpid(child, 0)
"""


# ---- CVE-2017-5226, 2019-10063, 2023-28100: typing into the caller's terminal


@X86_64
@pytest.mark.parametrize("request_number", [TIOCSTI, TIOCSTI | 1 << 32])
def test_nothing_is_typed_into_a_shared_terminal(run_spec, box, request_number) -> None:
    """With the caller's terminal as standard input, the default filter lets nothing be pushed into it."""
    master, slave = pty.openpty()
    try:
        attack = "; ".join(f"payload call {IOCTL} 0 {request_number:#x} @{char}" for char in "id")
        config = shell(attack, process={"noNewPrivileges": True})
        ran = run_spec(config, run={"seccomp": "default"}, stdin=slave)
        assert ran.out.splitlines() == ["-1 1", "-1 1"], ran
        assert select.select([slave], [], [], 0)[0] == []
    finally:
        os.close(master)
        os.close(slave)


# ---- privileges that come back


@X86_64
@pytest.mark.parametrize("no_new_privs", [True, False])
def test_set_user_id_programs(run_spec, box, no_new_privs) -> None:
    """With no_new_privs a set-user-id program of the root gains nothing; without, only what the bounding set still has."""
    os.chown(f"{box}/bin/payload", 0, 0)
    os.chmod(f"{box}/bin/payload", 0o4755)
    process: dict[str, Any] = {"user": {"uid": 1000, "gid": 1000}, "noNewPrivileges": no_new_privs}
    ran = run_spec(config_of("/bin/payload", "call", str(GETEUID), process=process))
    assert ran.out == ("1000 0\n" if no_new_privs else "0 0\n"), ran
    ran = run_spec(shell("payload capabilities", process=process))
    assert ran.out == "0 0 0\n", ran


def test_file_capabilities_gain_nothing(run_spec, box) -> None:
    """A file that carries capabilities gives none that the bounding set lacks (CVE-2022-29162: nor through the inheritable set)."""
    header = (0x02000001).to_bytes(4, "little") + b"\xff\xff\xff\xff\xff\xff\xff\xff" * 2
    try:
        os.setxattr(f"{box}/bin/payload", "security.capability", header)
    except OSError as error:
        pytest.skip(f"no file capabilities here: {error}")
    ran = run_spec(config_of("/bin/payload", "capabilities", process={"user": {"uid": 1000, "gid": 1000}}))
    assert ran.out == "0 0 0\n" or "permission denied" in ran.err, ran


@X86_64
def test_groups_cannot_be_dropped(run_spec, user, user_rootfs, payload) -> None:
    """An ordinary user's container cannot call setgroups, so no group that denies can be left (CVE-2014-8989)."""
    shutil.copy(payload, f"{user_rootfs}/bin/payload")
    process = {"capabilities": {name: ["CAP_SETGID"] for name in ("bounding", "effective", "permitted")}}
    config = shell(f"cat /proc/self/setgroups; payload call {SETGROUPS} 0 0", process=process)
    config["linux"] |= {
        "uidMappings": [{"containerID": 0, "hostID": user.uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": user.gid, "size": 1}],
    }
    ran = run_spec(config, user=user, root=user_rootfs)
    assert ran.out.split() == ["deny", "-1", "1"], ran


# ---- what the caller holds


@X86_64
def test_keys_of_the_caller(run_spec, box) -> None:
    """A secret in the caller's session keyring is not to be found inside."""
    libc = ctypes.CDLL(None, use_errno=True)

    def give_key() -> None:
        libc.syscall(KEYCTL, 1, None)
        if libc.syscall(248, b"user", b"secret", b"x", 1, -3) < 0:
            os._exit(99)

    search = f"payload call {KEYCTL} 10 -3 @user @secret 0"
    ran = run_spec(shell(search), preexec_fn=give_key)
    if ran.code == 99:
        pytest.skip("no keys can be added here")
    assert ran.out.split()[0] == "-1", ran
    shown = run_spec(shell(search), run={"no_new_keyring": True}, preexec_fn=give_key)
    assert int(shown.out.split()[0]) > 0, "the attack itself works where the keyring is shared"


@pytest.mark.parametrize("network", ["none", "host"])
def test_abstract_sockets_of_the_host(contain, box, network) -> None:
    """CVE-2020-15257: a server's abstract socket is out of reach; --network host is what opens it, and only that."""
    name = f"contain-attack-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        ran = contain("run", "--network", network, box, "--", "payload", "connect", name)
    assert ran.stdout == ("0\n" if network == "host" else f"{errno.ECONNREFUSED}\n"), ran


def test_descriptors_of_the_caller(run_spec, box, tmp_path) -> None:
    """A folder that the caller left open without close-on-exec, under any number, is not inside."""
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)

    def spread() -> None:
        for number in (3, 9, 20, 255, 256, 700):
            os.dup2(folder, number)

    ran = run_spec(config_of("/bin/payload", "descriptors"), preexec_fn=spread, close_fds=False)
    os.close(folder)
    assert [row.split()[0] for row in ran.out.splitlines()] == ["0", "1", "2"], ran


def test_device_number_of_standard_streams(run_spec, box) -> None:
    """Standard streams that are closed by the caller do not become one of our descriptors."""

    def close() -> None:
        os.close(0)

    ran = run_spec(config_of("/bin/payload", "descriptors"), preexec_fn=close)
    rows = dict(row.split() for row in ran.out.splitlines())
    assert rows.get("0", "c") == "c", ran
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
