"""What a run used, on programs that use a known amount: bounds are wide enough for any kernel, and narrow enough to see what is not counted."""

from __future__ import annotations

import os

import pytest

import contain

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
    pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="no /usr/bin/python3 to use something"),
]
MIB = 1 << 20
PYTHON = ["/usr/bin/python3", "-I", "-S", "-c"]
BURN = "import time\nwhile time.process_time() < 0.2: pass\n"
FORKS = f"import os\nfor _ in range(2):\n    if os.fork() == 0:\n        exec({BURN!r}); os._exit(0)\nfor _ in range(2): os.wait()"
THREADS = "import threading, time\ndef burn():\n    while time.process_time() < 0.2: pass\nfor _ in range(3): threading.Thread(target=burn).start()"
DAEMON = f"""
import os
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        exec({BURN!r})
        os.write(write, b"x")
        os.pause() if hasattr(os, "pause") else __import__("signal").pause()
    os._exit(0)
os.wait()
os.read(read, 1)
"""
EXEC = f"import os\nif os.fork() == 0:\n    os.execv('/usr/bin/python3', ['python3', '-I', '-S', '-c', {BURN!r}])\nos.wait()"


@pytest.fixture(scope="module")
def box() -> contain.Sandbox:
    """The host view with a memory limit, so that there is a cgroup that counts; skips where there is none."""
    try:
        return contain.Sandbox(memory="512m")
    except contain.HostError as error:
        pytest.skip(f"no memory cgroup: {error}")


def used(found: contain.Result) -> contain.Usage:
    """The usage of a run that did not fail."""
    assert found.ok, (found, found.stderr)
    return found.usage


@pytest.mark.parametrize(
    ("program", "least"), [(FORKS, 0.4), (THREADS, 0.2), (DAEMON, 0.2), (EXEC, 0.2)], ids=["forks", "threads", "daemon", "exec"]
)
def test_processor_time_of_all(box: contain.Sandbox, program: str, least: float) -> None:
    """What the processes burn by their own clocks is there, by the cgroup and by what our PID 1 waited for."""
    usage = used(box.run([*PYTHON, program]))
    assert usage.cpu is not None
    assert usage.user is not None
    assert usage.system is not None
    assert least <= usage.cpu < least + 2
    assert usage.user + usage.system >= 0.95 * least
    assert abs(usage.user + usage.system - usage.cpu) < 0.25 * usage.cpu


def test_processor_time_of_what_was_killed(box: contain.Sandbox) -> None:
    """A limit fired: what had run until then is counted, without a cgroup too (rusage of what PID 1 reaped)."""
    usage = box.run(["sh", "-c", "(while :; do :; done) & while :; do :; done"], cpu_time=0.2, timeout=60).usage
    assert usage.user is not None
    assert usage.system is not None
    assert usage.user + usage.system >= 0.18


@pytest.mark.parametrize(
    "program",
    [
        f"x = bytearray({64 * MIB})",
        f"import mmap\nx = mmap.mmap(-1, {64 * MIB})\nfor at in range(0, {64 * MIB}, 4096): x[at] = 1",
        f"with open('/tmp/x', 'wb') as file:\n    for _ in range(64): file.write(bytes({MIB}))",
    ],
    ids=["anonymous", "shared", "tmpfs"],
)
def test_memory_peak(box: contain.Sandbox, program: str) -> None:
    """All kinds of memory are charged to the cgroup."""
    usage = used(box.run([*PYTHON, program]))
    if usage.memory_peak is None:
        pytest.skip("this kernel has no memory.peak")
    assert 64 * MIB <= usage.memory_peak < 96 * MIB


def test_largest_process_is_not_the_caller(box: contain.Sandbox) -> None:
    """A child's ru_maxrss starts with its caller's, unless somebody small stands between."""
    ballast = bytearray(300 * MIB)
    usage = used(box.run(["true"]))
    del ballast
    assert usage.max_rss is not None
    assert usage.max_rss < 32 * MIB
    usage = used(box.run([*PYTHON, f"x = bytearray({64 * MIB})"]))
    assert usage.max_rss is not None
    assert 64 * MIB <= usage.max_rss < 90 * MIB


def test_sources_are_named(box: contain.Sandbox) -> None:
    """Where each number comes from."""
    sources = used(box.run(["true"])).sources
    assert sources["memory_peak"] in {"cgroup-v1", "cgroup-v2", "none"}
    assert sources["max_rss"] == "rusage"
