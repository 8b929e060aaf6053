"""Limits that really limit, placement, and that nothing of a cgroup is left: on v1, hybrid and v2 alike.

The plans here are made of the families namespaces and cgroup alone: no root, no mounts, so that each takes milliseconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from contain.host.probe import probe
from contain.kernel.cgroups import membership
from contain.launcher import spawn
from contain.plan import stage as at
from contain.plan.compile.cgroup import cgroup, folders
from contain.plan.compile.namespaces import namespaces
from contain.plan.encode import encode
from contain.plan.operations.process import Execute, FindProgram
from contain.plan.operations.supervise import Supervise
from contain.plan.plan import Plan
from contain.plan.slots import Slots
from contain.spec.model import RunOptions, Spec

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="makes cgroups: root only")]
PATH = "/bin:/usr/bin"


def a_spec(resources, *, name, kind="rootfs", namespaces=("pid", "mount", "ipc", "uts", "cgroup"), path="", mounts=(), **run):
    """As much of a spec as the two families read."""
    config = {
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/"},
        "mounts": list(mounts),
        "linux": {"namespaces": [{"type": one} for one in namespaces], "resources": resources, "cgroupsPath": path},
    }
    return Spec(config, kind=kind, bundle="/", root="/", run=RunOptions(name=name, **run))


def shell(script):
    """The operations that execute a script of the host's shell."""
    find = FindProgram(stage=at.GO, name="sh", path=PATH)
    return [find, Execute(args=["sh", "-c", script], env=[f"PATH={PATH}"])]


def a_plan(spec, script, host=None):
    """The encoded plan that runs a shell script."""
    slots = Slots()
    found = [Supervise(guardian=True), *namespaces(spec, host or probe(), slots), *cgroup(spec, host or probe(), slots)]
    return encode(Plan([*found, *shell(script)], spec.origins.places))


class Ended:
    def __init__(self, code, text):
        self.code, self.text = code, text


def run(plan):
    """Runs it to the end; what it wrote goes through a pipe."""
    read, write = os.pipe()
    pid = spawn.spawn(plan, streams=(0, write, write))
    os.close(write)
    with open(read, encoding="utf-8", errors="replace") as file:
        text = file.read()
    return Ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text)


def left_of(name):
    """Cgroups of that name, one a line."""
    return subprocess.run(["find", "/sys/fs/cgroup", "-name", f"*{name}*"], capture_output=True, text=True, check=False).stdout


def wait_for_end(name):
    """The guardian works after the monitor is gone, and nobody waits for it."""
    until = time.monotonic() + 30
    while left_of(name) and time.monotonic() < until:
        time.sleep(0.02)


@pytest.fixture
def name(request, launcher):
    """An id that no other test has; nothing of that name may be left."""
    name = f"contain-test-{os.getpid()}-{request.node.name.removeprefix('test_')[:20]}"
    yield name
    assert left_of(name) == ""


def value(spec, controller, file):
    """Where a test inside or outside finds a file of the container's cgroup."""
    found = dict(folders(spec, probe()))
    return f"{found.get(controller, found.get('-'))}/{file}"


def test_memory_is_limited_and_the_kill_is_said(name):
    """The kernel kills at the limit; exit code 137 and a line that says so."""
    ended = run(a_plan(a_spec({"memory": {"limit": 12 << 20, "swap": 12 << 20}}, name=name), "tail /dev/zero; exec tail /dev/zero"))
    assert ended.code == 137
    assert "out of memory" in ended.text


def test_pids_are_limited_and_all_are_killed_in_the_end(name):
    """Without a pid namespace too: the cgroup finds what was left behind."""
    spec = a_spec({"pids": {"limit": 4}}, name=name, namespaces=("mount",))
    ended = run(a_plan(spec, f"setsid sleep 3{os.getpid()} & for i in 1 2 3 4; do sleep 3{os.getpid()} & done; echo never"))
    assert ended.code != 0
    assert "never" not in ended.text
    assert subprocess.run(["pgrep", "-f", f"sleep 3{os.getpid()}"], check=False, stdout=subprocess.DEVNULL).returncode == 1


