"""Many runs, threads, forks: nothing is left, and nobody's pipes or children stand in the way."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import contain
from tests.conftest import children

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def groups(name: str) -> list[str]:
    """Cgroups below those of this name, in any hierarchy."""
    return [f"{top}/{one}" for top, folders, _ in os.walk("/sys/fs/cgroup") if os.path.basename(top) == name for one in folders]


def parents(name: str) -> list[str]:
    """Cgroups of this name, in any hierarchy."""
    return [top for top, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(top) == name]


def mounts(path: str) -> int:
    """Mounts of this mount namespace that say something of a path."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return sum(path in line for line in file)


def resident() -> int:
    """Bytes of this process that are in memory and its own."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        fields = file.read().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def network_namespaces() -> int:
    """How many the kernel has, to some ten: 0 where it does not say. They vanish after their last process, by and by."""
    try:
        with open("/proc/slabinfo", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("net_namespace ")), 0)
    except OSError:
        return 0


def many(busybox: str, count: int, growth: int) -> None:
    """So many runs from four threads, after a tenth of them to warm up: all is as before."""
    name = f"contain-stress-{os.getpid()}"
    box = contain.Sandbox(rootfs=busybox, cgroup_parent=f"/{name}")

    def some(runs: int) -> bool:
        return all(box.run(["echo", str(run)]).stdout == b"%d\n" % run for run in (number % 7 for number in range(runs)))

    known = children()
    with ThreadPoolExecutor(4) as pool:  # four calls, not one a run: what a pool remembers of a thousand calls is not ours
        assert all(pool.map(some, [count // 40] * 4))
        before = len(os.listdir("/proc/self/fd")), threading.active_count(), mounts(busybox)
        memory, networks = resident(), network_namespaces()
        assert all(pool.map(some, [count // 4] * 4))
        assert (len(os.listdir("/proc/self/fd")), threading.active_count(), mounts(busybox)) == before
        assert resident() - memory < growth
    box.close()  # and its pool
    assert groups(name) == []
    assert parents(name) == []
    assert children() <= known
    deadline = time.monotonic() + 30
    while network_namespaces() > networks + 100:  # what others do on this machine meanwhile
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_last_one_out_removes_the_parent(busybox: str) -> None:
    """A cgroup that one run made as a parent for its own, and another one used; one that was there before stays."""
    name = f"contain-parent-{os.getpid()}"
    box = contain.Sandbox(rootfs=busybox, cgroup_parent=f"/{name}/deep")
    with box.start(["sleep", "100"]) as first, box.start(["sleep", "100"]) as second:
        assert parents(name)
        first.kill()
        first.wait()
        made = parents(name)
        assert made
        second.kill()
        second.wait()
        assert parents(name) == []
    for path in made:
        os.mkdir(path)
    try:
        box.run(["true"], check=True)
        assert parents(name) == made
        assert groups(name) == []
    finally:
        for path in made:
            os.rmdir(path)


def test_thousand_runs(busybox: str) -> None:
    """Descriptors, threads, mounts, cgroups, children, memory."""
    many(busybox, 1_000, 4 << 20)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_ten_thousand_runs(busybox: str) -> None:
    """The same, and memory within 1 MB."""
    many(busybox, 10_000, 1 << 20)


def work(box: contain.Sandbox, number: int) -> bytes:
    """What a worker does."""
    found: bytes = box.run(["echo", str(number)]).stdout
    return found


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(busybox: str, method: str) -> None:
    """A sandbox is inherited, or pickled; while threads of this process run too."""
    box = contain.Sandbox(rootfs=busybox)
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            box.run(["true"], check=True)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        with multiprocessing.get_context(method).Pool(3) as pool:
            found = pool.starmap(work, [(box, number) for number in range(12)])
    finally:
        stop.set()
        thread.join()
    assert found == [b"%d\n" % number for number in range(12)]


def test_forked_child_that_holds_our_pipes(busybox: str) -> None:
    """Another thread forks in the middle of a run, and its child lives on: the run ends when its program does."""
    box = contain.Sandbox(rootfs=busybox)
    read, write = os.pipe()
    with box.start(["sh", "-c", "cat >&2"], stdin=contain.PIPE, stdout=contain.PIPE, stderr=contain.PIPE, input=b"x" * 10) as container:
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)  # until the parent has seen the end
            os._exit(0)
        try:
            container.kill()
            assert container.wait(60).reason in {contain.Reason.KILLED, contain.Reason.SIGNALLED, contain.Reason.EXITED}
        finally:
            os.close(write)
            os.close(read)
            os.waitpid(child, 0)


def test_container_that_nobody_holds(busybox: str) -> None:
    """It runs on until its process ends, whether or not anybody still has the object."""
    box = contain.Sandbox(rootfs=busybox).start(["sleep", "1000"])
    pid = box._launch.pid
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del box
        gc.collect()
    try:
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def test_spawning_thread_that_ended(busybox: str) -> None:
    """A container belongs to the process, not to the thread that started it."""
    box = contain.Sandbox(rootfs=busybox)
    made: list[contain.Container] = []
    thread = threading.Thread(target=lambda: made.append(box.start(["sh", "-c", "while [ ! -e /tmp/end ]; do sleep 0.01; done; exit 7"])))
    thread.start()
    thread.join()
    with made[0] as container:
        container.put(b"", "/tmp/end")
        assert container.wait(60).returncode == 7


def test_many_containers_at_once(busybox: str) -> None:
    """Thirty-two, each with its own state; then none."""
    box = contain.Sandbox(rootfs=busybox)
    with ThreadPoolExecutor(8) as pool:
        running = list(pool.map(lambda number: box.start(["sh", "-c", f"echo {number}; exec sleep 1000"]), range(32)))
        try:
            for number, container in enumerate(running):
                container.wait_for(contain.log(f"{number}\n"))
        finally:
            list(pool.map(lambda container: container.__exit__(None, None, None), running))
    assert not any(os.path.exists(f"{container.root}/{container.id}") for container in running)


def test_import_budget(top: str) -> None:
    """The first run imports neither asyncio nor anything of the command line's; `import contain` next to nothing."""
    code = (
        "import sys; before = set(sys.modules); import contain; first = set(sys.modules) - before;"
        "contain.Sandbox; contain.run; contain.Container; print(*sorted(first)); print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({top!r}); {code}"], capture_output=True, text=True, check=True
    )
    first, all_of_them = (line.split() for line in found.stdout.splitlines())
    assert first == ["__future__", "contain"]
    slow = {"asyncio", "argparse", "ctypes", "dataclasses", "inspect", "logging", "pathlib", "subprocess", "tempfile", "shutil", "difflib"}
    assert slow.isdisjoint(all_of_them)


