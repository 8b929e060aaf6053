"""What engines read of a created container: ps, list, events with OOM kills; and the exit code that nobody wrote down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from contain.host.probe import probe
from contain.kernel import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="root runs OCI bundles without a user namespace")]


class Engine:
    """Calls `contain` with a state root of its own; its container is called `box`."""

    def __init__(self, root: Path, top: str) -> None:
        self.command = [sys.executable, "-m", "contain", f"--root={root}"]
        self.environment = {**os.environ, "PYTHONPATH": top}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One call that prints nothing of the container's."""
        return subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, env=self.environment, timeout=60)

    def create(self, bundle: str) -> None:
        """A created container; it keeps what it got as output."""
        done = subprocess.run(
            [*self.command, "create", "-b", bundle, "box"], stdin=-3, stdout=-3, stderr=-3, check=False, env=self.environment
        )
        assert done.returncode == 0

    def open(self, *words: str) -> subprocess.Popen[str]:
        """A call that goes on."""
        return subprocess.Popen([*self.command, *words], stdout=subprocess.PIPE, text=True, env=self.environment)


@pytest.fixture
def engine(tmp_path: Path, top: str, launcher: str) -> Iterator[Engine]:
    """Nothing is left of the container."""
    root = tmp_path / "state"
    root.mkdir(mode=0o700)
    one = Engine(root, top)
    yield one
    one("delete", "--force", "box")


def test_a_created_container(engine: Engine, make_bundle: Callable[..., str]) -> None:
    """Listed and counted before it is started; who waits for it learns its exit code, although we are not its parent."""
    engine.create(make_bundle("/bin/sh", "-c", "exit 5"))
    row = json.loads(engine("list", "-f", "json").stdout)[0]
    assert (row["id"], row["status"], row["kind"]) == ("box", "created", "create")
    assert json.loads(engine("ps", "-f", "json", "box").stdout) == [row["pid"]]
    event = json.loads(engine("events", "--stats", "box").stdout)
    assert (event["type"], event["id"]) == ("stats", "box")
    waiter = engine.open("wait", "box")
    while not _polls(waiter.pid):
        assert waiter.poll() is None
    assert engine("start", "box").returncode == 0
    out, _ = waiter.communicate(timeout=30)
    assert out == "5\n" or probe().kernel < (6, 15)  # older kernels tell only until its parent has looked
    assert engine("ps", "-f", "json", "box").stdout == "[]\n"


def _polls(pid: int) -> bool:
    """Whether a process holds a pidfd and sleeps."""
    found = processes.stat(pid)
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    return found is not None and found.state == "S" and any("pidfd" in link for link in links)


def test_an_oom_kill_is_an_event(engine: Engine, make_bundle: Callable[..., str]) -> None:
    """Told when it happens, not at the next interval; the events end with the container."""
    if "memory" not in probe().cgroup.controllers:
        pytest.skip("no memory cgroup can be made here")

    def limit(config: dict[str, object]) -> None:
        config["linux"]["resources"] = {"memory": {"limit": 16 << 20, "swap": 16 << 20}}  # type: ignore[index]

    script = "dd if=/dev/zero of=/dev/null bs=40M count=1; sleep 0.2"  # its buffer is more than the limit
    engine.create(make_bundle("/bin/sh", "-c", script, change=limit))
    events = engine.open("events", "--interval", "1h", "box")
    while not _polls(events.pid):
        assert events.poll() is None
    assert engine("start", "box").returncode == 0
    out, _ = events.communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["type"] for line in lines} == {"oom"}
    assert lines[0]["id"] == "box"
