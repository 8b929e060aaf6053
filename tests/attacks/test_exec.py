"""Attacks by a running container on who is executed into it."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

X86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
KEYCTL, ADD_KEY, UNSHARE = 250, 248, 272


class Victim:
    """A container that runs in the background, and `contain` on it."""

    def __init__(self, contain: Callable[..., subprocess.CompletedProcess[str]], rootfs: str) -> None:
        self.contain, self.rootfs, self.name = contain, rootfs, f"victim-{os.getpid()}"

    def start(self, script: str = "exec sleep 100", *options: str) -> None:
        """Runs it."""
        words = ["run", "--detach", "--name", self.name, *options, self.rootfs, "--", "sh", "-c", script]
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "capture_output": False}
        assert self.contain(*words, **streams).returncode == 0

    def exec(self, *words: str, options: tuple[str, ...] = (), **more: Any) -> subprocess.CompletedProcess[str]:
        """Executes into it."""
        return self.contain("exec", *options, self.name, *words, **more)


@pytest.fixture
def victim(contain, rootfs, payload) -> Iterator[Victim]:
    """Removed at the end."""
    shutil.copy(payload, f"{rootfs}/bin/payload")
    one = Victim(contain, rootfs)
    yield one
    contain("delete", "--force", one.name)


def inside(victim: Victim, path: str, text: str) -> None:
    """What the container's owner put into its image meanwhile."""
    with open(f"{victim.rootfs}/{path}", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(f"{victim.rootfs}/{path}", 0o755)


@X86_64
def test_exec_is_as_confined_as_the_container(victim) -> None:
    """Filter, capabilities and no_new_privs hold for it too, though the configuration does not name our own filter."""
    victim.start()
    rows = dict(
        line.split(":\t")
        for line in victim.exec("cat", "/proc/self/status").stdout.splitlines()
        if line.startswith(("Cap", "NoNew", "Secc"))
    )
    assert {rows[name] for name in rows if name.startswith("Cap")} == {"0" * 16}
    assert (rows["NoNewPrivs"], rows["Seccomp"]) == ("1", "2")
    assert victim.exec("payload", "call", str(UNSHARE), "0x10000000").stdout == "-1 1\n"


def test_added_capabilities_are_not_inheritable(victim) -> None:
    """CVE-2022-29162."""
    victim.start()
    rows = victim.exec("grep", "Cap", "/proc/self/status", options=("--cap", "CAP_KILL")).stdout.split()
    assert (rows[rows.index("CapInh:") + 1], rows[rows.index("CapBnd:") + 1]) == ("0" * 16, f"{1 << 5:016x}")


def test_folder_that_is_missing_is_not_made(victim) -> None:
    """A slip in --cwd does not write into the container."""
    victim.start()
    ran = victim.exec("pwd", options=("--cwd", "/slip"))
    assert (ran.returncode, "cannot chdir to /slip: No such file or directory" in ran.stderr) == (255, True), ran


def test_folder_and_program_through_descriptors(victim) -> None:
    """CVE-2024-21626: no number leads out of the container, as folder, as program, as interpreter."""
    victim.start()
    for number in range(3, 13):
        ran = victim.exec("pwd", options=("--cwd", f"/proc/self/fd/{number}"))
        assert (ran.returncode, "cannot chdir to" in ran.stderr) == (255, True), (number, ran)
        program = f"/proc/self/fd/{number}/bin/sh"
        if number % 2:
            inside(victim, "bin/script", f"#!{program}\necho out\n")
            program = "/bin/script"
        ran = victim.exec(program, "-c", "echo out")
        assert (ran.returncode, ran.stdout) == (255, ""), (number, ran)


@pytest.mark.parametrize("way", ["program", "link", "interpreter"])
def test_own_file_through_exec(victim, unchanged, way) -> None:
    """CVE-2019-5736 as it was first played: the container replaces its shell by /proc/self/exe and waits for an exec."""
    victim.start()
    os.symlink("/proc/self/exe", f"{victim.rootfs}/bin/shell")
    inside(victim, "bin/script", "#!/proc/self/exe\n")
    ran = victim.exec({"program": "/proc/self/exe", "link": "shell", "interpreter": "script"}[way])
    assert ran.returncode != 0, ran


def test_hunter_inside(victim) -> None:
    """CVE-2016-9962: a container that looks into everything new in its pid namespace never sees our executable or our descriptors."""
    hunter = (
        "while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in *contain*|*memfd*) echo $p >/tmp/caught;; esac; "
        "[ $p = /proc/1 ] || for f in $p/fd/*; do case $(readlink $f) in *plan*|*memfd*|/var/*|/run/contain*) echo $f >/tmp/caught;; esac; done; done; done"
    )
    victim.start(f"{hunter} 2>/dev/null", "--no-init")
    for _ in range(8):
        assert victim.exec("true").returncode == 0
    assert victim.exec("cat", "/tmp/caught").stdout == ""


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ("user:x:1000junk:1000::/:/bin/sh", "user"),
        ("user:x::1000::/:/bin/sh", "user"),
        ("user:x:-1:1000::/:/bin/sh", "user"),
        ("user:x:4294967296:0::/:/bin/sh", "user"),
        ("user:x:1000:1000:/:/bin/sh", "user"),
        ("1000:x:0:0::/:/bin/sh", "1000x"),
    ],
)
def test_passwd_written_by_the_container(victim, line, user) -> None:
    """CVE-2026-30892: half a number is nobody, above all not user 0."""
    inside(victim, "etc/passwd", f"{line}\n")
    victim.start()
    ran = victim.exec("id", "-u", options=("--user", user))
    assert (ran.returncode, "unable to find user" in ran.stderr) == (255, True), ran


@X86_64
def test_keys_of_who_executes(victim) -> None:
    """The session keyring of the administrator's shell does not go along."""
    libc = ctypes.CDLL(None)

    def give_key() -> None:
        libc.syscall(KEYCTL, 1, None)
        if libc.syscall(ADD_KEY, b"user", b"secret", b"x", 1, -3) < 0:
            os._exit(99)

    victim.start("exec sleep 100", "--security-opt", "seccomp=unconfined")
    ran = victim.exec("payload", "call", str(KEYCTL), "10", "-3", "@user", "@secret", "0", preexec_fn=give_key)
    if ran.returncode == 99:
        pytest.skip("no keys can be added here")
    assert ran.stdout.split()[0] == "-1", ran


def test_descriptors_of_who_executes(victim, tmp_path) -> None:
    """What the caller left open stays outside."""
    victim.start()
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)

    def spread() -> None:
        for number in (3, 11, 200):
            os.dup2(folder, number)

    ran = victim.exec("payload", "descriptors", preexec_fn=spread, close_fds=False)
    os.close(folder)
    assert [row.split()[0] for row in ran.stdout.splitlines()] == ["0", "1", "2"], ran
