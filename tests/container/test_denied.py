"""--seccomp-action report and kill: what the filter refused is named, by a listener that only refused calls meet."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Literal

import pytest

import contain

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
    pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="no /usr/bin/python3 to be refused something"),
]
ASK = """
import os
for _ in range(3):
    try:
        os.chroot("/")
    except PermissionError as error:
        print("errno", error.errno)
"""
WORDS = ["/usr/bin/python3", "-I", "-S", "-c", ASK]


def test_report_names_and_counts() -> None:
    """The call fails as it does without a report, and the run goes on."""
    found = contain.run(WORDS, seccomp_action="report", text=True)
    assert (found.stdout, found.reason) == ("errno 1\n" * 3, contain.Reason.EXITED)
    assert [(row.syscall, row.count) for row in found.denied] == [("chroot", 3)]
    assert found.isolation
    assert "report" in found.isolation["seccomp"]


def test_kill_ends_the_run() -> None:
    """With a reason of its own, an exception of its own, and the first call in it."""
    found = contain.run(WORDS, seccomp_action="kill", text=True)
    assert (found.reason, found.returncode, found.stdout) == (contain.Reason.SECCOMP, 159, "")
    assert [(row.syscall, row.count) for row in found.denied] == [("chroot", 1)]
    with pytest.raises(contain.Forbidden):
        contain.run(WORDS, seccomp_action="kill", check=True)


@pytest.mark.parametrize("action", ["errno", "report", "kill"])
def test_further_commands_are_watched_too(action: Literal["errno", "report", "kill"]) -> None:
    """By a listener of their own: only the command ends, the container goes on."""
    named = () if action == "errno" else ("chroot",)
    with contain.Sandbox(seccomp_action=action).start(["sleep", "1000"]) as box:
        for found in (box.exec(WORDS), box.popen(WORDS, stdout=contain.DEVNULL, stderr=contain.DEVNULL).wait(60)):
            assert found.reason is (contain.Reason.SECCOMP if action == "kill" else contain.Reason.EXITED)
            assert tuple(row.syscall for row in found.denied) == named
        assert box.exec(["true"], check=True).denied == ()


def test_nothing_refused() -> None:
    """Nothing to report."""
    found = contain.run(["true"], seccomp_action="kill", check=True)
    assert found.denied == ()


def test_sigsys_of_its_own_is_no_refusal(busybox: str) -> None:
    """A program that only dies like it was refused something."""
    found = contain.run(["sh", "-c", "kill -SYS $$"], rootfs=busybox, seccomp_action="kill")
    assert (found.reason, found.signal, found.denied) == (contain.Reason.SIGNALLED, 31, ())


def test_command_line_says_it(top: str) -> None:
    """On standard error, and 159."""
    words = [sys.executable, "-m", "contain", "run", "--seccomp-action", "kill", "--", *WORDS]
    found = subprocess.run(words, cwd=top, capture_output=True, text=True, check=False)
    assert found.returncode == 159
    assert found.stderr.splitlines() == [
        "contain: killed: a system call that the seccomp filter refuses",
        "contain: refused by the seccomp filter: chroot (1x)",
    ]
    words[4:6] = ["--seccomp-action", "report"]
    found = subprocess.run(words, cwd=top, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "contain: refused by the seccomp filter: chroot (3x)\n")


def test_below_another_listener_the_filter_answers_itself(top: str) -> None:
    """There can be only one: kill still kills, but nobody can say for what."""
    listen = f"""
import ctypes, os, struct, sys
import contain
libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
number = {{"x86_64": 317, "aarch64": 277, "riscv64": 277}}[os.uname().machine]
assert libc.prctl(38, 1, 0, 0, 0) == 0
program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(code)))
assert libc.syscall(number, 1, 8, program) >= 0, ctypes.get_errno()
found = contain.run({WORDS!r}, seccomp_action=sys.argv[1], text=True)
print(found.reason.name, found.signal, len(found.denied), found.stdout.count("errno 1"))
"""
    said = [
        subprocess.run([sys.executable, "-c", listen, action], cwd=top, capture_output=True, text=True, check=False)
        for action in ("kill", "report")
    ]
    assert [found.stdout.split() for found in said] == [["SIGNALLED", "31", "0", "0"], ["EXITED", "None", "0", "3"]], said