def test_a_run_imports_what_it_has(top: str, busybox: str) -> None:
    """Families of which it has nothing (hooks, the host view, RDT, the gate of create) cost it nothing."""
    code = f"import sys; sys.path.append({top!r}); import contain; contain.run(['true'], rootfs={busybox!r}); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    seldom = {"binds", "cgroup_lacking", "cgroup_scope", "cgroup_systemd", "resctrl", "hostview", "hooks", "lifecycle"}
    assert {f"contain.plan.compile.{name}" for name in seldom}.isdisjoint(found)
    assert {"contain.state.summary", "contain.plan.operations.hooks", "contain.plan.operations.lifecycle"}.isdisjoint(found)
    none = {"devices", "hooks", "limits", "mappings", "scheduling", "seccomp", "sysctl"}
    assert {f"contain.spec.semantics.{name}" for name in none}.isdisjoint(found)
    assert {"contain.spec.apply.mounts", "contain.spec.apply.process", "contain.spec.values", "contain.host.paths"}.isdisjoint(found)
    assert {f"contain.container.{name}" for name in ("container", "denied", "failed", "isolation", "log", "reason")}.isdisjoint(found)


def test_isolation_is_told_when_asked(top: str, busybox: str) -> None:
    """It is read from the plan only then, and a pickled result has it without the plan."""
    code = (
        f"import sys; sys.path.append({top!r}); import contain, pickle; found = contain.run(['true'], rootfs={busybox!r}, memory='64m');"
        "data = pickle.dumps(found); print(len(data), pickle.loads(data).isolation == found.isolation, found.isolation['memory'])"
    )
    size, same, memory = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split(
        maxsplit=2
    )
    assert int(size) < 8192
    assert same == "True"
    assert "67108864" in memory


CLOSED = """
import os, sys
import contain

box = contain.Sandbox(rootfs=sys.argv[1])
said = []
for _ in range(2):
    found = box.run(["sh", "-c", "cat; echo err >&2; ls /proc/self/fd"], input="in\\n", text=True)
    said += [found.stdout.split(), found.stderr]
with box.start(["sh", "-c", "echo log; exec sleep 1000"]) as one:
    one.wait_for(contain.log("log"))
    said += [one.logs(), one.exec(["echo", "exec"]).stdout]
with open(sys.argv[2], "w") as file:
    file.write(repr(said))
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_caller_without_standard_streams(busybox: str, top: str, tmp_path: Path, closed: str) -> None:
    """As a daemon may be: ours get their numbers, and nothing is mixed up."""
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", CLOSED, busybox, str(tmp_path / "said")]
    done = subprocess.run(words, cwd=top, check=False, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    once = [["in", "0", "1", "2", "3"], "err\n"]
    assert (tmp_path / "said").read_text() == repr([*once, *once, b"log\n", b"exec\n"])


def test_folder_of_the_caller_is_gone(busybox: str, top: str, tmp_path: Path) -> None:
    """A sandbox that was made goes on; a new one says why it cannot be."""
    code = (
        "import contain, os, sys; box = contain.Sandbox(rootfs=sys.argv[1]); os.mkdir(sys.argv[2]); os.chdir(sys.argv[2]); os.rmdir(sys.argv[2])\n"
        "assert box.run(['true']).ok\ntry: contain.Sandbox(rootfs=sys.argv[1])\nexcept contain.UsageError as error: print(error.remedy)"
    )
    environment = {**os.environ, "PYTHONPATH": top}
    words = [sys.executable, "-c", code, busybox, str(tmp_path / "gone")]
    assert subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout == "cd to another one\n"