def test_values_are_in_the_files_and_the_namespace_begins_there(name):
    """Quota, weight, on a hybrid machine one of each version; /proc/self/cgroup shows the container's place as the root."""
    host = probe()
    resources = {"cpu": {"shares": 512, "quota": 50000, "period": 100000}, "pids": {"limit": 7}}
    v2 = host.cgroup.mode == "v2"
    files = [("cpu", "cpu.max"), ("cpu", "cpu.weight")] if v2 else [("cpu", "cpu.cfs_quota_us"), ("cpu", "cpu.shares")]
    expected = ["50000 100000", "59", "7"] if v2 else ["50000", "512", "7"]
    files.append(("pids", "pids.max"))
    if "hugetlb" in host.cgroup.controllers and host.hugepages:
        size = host.hugepages[0]
        resources["hugepageLimits"] = [{"pageSize": size, "limit": 0}]
        files.append(("hugetlb", f"hugetlb.{size}.{'max' if host.cgroup.is_v2('hugetlb') else 'limit_in_bytes'}"))
        expected.append("0")
    disk = next(iter(sorted(os.listdir("/sys/block"))), "")
    if disk and "blkio" in host.cgroup.controllers:
        with open(f"/sys/block/{disk}/dev", encoding="ascii") as file:
            device = file.read().strip()
        major, minor = map(int, device.split(":"))
        rate = 1 << 20
        resources["blockIO"] = {"throttleReadBpsDevice": [{"major": major, "minor": minor, "rate": rate}]}
        files.append(("blkio", "io.max" if v2 else "blkio.throttle.read_bps_device"))
        expected.append(f"{device} rbps={rate} wbps=max riops=max wiops=max" if v2 else f"{device} {rate}")
    spec = a_spec(resources, name=name)
    script = f"cat {' '.join(value(spec, *one) for one in files)}; grep pids /proc/self/cgroup || grep ^0 /proc/self/cgroup"
    ended = run(a_plan(spec, script))
    assert ended.code == 0
    lines = ended.text.splitlines()
    assert lines[:-1] == expected
    assert lines[-1].endswith(":/")


def test_a_bundle_is_placed_at_one_path_with_device_rules(name):
    """In every hierarchy; a device that no rule names cannot be opened, those of every container can."""
    node = f"/tmp/{name}.node"
    spec = a_spec({}, kind="oci", name=name, namespaces=("pid", "mount"), path=f"/{name}/a/b")
    script = f"cat </dev/null; mknod {node} c 1 4 && cat {node}; echo code $?; rm -f {node}; cat /proc/self/cgroup"
    ended = run(a_plan(spec, script))
    assert ended.code == 0
    assert "not permitted" in ended.text
    assert "code 1" in ended.text
    places = [line.split(":")[2] for line in ended.text.splitlines() if line.count(":") == 2 and "cat:" not in line]
    # where our own cgroup namespace is not the root of a hierarchy, the path is shown from there
    assert {place.removeprefix("/../..") for place in places} == {f"/{name}/a/b"}
    assert len(places) == len(membership())


def test_an_existing_cgroup_with_processes_is_refused(name):
    """Nobody else's processes get our limits, nor our end."""
    host = probe()
    folder = f"{host.cgroup.base.get('pids', host.cgroup.base[''])}/{name}"
    os.mkdir(folder)
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        with open(f"{folder}/cgroup.procs", "w", encoding="utf-8") as file:
            file.write(str(sleeper.pid))
        ended = run(a_plan(a_spec({"pids": {"limit": 5}}, name=name, path=name), "true"))
        assert ended.code == 125
        assert "it exists and has processes in it" in ended.text
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()
        os.rmdir(folder)


def test_below_a_frozen_cgroup_nothing_is_started(name):
    """It would hang; v1's freezer and v2 alike."""
    host = probe()
    v1 = "freezer" in host.cgroup.hierarchies
    folder = f"{host.cgroup.mount('freezer')}/{name}"
    file, frozen, thawed = ("freezer.state", "FROZEN", "THAWED") if v1 else ("cgroup.freeze", "1", "0")
    os.mkdir(folder)
    try:
        for text in (frozen, thawed):
            with open(f"{folder}/{file}", "w", encoding="utf-8") as control:
                control.write(text)
            ended = run(a_plan(a_spec({}, kind="oci", name=name, path=f"/{name}/a"), "true"))
            assert (ended.code, "it is frozen, or one of its parents is" in ended.text) == ((125, True) if text == frozen else (0, False))
    finally:
        os.rmdir(folder)


