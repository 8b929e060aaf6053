"""Launching a configuration while the test goes on: talk to it, signal it, kill it, and see that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from contain.host.probe import probe
from contain.launcher import spawn
from contain.plan.compile import compile_run
from contain.plan.encode import encode
from contain.plan.wanted import wanted
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 30.0


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """Waits until something holds, as long as it takes on a busy machine; returns what it gave."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"never: {what}")


def plan_of(config: dict[str, Any], root: str, **run: Any) -> bytes:
    """The encoded plan of a configuration on this machine."""
    spec = Spec(defaults.fill(config), kind="oci", bundle=os.path.dirname(root), root=root, run=RunOptions(**run))
    return encode(compile_run(spec, probe(wanted(spec))))


class Running:
    """A launcher at work."""

    def __init__(self, plan: bytes, *, words: tuple[str, ...] = (), fds: tuple[int, ...] = (), **popen: Any) -> None:
        """`words` are options of the launcher, `fds` the descriptors that they name."""
        planfd = spawn.sealed("plan", plan)
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        try:
            self.process = subprocess.Popen(
                spawn.argv(str(planfd), words=words), executable=spawn.find(), pass_fds=(planfd, *fds), text=True, **options
            )
        finally:
            os.close(planfd)

    def line(self) -> str:
        """The next line of its output; "" at the end."""
        assert self.process.stdout
        return str(self.process.stdout.readline()).rstrip("\n")

    def expect(self, line: str) -> None:
        """The next line is this one."""
        found = self.line()
        assert found == line, (found, self.process.poll(), self.process.stderr and self.process.stderr.read() if not found else "")

    def signal(self, number: int) -> None:
        """To the monitor."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """(exit code, rest of output, errors)."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, out, err

    def __enter__(self) -> Running:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to the next test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        self.process.wait()


def children(pid: int) -> list[int]:
    """Pids of a process's children."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def name_of(pid: int) -> str:
    """The kernel's name of a process; "" when it is gone."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def guardian_of(pid: int) -> int:
    """The guardian of a monitor."""
    return int(eventually(lambda: next((child for child in children(pid) if name_of(child) == "contain-guard"), 0), "a guardian"))
