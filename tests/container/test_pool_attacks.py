"""What somebody may do to a pool of cgroups, and to the process that holds it: nothing of it is a run's, and no run is its."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import contain
from tests.conftest import in_guest
from tests.container.test_pool import MORE, box, holders, places, pools, until, warm

__all__ = ["box"]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.getuid() != 0, reason="whose cgroups an ordinary user could change from inside are not used again"),
]


def test_somebody_else_in_a_place(box: contain.Sandbox) -> None:
    """In one hierarchy after another: the run has cgroups of its own."""
    name = warm(box).name
    for place in places(name):
        with subprocess.Popen(["sleep", "1000"]) as other:
            Path(place, "cgroup.procs").write_text(str(other.pid), encoding="ascii")
            assert box.run(["echo", "hi"], check=True).stdout == b"hi\n"
            assert Path(place, "cgroup.procs").read_text(encoding="ascii") == f"{other.pid}\n"
            other.kill()


def test_a_pool_that_somebody_removes(box: contain.Sandbox) -> None:
    """All of it in one hierarchy after another."""
    name = warm(box).name
    for folder in pools(name):
        for place in filter(lambda one: one.startswith(f"{folder}/"), places(name)):
            os.rmdir(place)
        os.rmdir(folder)
        assert box.run(["echo", "hi"], check=True).stdout == b"hi\n"


def test_a_holder_that_is_killed_stops_nobody_s_start(box: contain.Sandbox) -> None:
    """What was running in its cgroups dies with them, as the result says; no run fails to start."""
    warm(box)
    stop, killed = threading.Event(), []

    def runs() -> int:
        count = 0
        while not stop.is_set():
            found = box.run(["true"])
            assert found.ok or found.signal == signal.SIGKILL
            count += 1
        return count

    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(runs) for _ in range(2)]
        try:
            for _ in range(10):
                until(lambda: any(pool.ready for pool in list(box._pools.values())))
                for pool in list(box._pools.values()):
                    killed.append(pool.name)
                    for pid in holders(pool.name)[:1]:
                        os.kill(pid, signal.SIGKILL)
        finally:
            stop.set()
        assert all(one.result() for one in running)
    until(lambda: not any(map(pools, killed)))


def test_places_that_are_made_anew_at_once(busybox: str, tmp_path: Path) -> None:
    """Each run leaves a file in memory, so no place can be used twice: nobody removes what another run has just made."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o777)
        with contain.Sandbox(rootfs=busybox, memory="64m", volume=[f"{folder}:/data"]) as box:
            made = [at for at, one in enumerate(box._plan.operations) if type(one).__name__ == "MakeCgroup"]
            memory = [at for at in made if box._plan.operations[at].values()["mount"].endswith("memory")]
            for at in memory:  # v1: the one that is worn has the lock, as v2's has
                operations = box._plan.operations
                operations[made[0]], operations[at] = operations[at], operations[made[0]]
            warm(box)

            def one(number: int) -> bool:
                return bool(box.run(["sh", "-c", f"head -c 3000000 /dev/zero > /data/{number % 8}"], check=True))

            with ThreadPoolExecutor(8) as threads:
                assert all(threads.map(one, range(60 if in_guest() else 400)))


def test_what_a_run_used_is_not_to_be_seen_by_the_next(busybox: str) -> None:
    """Whoever may mount finds a cgroup of his own, whose counters begin with his run."""
    burn = ["sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"]
    look = """mkdir /tmp/m
    mount -t cgroup -o cpuacct none /tmp/m && exec cat /tmp/m/cpuacct.usage
    mount -t cgroup2 none /tmp/m && sed -n 's/usage_usec \\(.*\\)/\\1000/p' /tmp/m/cpu.stat"""
    with contain.Sandbox(rootfs=busybox, cap_add=["ALL"], security_opt=["seccomp=unconfined"]) as box:
        for _ in range(MORE):
            used = box.run(burn, check=True).usage.cpu
        assert used
        found = box.run(["sh", "-c", look], text=True)
        if not found.ok:
            pytest.skip(f"no hierarchy can be mounted: {found.stderr}")
        assert int(found.stdout) < used * 10**9


@pytest.mark.any_kernel
def test_goes_with_its_sandbox_without_the_collector(busybox: str) -> None:
    """Sandboxes that it derives from itself are no reason to keep it."""
    gc.collect()
    gc.disable()
    try:
        box = contain.Sandbox(rootfs=busybox)
        for _ in range(MORE):
            box.run(["true"], cpu_time=9.0, check=True)
        name = next(iter(box._pools.values())).name
        del box
        assert pools(name) == []
    finally:
        gc.enable()