def test_eight_at_once_share_a_parent(launcher):
    """The last one out removes contain's own parent folder; a newcomer meets it going and makes it again."""
    null = os.open(os.devnull, os.O_RDWR)
    plan = a_plan(a_spec({"pids": {"limit": 20}}, name=""), "true")
    started, ended = [], []
    while len(ended) < 40:
        while len(started) - len(ended) < 8 and len(started) < 40:
            started.append(spawn.spawn(plan, streams=(null, null, 2)))
        ended.append(os.waitstatus_to_exitcode(os.waitpid(started[len(ended)], 0)[1]))
    os.close(null)
    assert ended == [0] * 40


def test_what_existed_stays(name):
    """Parents that were there, and an empty cgroup that was: only who made a folder removes it."""
    host = probe()
    folder = f"{host.cgroup.base.get('pids', host.cgroup.base[''])}/{name}"
    os.mkdir(folder)
    try:
        assert run(a_plan(a_spec({"pids": {"limit": 5}}, name=name, path=f"{name}/a/b"), "true")).code == 0
        assert not os.path.exists(f"{folder}/a")
        assert run(a_plan(a_spec({"pids": {"limit": 5}}, name=name, path=name), "true")).code == 0
        assert os.path.isdir(folder)
    finally:
        os.rmdir(folder)


def test_a_value_that_the_kernel_refuses_is_named(name):
    """First line: the place, the file and the kernel's words."""
    spec = a_spec({"cpu": {"quota": 1, "period": 100000}}, name=name)
    spec.origins.set("/linux/resources/cpu", "--cpus")
    ended = run(a_plan(spec, "true"))
    assert ended.code == 125
    assert ended.text.startswith("contain: <command line>:--cpus: cannot set cpu.")
    assert "Invalid argument" in ended.text


def test_a_killed_monitor_leaves_no_cgroup(name):
    """The guardian kills by the cgroup, a forker without a pid namespace included."""
    spec = a_spec({"pids": {"limit": 50}}, name=name, namespaces=("mount",))
    read, write = os.pipe()
    pid = spawn.spawn(a_plan(spec, "echo up; while :; do (sleep 0.01 &) ; done"), streams=(0, write, write))
    os.close(write)
    assert os.read(read, 2) == b"up"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(read)
    wait_for_end(name)


def test_a_frozen_container_is_ended_too(name):
    """v1: what is frozen dies only when it is thawed; v2 does not mind."""
    spec = a_spec({}, kind="oci", name=name, namespaces=("mount",), path=f"/{name}")
    read, write = os.pipe()
    pid = spawn.spawn(a_plan(spec, "echo up; exec sleep 600"), streams=(0, write, write))
    os.close(write)
    assert os.read(read, 2) == b"up"
    v1 = os.path.exists(value(spec, "freezer", "freezer.state"))
    with open(value(spec, "freezer", "freezer.state" if v1 else "cgroup.freeze"), "w", encoding="utf-8") as file:
        file.write("FROZEN" if v1 else "1")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while os.read(read, 100):  # to its end: the last process is gone
        pass
    os.close(read)
    wait_for_end(name)


def test_a_user_with_a_delegated_cgroup_has_limits(name, user):
    """cgroup v2: root hands a folder over, as systemd does; the user's run sets its limit below it."""
    host = probe()
    if host.cgroup.mode != "v2":
        pytest.skip("needs pure cgroup v2 (tests/guest/run)")
    top = f"{host.cgroup.unified}/{name}"
    os.makedirs(f"{top}/shell")
    try:
        with open(f"{top}/cgroup.subtree_control", "w", encoding="utf-8") as file:
            file.write("+pids")
        for path in (top, f"{top}/cgroup.procs", f"{top}/cgroup.subtree_control", f"{top}/shell", f"{top}/shell/cgroup.procs"):
            os.chown(path, user.uid, user.gid)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import test_cgroup as t;"
            "s = t.a_spec({'pids': {'limit': 6}}, name=sys.argv[2], namespaces=('user', 'pid', 'mount', 'cgroup'));"
            "e = t.run(t.a_plan(s, 'cat ' + t.value(s, 'pids', 'pids.max'))); print(e.code, e.text)"
        )
        here = os.path.dirname(os.path.abspath(__file__))
        argv = [
            "sh",
            "-c",
            f'echo $$ >{top}/shell/cgroup.procs; exec setpriv --reuid {user.uid} --regid {user.gid} --clear-groups "$@"',
            "sh",
        ]
        argv += ["env", f"PYTHONPATH={user.environment['PYTHONPATH']}", user.python, "-c", code, here, name]
        ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100)
        assert ended.stdout.split() == ["0", "6"], ended.stdout + ended.stderr
    finally:
        for path in (f"{top}/shell", top):
            os.rmdir(path)
