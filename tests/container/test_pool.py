"""Cgroups that a sandbox's runs use one after another: each run is as the first, and they go with the sandbox or with its process."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import contain
from contain.container import sandbox as module
from contain.plan.compile.pool import pooled
from tests.conftest import children, in_guest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contain.container.pool import Pool

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.getuid() != 0, reason="whose cgroups an ordinary user could change from inside are not used again"),
]
MIB = 1 << 20
MORE = module.OFTEN + 3


def places(name: str = "contain-pool-") -> list[str]:
    """The cgroups of pools, without those of other processes that run at the same time if `name` is a whole one."""
    return sorted(f"{top}/{one}" for top, folders, _ in os.walk("/sys/fs/cgroup") if f"/{name}" in top for one in folders)


def busy(name: str) -> bool:
    """Whether anybody runs in it."""
    return any(Path(place, "cgroup.procs").read_text(encoding="ascii") for place in places(name))


def pools(name: str) -> list[str]:
    """A pool's own folder in each hierarchy."""
    return [top for top, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(top) == name]


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Waits."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def holders(name: str) -> list[int]:
    """Monitor and guardian of a pool, by the note that both have open."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if "/.note-" in target and name in Path(target).read_text(encoding="utf-8"):
                    found.append(int(pid))
    return sorted(set(found))


def warm(box: contain.Sandbox) -> Pool:
    """Runs until the pool is in use."""
    for _ in range(100):
        box.run(["true"], check=True)
        found = [pool for pool in box._pools.values() if pool.ready]
        if found:
            box.run(["true"], check=True)
            return found[0]
    pytest.skip("no cgroup can be had here")


@pytest.fixture
def box(busybox: str) -> Iterator[contain.Sandbox]:
    """One whose pool is gone afterwards."""
    made = contain.Sandbox(rootfs=busybox)
    try:
        yield made
    finally:
        names = [pool.name for pool in made._pools.values()]
        made.close()
        assert [pools(name) for name in names] == [[] for _ in names]


def test_one_run_after_another(box: contain.Sandbox) -> None:
    """The same cgroup, and none in the run's own name."""
    name = warm(box).name
    made = places(name)
    assert {os.path.basename(place) for place in made} == {"0"}
    first = {place: os.stat(place).st_ino for place in made}
    for _ in range(5):
        assert box.run(["echo", "hi"], check=True).stdout == b"hi\n"
    again = {place: os.stat(place).st_ino for place in places(name)}
    assert set(again) == set(first)
    kept = {*again.items()} & {
        *first.items()
    }  # the one that counts memory may have been full, and v2's peak cannot be set back before 6.12
    assert kept or any("unified" in place or in_guest() for place in made)


def test_many_at_once(box: contain.Sandbox) -> None:
    """No more than there are runs at one time, and nobody shares one."""
    name = warm(box).name
    read, write = os.pipe()

    def together() -> set[str]:
        return {os.path.basename(place) for place in places(name) if Path(place, "cgroup.procs").read_text(encoding="ascii")}

    with ThreadPoolExecutor(6) as threads:
        runs = [threads.submit(box.run, ["cat"], stdin=read) for _ in range(6)]
        until(lambda: together() == {str(number) for number in range(6)})
        os.close(write)
        assert all(run.result().ok for run in runs)
    os.close(read)
    box.run(["true"], check=True)
    assert len({os.path.basename(place) for place in places(name)}) == 6


@pytest.mark.any_kernel
def test_many_from_the_first_run_on(busybox: str) -> None:
    """Whichever thread's run is the one that is often enough."""
    for _ in range(3):
        with contain.Sandbox(rootfs=busybox) as box, ThreadPoolExecutor(8) as threads:
            assert all(threads.map(lambda _, box=box: box.run(["true"]).ok, range(24)))  # type: ignore[misc]
            assert len(box._pools) == (pooled(box._plan, os.geteuid()) is not None)


def test_made_anew_while_others_look_at_it(box: contain.Sandbox) -> None:
    """On v2 before 6.12 each run makes its place anew: nobody may hold one that is gone."""
    warm(box)

    def some(number: int) -> bool:
        return all(box.run(["echo", str(number)], check=True).stdout == b"%d\n" % number for _ in range(12))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(some, range(4)))


def test_memory_is_each_run_s_own(busybox: str) -> None:
    """Too much, then much, then little: neither the peak nor the kernel's kills are those of the run before."""
    with contain.Sandbox(rootfs=busybox, memory="24m", pids_limit=20) as box:
        warm(box)
        some = ["sh", "-c", "x=$(head -c 4000000 /dev/zero | tr '\\0' x); echo ${#x}"]
        for _ in range(2):
            over = box.run(["sh", "-c", "x=$(head -c 40000000 /dev/zero | tr '\\0' x)"])
            assert over.usage.oom_kills == 1
            much, little = box.run(some, check=True), box.run(["true"], check=True)
            assert much.usage.oom_kills == little.usage.oom_kills == 0
            assert much.usage.memory_peak > 4 * 10**6
            assert little.usage.memory_peak < 2 * MIB
        bomb = box.run(["sh", "-c", "for i in $(seq 40); do sleep 1 & done; wait"])
        assert b"fork" in bomb.stderr