HELD = """
import contain, os, sys
box = contain.Sandbox(rootfs=sys.argv[1])
for _ in range(20):
    box.run(["true"], check=True)
os.close(int(sys.argv[2]))
print(next(iter(box._pools.values())).name, flush=True)
sys.stdin.read()
"""


@pytest.mark.any_kernel
def test_holds_nothing_of_its_caller(busybox: str, tmp_path: Path) -> None:
    """Neither the folder where it was begun, nor a pipe that the caller was given: whoever reads that to its end is not to wait."""
    read, write = os.pipe()
    script = [sys.executable, "-c", HELD, busybox, str(write)]
    with subprocess.Popen(script, stdin=-1, stdout=-1, text=True, pass_fds=[write], cwd=tmp_path) as caller:
        os.close(write)
        assert caller.stdout
        name = caller.stdout.readline().strip()
        assert select.select([read], [], [], 20)[0]
        known = holders(name)
        assert len(known) == 2
        assert {os.readlink(f"/proc/{pid}/cwd") for pid in known} == {"/"}
        caller.communicate("")
    os.close(read)


REAPER = """
import contain, ctypes, os, sys
assert ctypes.CDLL(None).prctl(36, 1) == 0  # PR_SET_CHILD_SUBREAPER
for _ in range(3):
    with contain.Sandbox(rootfs=sys.argv[1]) as box:
        for _ in range(20):
            box.run(["true"], check=True)
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none")
"""

NOBODY = """
import contain, os, sys
box = contain.Sandbox(rootfs=sys.argv[1])
for _ in range(20):
    box.run(["true"], check=True)
name = next(iter(box._pools.values())).name
os.setuid(65534)
box.close()
del box
print(name)
"""


@pytest.mark.any_kernel
def test_leaves_no_zombie_to_who_reaps_all(busybox: str) -> None:
    """A subreaper, or the first process of a container, becomes its parent."""
    done = subprocess.run([sys.executable, "-c", REAPER, busybox], capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"


@pytest.mark.any_kernel
def test_a_caller_who_may_not_end_it(busybox: str) -> None:
    """He has given up his rights since then: it ends with him, and nothing is said."""
    done = subprocess.run([sys.executable, "-c", NOBODY, busybox], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    until(lambda: pools(done.stdout.strip()) == [])


def test_a_run_that_never_began_used_nothing_of_the_one_before(busybox: str) -> None:
    """Its time was over while it was set up: neither processor time nor memory of the earlier runs are its own."""
    much = ["sh", "-c", "x=$(head -c 8000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"]
    with contain.Sandbox(rootfs=busybox, memory="64m") as box:
        warm(box)
        used = box.run(much, check=True).usage
        assert used.cpu
        for _ in range(8):
            found = box.run(["true"], timeout=0.001).usage
            assert (found.cpu or 0) < used.cpu / 2
            assert (found.memory_peak or 0) < 2 << 20


@pytest.mark.any_kernel
def test_little_is_much_where_the_limit_is_small(busybox: str) -> None:
    """What a run left in memory, here a file, is not to take a third of the next one's."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o777)
        with contain.Sandbox(rootfs=busybox, memory="3m", volume=[f"{folder}:/data"]) as box:
            name = warm(box).name
            for number in range(3):
                before = {os.stat(place).st_ino for place in places(name)}
                box.run(["sh", "-c", f"head -c 450000 /dev/zero > /data/{number}"], check=True)
                box.run(["true"], check=True)
                assert before != {os.stat(place).st_ino for place in places(name)}


INTERRUPTED = """
import contain, signal, sys

class Alarm(Exception):
    pass

def ring(*_):
    raise Alarm

signal.signal(signal.SIGALRM, ring)
for number in range(40):
    box = contain.Sandbox(rootfs=sys.argv[1], cgroup_parent=sys.argv[2])
    for _ in range(3):
        box.run(["true"])
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0003 + 0.00015 * number)
            box.run(["true"])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Alarm:
        pass
    del box
print("over", flush=True)
sys.stdin.read()
"""


@pytest.mark.any_kernel
def test_an_interrupt_leaves_no_holder(busybox: str) -> None:
    """While one is made, at any moment: it is not wanted, and ends."""
    parent = f"contain-interrupted-{os.getpid()}"
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED, busybox, f"/{parent}"], stdin=-1, stdout=-1, text=True) as caller:
        assert caller.stdout
        assert caller.stdout.readline() == "over\n"
        until(lambda: pools(parent) == [])
        caller.communicate("")
