"""The systemd driver against a real systemd, PID 1 of a namespace of its own in the guest with pure cgroup v2; it starts one unit: the script."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time

import pytest

from contain.host.probe import probe
from contain.launcher.spawn import find

pytestmark = [pytest.mark.live, pytest.mark.slow]

SYSTEMD = "/lib/systemd/systemd"
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

INSIDE = """\
mount -t proc proc /proc
umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /run/units
cat >/run/units/test.target <<E
[Unit]
DefaultDependencies=no
Wants=job.service
E
cat >/run/units/job.service <<E
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -x {job}
StandardOutput=file:{out}
StandardError=inherit
ExecStopPost=/bin/touch {done}
E
exec env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin container=test SYSTEMD_UNIT_PATH=/run/systemd/system.control:/run/systemd/transient:/run/units \\
    {systemd} --system --unit=test.target --show-status=false --log-target=null
"""

JOB = """\
export PYTHONPATH={paths} CONTAIN_LAUNCHER={launcher}
C="{python} -m contain --root /run/state --systemd-cgroup"
D=/sys/fs/cgroup/test.slice/test-a.slice/contain-web.scope
$C create --bundle {bundle} web </dev/null >/dev/null || exit 1
echo "procs: $(cat $D/cgroup.procs | wc -l) memory: $(cat $D/memory.max) pids: $(cat $D/pids.max) cpu: $(cat $D/cpu.max)"
systemctl show contain-web.scope -p MemoryMax -p Slice -p Delegate
$C start web
$C update --pids-limit 12 web
systemctl daemon-reload
echo "after: $(cat $D/memory.max) $(cat $D/pids.max)"
$C pause web
$C delete --force web
echo "left: $(ls -d $D) $(systemctl list-units --all --plain --no-legend 'contain*')."
$C create --bundle {bundle} web </dev/null >/dev/null && $C delete --force web && echo "again: ok"
"""


@pytest.fixture
def systemd(tmp_path):
    """`systemd(job)`: what the script wrote, run as a unit of a systemd of its own."""
    host = probe()
    if host.cgroup.mode != "v2" or not host.privileged:
        pytest.skip("needs pure cgroup v2 and root (tests/guest/run)")
    if not os.path.exists(SYSTEMD) or importlib.util.find_spec("jeepney") is None:
        pytest.skip("needs systemd and jeepney")
    group = f"{host.cgroup.unified}/contain-test-{os.getpid()}-systemd"
    os.mkdir(group)
    started = []

    def run(job):
        names = {name: str(tmp_path / name) for name in ("job", "inside", "out", "done")}
        (tmp_path / "job").write_text(job)
        (tmp_path / "inside").write_text(INSIDE.format(systemd=SYSTEMD, **names))
        enter = f"echo $$ >{group}/cgroup.procs; exec unshare -C -p -m -f sh {names['inside']}"
        outer = subprocess.Popen(["sh", "-c", enter])
        started.append(outer)
        while not os.path.exists(f"{group}/init.scope") and outer.poll() is None:
            time.sleep(0.05)
        with open(f"{host.cgroup.here['']}/cgroup.procs", "w", encoding="utf-8") as file:
            file.write(str(outer.pid))  # else it stands in the way of controllers
        end = time.monotonic() + 100
        while not os.path.exists(names["done"]) and time.monotonic() < end:
            time.sleep(0.1)
        return (tmp_path / "out").read_text()

    yield run
    with open(f"{group}/cgroup.kill", "w", encoding="utf-8") as file:
        file.write("1")
    for outer in started:
        outer.wait()
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)


def test_a_container_in_a_scope(systemd, make_bundle, tmp_path):
    """Made, limited, updated, reloaded, frozen and deleted: systemd and the files agree, and nothing is left."""
    limits = {"memory": {"limit": 64 << 20}, "pids": {"limit": 100}, "cpu": {"quota": 25000}}

    def change(config):
        config["linux"] |= {"cgroupsPath": "test-a.slice:contain:web", "resources": limits}

    bundle = make_bundle("/bin/sleep", "600", change=change)
    paths = os.pathsep.join([TOP, *(path for path in sys.path if path.endswith("-packages"))])
    said = systemd(JOB.format(paths=paths, launcher=find(), python=shutil.which(sys.executable), bundle=bundle))
    assert f"procs: 1 memory: {64 << 20} pids: 100 cpu: 25000 100000\n" in said, said
    assert f"MemoryMax={64 << 20}\n" in said, said
    assert "Slice=test-a.slice\n" in said, said
    assert "Delegate=yes\n" in said, said
    assert f"after: {64 << 20} 12\n" in said, said
    assert "left:  .\n" in said, said
    assert "again: ok\n" in said, said
