"""pause, resume and update on real cgroups; the container is a plan of two families, its state folder written by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from contain.container.freeze import pause, resume
from contain.container.update import update
from contain.errors import ContainError, StateError
from contain.host.probe import probe
from contain.kernel import processes
from contain.kernel.files import word
from contain.launcher import spawn
from contain.plan.compile.cgroup import cgroup, folders
from contain.plan.compile.namespaces import namespaces
from contain.plan.encode import encode
from contain.plan.operations.supervise import Supervise
from contain.plan.plan import Plan
from contain.plan.slots import Slots
from contain.spec.model import RunOptions, Spec
from contain.state import layout
from contain.state.store import Store, boot_id
from contain.state.summary import Summary, render
from tests.live.test_cgroup import left_of, shell

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="makes cgroups: root only")]


@pytest.fixture
def box(launcher, tmp_path):
    """A running container `web` in all hierarchies, and its state root."""
    name = f"contain-test-{os.getpid()}-update"
    config = {
        "process": {"user": {"uid": 0, "gid": 0}},
        "mounts": [],
        "linux": {"namespaces": [{"type": "mount"}], "resources": {"pids": {"limit": 50}}, "cgroupsPath": f"/{name}"},
    }
    spec = Spec(config, kind="oci", bundle="/", root="/", run=RunOptions(name="web"))
    slots, host = Slots(), probe()
    found = [Supervise(guardian=True), *namespaces(spec, host, slots), *cgroup(spec, host, slots)]
    script = 'echo $$; while read -r line; do eval "$line"; done'
    found += shell(script)
    inside, feed = os.pipe()
    read, write = os.pipe()
    pid = spawn.spawn(encode(Plan(found)), streams=(inside, write, 2))
    os.close(inside)
    os.close(write)
    init = int(os.read(read, 20))
    cgroups = {"" if key == "-" else key: folder for key, folder in folders(spec, host)}
    root = str(tmp_path / "state")
    with Store(root, make=True) as store:
        os.chmod(root, 0o700)
        summary = Summary(id="web", status="running", pid=init, start=processes.start_time(init) or 0, boot=boot_id(), cgroups=cgroups)
        store.claim("web", {layout.SUMMARY: render(summary), layout.CONFIG: json.dumps(config)}).close()
    yield Box(root, cgroups, feed, read)
    os.kill(pid, signal.SIGTERM)  # the monitor's own end: it kills, thaws and removes
    os.close(feed)
    os.waitpid(pid, 0)
    os.close(read)


class Box:
    def __init__(self, root, cgroups, feed, read):
        self.root, self.cgroups, self.feed, self.read = root, cgroups, feed, read

    def status(self):
        with Store(self.root) as store, store.open("web") as folder:
            return folder.status()

    def ask(self, line):
        """The line that the container's shell answers to a line of script."""
        os.write(self.feed, f"{line}\n".encode())
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self.read, 200)
        return text.decode()

    def file(self, v1, v2):
        """What a file holds, by its name in the version that has the controller."""
        folder = self.cgroups.get(v1.split(".")[0])
        return word(f"{folder}/{v1}" if folder else f"{self.cgroups['']}/{v2}")


def test_pause_and_resume(box):
    """A paused container does not answer, a resumed one does; the wrong order is refused."""
    pause("web", root=box.root)
    assert box.status() == "paused"
    with pytest.raises(StateError, match="already paused"):
        pause("web", root=box.root)
    os.write(box.feed, b"echo hello\n")
    resume("web", root=box.root)
    assert box.status() == "running"
    assert os.read(box.read, 20) == b"hello\n"
    with pytest.raises(StateError, match="container not paused"):
        resume("web", root=box.root)


