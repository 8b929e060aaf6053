"""The systemd driver where cgroup v1 holds the controllers: a real systemd as PID 1 of namespaces of its own, with this machine's hierarchies."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from contain.host.probe import probe
from tests.installed import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.any_kernel]

SYSTEMD = "/lib/systemd/systemd"
TOP = "/sys/fs/cgroup"

INSIDE = """\
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
cd /sys/fs/cgroup
for one in {controllers}; do mkdir $one; mount -t cgroup -o $one none $one; done
mkdir systemd unified; mount -t cgroup -o none,name=systemd none systemd; mount -t cgroup2 none unified
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
ExecStart=/bin/sh {place}/job
StandardOutput=file:{place}/out
StandardError=inherit
ExecStopPost=/bin/touch {place}/done
E
exec env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin container=test SYSTEMD_UNIT_PATH=/run/systemd/system.control:/run/systemd/transient:/run/units \\
    {systemd} --system --unit=test.target --show-status=false --log-target=null
"""

JOB = """\
C="{program} --root /run/state --systemd-cgroup"
D=test.slice/test-a.slice/contain-web.scope
$C create --bundle {bundle} web </dev/null >/dev/null || exit 1
P=$($C state web | sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p')
sed 's/.*:\\(.*\\):/init \\1 /' /proc/$P/cgroup
systemctl show contain-web.scope -p DevicePolicy -p TasksMax
$C start web
$C update --pids-limit 12 web
systemctl daemon-reload
echo "limits: $(cat memory/$D/memory.limit_in_bytes) $(cat pids/$D/pids.max) $(cat cpu/$D/cpu.cfs_quota_us)"
sed 's/.*:\\(.*\\):/reloaded \\1 /' /proc/$P/cgroup
$C exec web sed 's/.*:\\(.*\\):/exec \\1 /' /proc/self/cgroup
$C exec web sh -c 'mknod /dev/mem c 1 1 && cat /dev/mem'
$C pause web && $C state web | grep status && $C resume web
$C delete --force web
echo "left: $(ls -d */$D 2>/dev/null) $(systemctl list-units --all --plain --no-legend 'contain*')."
"""


@pytest.fixture
def place() -> Iterator[str]:
    """A folder whose `inside` and `job` a systemd of ours will run; its cgroups are removed at the end."""
    host = probe()
    if host.cgroup.mode != "hybrid" or not host.privileged or "name=systemd" not in host.cgroup.hierarchies:
        pytest.skip("needs root and a hybrid of cgroup v1 and v2")
    if not os.path.exists(SYSTEMD) or importlib.util.find_spec("jeepney") is None:
        pytest.skip("needs systemd and jeepney")
    folder = tempfile.mkdtemp(prefix="systemd.", dir="/var/tmp")
    os.chmod(folder, 0o755)
    yield folder
    for one in os.listdir(TOP):
        for group, _, _ in os.walk(f"{TOP}/{one}/{os.path.basename(folder)}", topdown=False):
            os.rmdir(group)
    shutil.rmtree(folder)


def run(place: str, job: str) -> str:
    """What the job said."""
    name, own = os.path.basename(place), []
    for one in os.listdir(TOP):
        os.mkdir(f"{TOP}/{one}/{name}")
        own.append(f"{TOP}/{one}/{name}")
        for file in ("cpuset.cpus", "cpuset.mems") if one == "cpuset" else ():
            with open(f"{TOP}/{one}/{file}", encoding="ascii") as source, open(f"{own[-1]}/{file}", "w", encoding="ascii") as target:
                target.write(source.read())
    controllers = [one for one in os.listdir(TOP) if one not in {"systemd", "unified"}]
    inside = INSIDE.format(place=place, systemd=SYSTEMD, controllers=" ".join(controllers))
    for file, text in (("inside", inside), ("job", f"cd {TOP}\n{job}")):
        with open(f"{place}/{file}", "w", encoding="utf-8") as written:
            written.write(text)
    enter = "; ".join(f"echo $$ >{group}/cgroup.procs" for group in own)
    words = f"{enter}; exec unshare -C -p -m -u -i -n -f --kill-child sh {place}/inside"
    with subprocess.Popen(["sh", "-c", words], stdin=-3) as outer:
        end = time.monotonic() + 90
        while not os.path.exists(f"{place}/done") and outer.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        outer.kill()
    end = time.monotonic() + 30
    while any(open(f"{group}/cgroup.procs").read() for group, _, _ in os.walk(own[0])) and time.monotonic() < end:  # noqa: SIM115
        time.sleep(0.05)
    with open(f"{place}/out", encoding="utf-8") as file:
        return file.read()


def test_a_container_in_a_scope(place: str, make_bundle: Callable[..., str]) -> None:
    """Its processes, those of `exec` too, are in the scope in every hierarchy, and stay there: so its rules of devices hold."""
    limits = {"memory": {"limit": 64 << 20}, "cpu": {"quota": 25000}, "devices": [{"allow": False, "access": "rwm"}]}

    def change(config: dict[str, Any]) -> None:
        config["linux"] |= {"cgroupsPath": "test-a.slice:contain:web", "resources": limits}
        config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "cgroup"]
        config["process"]["capabilities"] = {kind: ["CAP_MKNOD"] for kind in ("bounding", "effective", "permitted")}

    program = installed(f"{place}/contain", ("jeepney", "click"))
    said = run(place, JOB.format(program=program, bundle=make_bundle("/bin/sleep", "600", change=change)))
    for who in ("init", "reloaded", "exec"):
        found = re.findall(rf"^{who} (\S*) (\S+)$", said, re.MULTILINE)
        assert len(found) > 5, said
        assert {path for _, path in found} == {"/test.slice/test-a.slice/contain-web.scope"}, said
    for words in ("DevicePolicy=strict\n", f"limits: {64 << 20} 12 25000\n", '"status": "paused"', "left:  .\n"):
        assert words in said, said
    assert "can't open '/dev/mem': Operation not permitted\n" in said, said