@pytest.mark.any_kernel
def test_processor_time_is_each_run_s_own(box: contain.Sandbox) -> None:
    """Many that use half of it; one that uses more; one that uses nothing."""
    burn = ["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]
    for _ in range(MORE):
        once = box.run(burn, cpu_time=60, check=True).usage.cpu
    assert once is not None
    for _ in range(5):
        assert box.run(burn, cpu_time=once * 2 + 0.2).reason is contain.Reason.EXITED
    for _ in range(MORE):
        assert box.run(["sh", "-c", "while :; do :; done"], cpu_time=0.1, timeout=60).reason is contain.Reason.CPU_LIMIT
    assert len(box._pools) == 1
    warm(box)
    long, short = box.run(burn, check=True), box.run(["true"], check=True)
    assert short.usage.cpu < long.usage.cpu / 2


@pytest.mark.any_kernel
def test_what_is_left_in_memory(busybox: str, tmp_path: Path) -> None:
    """Pages of a file that a run read stay charged to its cgroup; the next one gets another."""
    big = tmp_path / "big"
    big.write_bytes(os.urandom(24 * MIB))
    with contain.Sandbox(rootfs=busybox, memory="64m", volume=[f"{tmp_path}:/data:ro"]) as box:
        warm(box)
        for _ in range(3):
            fd = os.open(big, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
            box.run(["cat", "/data/big"], check=True)
            assert box.run(["true"], check=True).usage.memory_peak < 2 * MIB


@pytest.mark.any_kernel
def test_goes_with_its_sandbox(busybox: str) -> None:
    """Without close(); a run in another thread keeps it until it has ended."""
    box = contain.Sandbox(rootfs=busybox)
    name = warm(box).name
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(box.run, ["sh", "-c", "sleep 1; echo done"])
        until(lambda: busy(name))
        box.close()
        assert running.result().stdout == b"done\n"
    del running
    gc.collect()
    assert pools(name) == []
    box = contain.Sandbox(rootfs=busybox)
    name = warm(box).name
    del box
    gc.collect()
    assert pools(name) == []


SCRIPT = """
import contain, os, sys, time
box = contain.Sandbox(rootfs=sys.argv[1])
for _ in range(20):
    box.run(["true"], check=True)
try:
    os.waitpid(-1, 0)  # nobody is our child
except ChildProcessError:
    print(next(iter(box._pools.values())).name, flush=True)
exec(sys.argv[2])
"""


@pytest.mark.any_kernel
@pytest.mark.parametrize(
    "end", ["", "os._exit(0)", "os.kill(os.getpid(), 9)", "os.execv('/bin/true', ['true'])", "os.fork() or time.sleep(60)"]
)
def test_goes_with_its_process(busybox: str, end: str) -> None:
    """However that ends, and whoever it has forked."""
    done = subprocess.Popen([sys.executable, "-c", SCRIPT, busybox, end], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert done.stdout
        name = done.stdout.readline().strip()
        assert name.startswith("contain-pool-")
        done.wait(60)
        until(lambda: pools(name) == [])
    finally:
        done.communicate() if "fork" not in end else os.killpg(done.pid, signal.SIGKILL)


@pytest.mark.parametrize("both", [False, True])
def test_holder_is_killed(busybox: str, both: bool) -> None:
    """By its guardian all is removed, without one when the sandbox makes another."""
    box = contain.Sandbox(rootfs=busybox)
    pool = warm(box)
    known = holders(pool.name)
    assert len(known) == 2
    for pid in known if both else known[:1]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in known))  # the guardian goes when it has removed all
    assert warm(box).name != pool.name
    until(lambda: pools(pool.name) == [])
    box.close()


@pytest.mark.any_kernel
def test_launcher_is_killed(box: contain.Sandbox) -> None:
    """The container dies with it; its cgroup is nobody's until then, and nothing is left."""
    name = warm(box).name
    for _ in range(5):
        with ThreadPoolExecutor(1) as thread:
            known = children()
            running = thread.submit(box.run, ["sleep", "100"])
            until(lambda: busy(name))
            (launcher,) = children() - known
            os.kill(launcher, signal.SIGKILL)
            with pytest.raises(contain.LaunchError, match="without a record"):
                running.result()
        assert box.run(["echo", "hi"], check=True).stdout == b"hi\n"
    until(lambda: not busy(name))


@pytest.mark.any_kernel
def test_a_forked_child_has_its_own(box: contain.Sandbox) -> None:
    """And leaves ours alone when it ends."""
    pool = warm(box)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            own = warm(box)
            os.write(write, own.name.encode())
            code = 0 if own.name != pool.name and pools(pool.name) else 2
            box.close()
        os._exit(code)
    os.close(write)
    assert os.waitpid(child, 0)[1] == 0
    name = os.read(read, 100).decode()
    os.close(read)
    until(lambda: pools(name) == [])
    assert pool.ready
    assert pools(pool.name)
    box.run(["true"], check=True)


def test_who_could_change_it_has_a_new_one(busybox: str) -> None:
    """Whoever is the caller inside, or sees cgroups there, or whose limits the next run would feel."""

    def can(**options: object) -> bool:
        return pooled(contain.Sandbox(rootfs=busybox, **options)._plan, os.geteuid()) is not None  # type: ignore[arg-type]

    assert can()
    assert can(memory="64m", pids_limit=10, cpu_time=3.0)
    assert not can(cpus=1.0)
    assert not can(name="known")
    assert not can(label=["a=b"])
    assert not can(userns="host")
    assert not can(init=False)
    assert not can(cap_add=["SYS_ADMIN"])
    assert not can(security_opt=["seccomp=unconfined"])
    assert not can(volume=["/sys/fs:/mnt:ro"])
    assert pooled(contain.Sandbox(rootfs=busybox)._plan, 65534) is None


@pytest.mark.any_kernel
def test_no_pool_for_few_runs(busybox: str) -> None:
    """A process more for three runs would not pay."""
    with contain.Sandbox(rootfs=busybox) as box:
        for _ in range(module.OFTEN):
            box.run(["true"], check=True)
        assert box._pools == {}
        with box.start(["true"]) as container:
            container.wait()
        assert box._pools == {}