def test_update_changes_the_files_and_the_configuration(box):
    """Through the launcher, with values for both versions; the state folder's copy follows."""
    resources = {"memory": {"limit": 64 << 20, "swap": 64 << 20}, "cpu": {"quota": 50000, "period": 100000}, "pids": {"limit": 20}}
    update("web", resources, root=box.root)
    assert box.file("memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert box.file("pids.max", "pids.max") == "20"
    assert box.file("cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
    update("web", {"memory": {"limit": 128 << 20, "swap": 256 << 20}, "cpu": {"quota": 20000, "period": 50000}}, root=box.root)
    assert box.file("memory.limit_in_bytes", "memory.max") == str(128 << 20)
    assert box.file("cpu.cfs_quota_us", "cpu.max").split()[0] == "20000"
    with Store(box.root) as store, store.open("web") as folder:
        config = json.loads(folder.text(layout.CONFIG))
    assert config["linux"]["resources"]["memory"] == {"limit": 128 << 20, "swap": 256 << 20}
    assert config["linux"]["resources"]["pids"] == {"limit": 20}


def test_new_device_rules_replace_the_old_ones(box):
    """Twice in both directions, so that no old rule stays in force beside the new one."""
    node = f"/tmp/contain-test-{os.getpid()}.node"  # a device that no driver has: ENXIO when it may be opened
    try:
        for _ in range(2):
            assert "not permitted" in box.ask(f"mknod {node} b 240 7 2>/dev/null; cat {node} 2>&1")
            allow = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "b", "major": 240, "minor": 7, "access": "r"}]
            update("web", {"devices": allow}, root=box.root)
            assert "No such device" in box.ask(f"cat {node} 2>&1")
            update("web", {"devices": [{"allow": False, "access": "rwm"}]}, root=box.root)
    finally:
        os.unlink(node)


def test_a_refused_value_is_said_by_the_launcher(box):
    """One line: the file and the kernel's words; the configuration keeps the old value."""
    with pytest.raises(ContainError, match=r"cannot set cpu\..*: Invalid argument"):
        update("web", {"cpu": {"quota": 1}}, root=box.root)
    with Store(box.root) as store, store.open("web") as folder:
        assert "cpu" not in json.loads(folder.text(layout.CONFIG))["linux"]["resources"]


def test_the_verbs_as_they_are_typed(box, contain):
    """Exit codes and words as engines know them."""
    root = ["--root", box.root]
    assert contain(*root, "update", "--pids-limit", "33", "web").returncode == 0
    assert contain(*root, "update", "--resources", "-", "web", input='{"pids": {"limit": 34}}').returncode == 0
    assert box.file("pids.max", "pids.max") == "34"
    assert contain(*root, "pause", "web").returncode == 0
    assert contain(*root, "resume", "web").returncode == 0
    again = contain(*root, "resume", "web")
    assert (again.returncode, again.stderr) == (1, "container not paused\n")


def move_below(name):
    """What a payload does that manages cgroups itself: its own v2 cgroup then takes no processes any more."""
    unified = probe().cgroup.unified
    folder = f"{unified}/{name}/{name}"
    os.mkdir(f"{folder}/init")
    with open(f"{folder}/init/cgroup.procs", "w", encoding="utf-8") as file:
        file.write(word(f"{folder}/cgroup.procs"))
    with open(f"{folder}/cgroup.subtree_control", "w", encoding="utf-8") as file:
        file.write(f"+{word(f'{folder}/cgroup.controllers').split()[0]}")


def test_a_bundle_through_its_life(contain, make_bundle, tmp_path):
    """create, start, exec, pause, update, resume, pause and delete by force: a paused container ends, and no cgroup is left."""
    name = f"contain-test-{os.getpid()}-life"

    def change(config):
        config["linux"] |= {"cgroupsPath": f"/{name}/{name}", "resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 20}}}

    def verb(*words, **options):
        done = contain("--root", str(tmp_path / "state"), *words, **{"capture_output": not options, **options})
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    bundle = make_bundle("/bin/sleep", "600", change=change)
    verb("create", "--bundle", bundle, name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        verb("start", name)
        assert "hello" in verb("exec", name, "echo", "hello")
        move_below(name)
        assert "hello" in verb("exec", name, "echo", "hello")
        verb("pause", name)
        verb("update", "--pids-limit", "21", "--memory", "96m", name)
        assert "paused" in verb("list")
        verb("resume", name)
        folders = [path for path in left_of(name).split() if path.endswith(f"/{name}/{name}")]
        assert [word(f"{path}/pids.max") for path in folders if os.path.exists(f"{path}/pids.max")] == ["21"]
        verb("pause", name)
    finally:
        verb("delete", "--force", name)
    assert left_of(name) == ""
