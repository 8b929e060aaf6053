"""What is held beside a program that sleeps: at most 300 kB (PSS), by whichever way it was started."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

import contain
from tests.bench import memory
from tests.conftest import children, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import User

pytestmark = [pytest.mark.live]
LIMIT = 300_000  # bytes
SLEEP = ["/bin/sleep", memory.SLEEP]


@pytest.fixture(autouse=True)
def _small(launcher: str) -> None:
    """A static glibc alone is larger than all of ours."""
    if os.path.getsize(launcher) > 300_000:
        pytest.skip("the launcher was not built with musl")


def held(kept: Callable[[], list[int]]) -> int:
    """Bytes, once the program sleeps and ours have let go of what the start needed."""
    deadline = time.monotonic() + 10
    found: list[int] = []
    while time.monotonic() < deadline:
        found = kept()
        together = sum(map(memory.pss, found)) * 1024
        if len(found) > 1 and together <= LIMIT:
            return together
        time.sleep(0.02)
    pytest.fail(f"{[(pid, memory.pss(pid)) for pid in found]} KiB")


def check_command(words: list[str], **options: object) -> None:
    """Twice: planned by Python, then from the kept plan."""
    for _ in range(2):
        with subprocess.Popen([*words, *SLEEP], stdin=subprocess.DEVNULL, **options) as child:  # type: ignore[call-overload]
            try:
                assert held(lambda: memory.kept(child.pid)) > 50_000
            finally:
                child.terminate()


def test_of_the_command_line(rootfs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`contain run`, with limits: monitor, guardian, init. The environment is there once, not thrice."""
    monkeypatch.setenv("BALLAST", "x" * 16_000)
    check_command([*command(), "run", "--pids-limit", "50", "--memory", "64m", "--allow-missing", "memory", rootfs, "--"])


def test_of_an_ordinary_user(user: User, user_rootfs: str) -> None:
    """Rootless: without a cgroup there is nothing for a guardian to do."""
    check_command([*user.command(), "run", "--allow-missing", "pids", user_rootfs, "--"], **user.options())


@pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")
def test_of_the_library(rootfs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Sandbox.start`, whose output is written into its log by the monitor; however large the caller's environment is, of which init has nothing."""
    for number in range(10):
        monkeypatch.setenv(f"BALLAST{number}", "secret" * 2_000)
    before = children()
    with contain.Sandbox(rootfs=rootfs).start(SLEEP):

        def kept() -> list[int]:
            return [pid for child in children() - before for pid in memory.kept(child)]

        assert held(kept) > 50_000
        init = next(pid for pid in kept() if memory.processes()[pid][1][0] == "contain-init")
        with open(f"/proc/{init}/environ", "rb") as file:
            assert not file.read().strip(b"\0")


@pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")
def test_no_huge_pages(rootfs: str) -> None:
    """Where the kernel gives them to all who do not refuse (Debian's), each container held, and was charged, 4 MiB for some pages of ours."""
    if not os.path.exists("/sys/kernel/mm/transparent_hugepage"):
        pytest.skip("this kernel has no huge pages")
    before = children()
    with contain.Sandbox(rootfs=rootfs).start(SLEEP) as box:
        for pid in {box.pid, *(children() - before)}:
            refused = large(pid)
            assert refused
            assert all(refused), pid


def large(pid: int) -> list[bool]:
    """Of each mapping of a process that has room for a huge page and is no file's: whether it refuses them."""
    found, size, is_file = [], 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            if "-" in key:
                is_file = len(line.split()) > 5
            elif key == "Size":
                size = int(value.split()[0])
            elif key == "VmFlags" and size >= 2048 and not is_file:
                found.append("nh" in value.split())
    return found
