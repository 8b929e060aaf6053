"""The systemd driver against a real systemd, PID 1 of a namespace of its own in the guest with pure cgroup v2; it starts one unit: the script.

For an ordinary user that unit is his own manager, as at a login, which starts the script.
"""

from __future__ import annotations

import importlib.util
import json
import os
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

    from tests.conftest import User

    Systemd = Callable[..., str]

pytestmark = [pytest.mark.live, pytest.mark.slow]

SYSTEMD = "/lib/systemd/systemd"

INSIDE = """\
mount -t proc proc /proc
umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /run/units
cat >/run/units/test.target <<E
[Unit]
DefaultDependencies=no
Wants={unit}
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
cat >/run/units/user@{uid}.service <<E
[Unit]
DefaultDependencies=no
[Service]
User={user}
Slice=user-{uid}.slice
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/{uid} HOME=/tmp SYSTEMD_UNIT_PATH=/run/user/{uid}/systemd/transient:/run/units
ExecStartPre=+/bin/sh -c 'mkdir -p /run/user/{uid} && chown {uid} /run/user/{uid}'
ExecStart={systemd} --user --unit=test-user.target --log-target=null
E
sed s/Wants=.*/Wants=job.service/ /run/units/test.target >/run/units/test-user.target
cat >/run/units/dbus.socket <<E
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=%t/bus
E
cat >/run/units/dbus.service <<E
[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation
E
exec env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin container=test SYSTEMD_UNIT_PATH=/run/systemd/system.control:/run/systemd/transient:/run/units \\
    {systemd} --system --unit=test.target --show-status=false --log-target=null
"""

JOB = """\
C="{program} --root /run/state --systemd-cgroup"
D=/sys/fs/cgroup/test.slice/test-a.slice/contain-web.scope
$C create --bundle {bundle} web </dev/null >/dev/null || exit 1
echo "procs: $(cat $D/cgroup.procs | wc -l) memory: $(cat $D/memory.max) pids: $(cat $D/pids.max) cpu: $(cat $D/cpu.max)"
systemctl show contain-web.scope -p MemoryMax -p Slice -p Delegate -p DevicePolicy -p DeviceAllow -p TimeoutStopUSec -p CollectMode
$C start web
$C update --pids-limit 12 web
systemctl daemon-reload
echo "after: $(cat $D/memory.max) $(cat $D/pids.max)"
$C exec web sh -c 'echo x >/dev/null && true </dev/zero && echo "devices: ok"; mknod /dev/mem c 1 1 && cat /dev/mem'
$C exec web sh -c 'mknod /dev/loop c 10 237 && true <>/dev/loop; true </dev/pts/ptmx && echo "pts: ok"'
echo '{{"devices": [{{"allow": false, "access": "rwm"}}]}}' | $C update -r - web
echo "loop: $(systemctl show contain-web.scope -p DeviceAllow | grep -c 10:237)"
$C pause web
$C delete --force web
echo "left: $(ls -d $D) $(systemctl list-units --all --plain --no-legend 'contain*')."
$C create --bundle {bundle} web </dev/null >/dev/null && $C delete --force web && echo "again: ok"
"""

USER_JOB = """\
export XDG_RUNTIME_DIR=/run/user/{uid}
echo "user: $(id -u)"
C="{program} --root /run/user/{uid}/state --systemd-cgroup"
D=/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/user.slice/libpod-web.scope
$C create --bundle {bundle} web </dev/null >/dev/null || exit 1
echo "procs: $(cat $D/cgroup.procs | wc -l) memory: $(cat $D/memory.max) pids: $(cat $D/pids.max)"
systemctl --user show libpod-web.scope -p MemoryMax -p Slice -p Delegate
$C start web
$C update --pids-limit 12 web
systemctl --user daemon-reload
echo "after: $(cat $D/memory.max) $(cat $D/pids.max)"
$C pause web && $C state web | grep status && $C resume web
$C delete --force web
echo "left: $(ls -d $D) $(systemctl --user list-units --all --plain --no-legend 'libpod*')."
"""

PODMAN_JOB = """\
export HOME={place}
P="podman --storage-driver vfs --root {place}/r --runroot {place}/rr --cgroup-manager systemd --runtime {program}"
tar -C {rootfs} -c . | $P import - bb
$P run -d --name web --network none --memory 64m --pids-limit 50 bb sleep 600
systemctl daemon-reload
D=/sys/fs/cgroup$(sed s/.*::// /proc/$($P inspect -f '{{{{.State.Pid}}}}' web)/cgroup)
echo "place: $D"
echo "limits: $(cat $D/memory.max) $(cat $D/pids.max)"
$P exec web echo "from inside"
systemctl show $(basename $D) -p Delegate -p MemoryMax
$P pause web; $P inspect -f '{{{{.State.Status}}}}' web; $P unpause web
$P rm -f -t 0 web
echo "left: $(ls -d $D)."
"""


USER_PODMAN_JOB = """\
export XDG_RUNTIME_DIR=/run/user/{uid} DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus HOME={place} CONTAINERS_CONF={place}/conf
systemctl --user start dbus.socket dbus.service
P="podman --storage-driver vfs --root {place}/r --runroot {place}/rr --cgroup-manager systemd --runtime {program}"
echo "told: $($P info -f '{{{{.Host.CgroupManager}}}} {{{{.Host.Security.Rootless}}}}')"
$P import {place}/bb.tar bb
$P run -d --name web --network none --memory 64m --pids-limit 50 bb sleep 600
systemctl --user daemon-reload
D=/sys/fs/cgroup$(sed s/.*::// /proc/$($P inspect -f '{{{{.State.Pid}}}}' web)/cgroup)
echo "place: $D"
echo "limits: $(cat $D/memory.max) $(cat $D/pids.max)"
$P update --memory 32m web; systemctl --user daemon-reload; echo "updated: $(cat $D/memory.max)"
$P exec web echo "from inside"
systemctl --user show $(basename $D) -p Delegate -p MemoryMax
$P pause web; $P inspect -f '{{{{.State.Status}}}}' web; $P unpause web
$P rm -f -t 0 web
echo "left: $(ls -d $D)."
"""


@pytest.fixture
def systemd(user: User) -> Iterator[Systemd]:
    """`systemd(job, unit)`: what the script wrote, run as a unit of a systemd of its own, or of the user's manager when that is the unit."""
    host = probe()
    if host.cgroup.mode != "v2" or not host.privileged:
        pytest.skip("needs pure cgroup v2 and root (tests/guest/run)")
    if not os.path.exists(SYSTEMD) or importlib.util.find_spec("jeepney") is None:
        pytest.skip("needs systemd and jeepney")
    group = f"{host.cgroup.unified}/contain-test-{os.getpid()}-systemd"
    os.mkdir(group)
    new = [path for path in ("/run/systemd", "/run/units", f"/run/user/{user.uid}") if not os.path.exists(path)]
    place = tempfile.mkdtemp(prefix="systemd.", dir="/var/tmp")
    os.chmod(place, 0o777)
    started = []

    def run(job: str, unit: str = "job.service") -> str:
        names = {name: f"{place}/{name}" for name in ("job", "inside", "out", "done")}
        inside = INSIDE.format(systemd=SYSTEMD, unit=unit, uid=user.uid, user=user.name, **names)
        for name, text in (("job", job), ("inside", inside)):
            with open(names[name], "w", encoding="utf-8") as file:
                file.write(text)
        enter = f"echo $$ >{group}/cgroup.procs; exec unshare -C -p -m -f sh {names['inside']}"
        outer = subprocess.Popen(["sh", "-c", enter])
        started.append(outer)
        while not os.path.exists(f"{group}/init.scope") and outer.poll() is None:
            time.sleep(0.05)
        with open(f"{host.cgroup.here['']}/cgroup.procs", "w", encoding="utf-8") as file:
            file.write(str(outer.pid))  # else it stands in the way of controllers
        end = time.monotonic() + 90
        while not os.path.exists(names["done"]) and time.monotonic() < end:
            time.sleep(0.1)
        with open(names["out"], encoding="utf-8") as file:
            return file.read()

    yield run
    with open(f"{group}/cgroup.kill", "w", encoding="utf-8") as file:
        file.write("1")
    for outer in started:
        outer.wait()
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)
    for path in [*new, place]:  # who finds /run/systemd/system believes in a systemd, as Docker does
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def program() -> Iterator[str]:
    """An installation that everybody can read, with jeepney."""
    folder = tempfile.mkdtemp(prefix="installed.", dir="/var/tmp")
    os.chmod(folder, 0o755)
    yield installed(f"{folder}/contain", ("jeepney", "click"))
    shutil.rmtree(folder)


def test_a_container_in_a_scope(systemd: Systemd, make_bundle: Callable[..., str], program: str) -> None:
    """Made, limited, updated, reloaded, frozen and deleted: systemd and the files agree, also on devices, and nothing is left."""
    loop = {"allow": True, "type": "c", "major": 10, "minor": 237, "access": "rwm"}
    limits = {
        "memory": {"limit": 64 << 20},
        "pids": {"limit": 100},
        "cpu": {"quota": 25000},
        "devices": [{"allow": False, "access": "rwm"}, loop],
    }
    pts = {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}

    def change(config: dict[str, Any]) -> None:
        config["linux"] |= {"cgroupsPath": "test-a.slice:contain:web", "resources": limits}
        config["annotations"] = {"org.systemd.property.TimeoutStopSec": "uint64 7"}
        config["process"]["capabilities"] = {kind: ["CAP_MKNOD"] for kind in ("bounding", "effective", "permitted")}
        config["mounts"].append(pts)

    bundle = make_bundle("/bin/sleep", "600", change=change)
    said = systemd(JOB.format(program=program, bundle=bundle))
    assert f"procs: 1 memory: {64 << 20} pids: 100 cpu: 25000 100000\n" in said, said
    for line in (f"MemoryMax={64 << 20}", "Slice=test-a.slice", "Delegate=yes", "TimeoutStopUSec=7s", "CollectMode=inactive-or-failed"):
        assert f"{line}\n" in said, said
    assert "DevicePolicy=strict\n" in said, said
    assert "DeviceAllow=/dev/char/10:237 rw\n" in said, said
    assert f"after: {64 << 20} 12\n" in said, said
    for words in ("devices: ok\n", "pts: ok\n", "can't open '/dev/mem': Operation not permitted\n", "loop: 0\n"):
        assert words in said, said
    assert "/dev/loop: Operation not permitted" not in said, said
    assert "left:  .\n" in said, said
    assert "again: ok\n" in said, said


def test_an_ordinary_users_scope(systemd: Systemd, program: str, pristine: str, user: User) -> None:
    """A scope of the user's own manager, where Podman looks for it."""
    folder = tempfile.mkdtemp(prefix="bundle.", dir="/var/tmp")
    os.chmod(folder, 0o755)
    subprocess.run(["cp", "-a", pristine, f"{folder}/rootfs"], check=True)
    subprocess.run([program, "spec", "--rootless", "--bundle", folder], check=True)
    with open(f"{folder}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"] |= {"terminal": False, "args": ["/bin/sleep", "600"]}
    config["linux"] |= {
        "cgroupsPath": "user.slice:libpod:web",
        "resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 100}},
        "uidMappings": [{"containerID": 0, "hostID": user.uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": user.gid, "size": 1}],
    }
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", folder], check=True)
    said = systemd(USER_JOB.format(program=program, bundle=folder, uid=user.uid), f"user@{user.uid}.service")
    shutil.rmtree(folder)
    assert f"user: {user.uid}\n" in said, said
    assert f"procs: 1 memory: {64 << 20} pids: 100\n" in said, said
    for line in (f"MemoryMax={64 << 20}", "Slice=user.slice", "Delegate=yes"):
        assert f"{line}\n" in said, said
    assert f"after: {64 << 20} 12\n" in said, said
    assert '"status": "paused"' in said, said
    assert "left:  .\n" in said, said


def test_podman_with_its_usual_driver(systemd: Systemd, program: str, pristine: str) -> None:
    """On a machine that systemd runs, Podman asks for scopes of machine.slice."""
    if shutil.which("podman") is None:
        pytest.skip("no podman: apt-get install podman")
    place = tempfile.mkdtemp(prefix="pm.", dir="/var/tmp")
    said = systemd(PODMAN_JOB.format(program=program, place=place, rootfs=pristine))
    shutil.rmtree(place, ignore_errors=True)
    assert "place: /sys/fs/cgroup/machine.slice/libpod-" in said, said
    assert f"limits: {64 << 20} 50\n" in said, said
    for words in ("\nfrom inside\n", "Delegate=yes\n", f"MemoryMax={64 << 20}\n", "\npaused\n", "\nleft: .\n"):
        assert words in said, said


def test_podman_of_a_user_with_its_usual_driver(systemd: Systemd, program: str, pristine: str, user: User) -> None:
    """An ordinary user's Podman, as at a login, asks his own manager for scopes, over his bus."""
    if shutil.which("podman") is None or shutil.which("dbus-daemon") is None:
        pytest.skip("no podman or dbus-daemon: apt-get install podman dbus")
    place = tempfile.mkdtemp(prefix="pm.", dir="/var/tmp")
    with open(f"{place}/conf", "w", encoding="utf-8") as file:
        file.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n')
    subprocess.run(["tar", "-C", pristine, "-cf", f"{place}/bb.tar", "."], check=True)
    subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", place], check=True)
    said = systemd(USER_PODMAN_JOB.format(program=program, place=place, uid=user.uid), f"user@{user.uid}.service")
    shutil.rmtree(place, ignore_errors=True)
    assert "told: systemd true\n" in said, said
    mine = f"/sys/fs/cgroup/user.slice/user-{user.uid}.slice/user@{user.uid}.service/user.slice/libpod-"
    assert f"place: {mine}" in said, said
    assert f"limits: {64 << 20} 50\n" in said, said
    assert f"updated: {32 << 20}\n" in said, said
    for words in ("\nfrom inside\n", "Delegate=yes\n", f"MemoryMax={32 << 20}\n", "\npaused\n", "\nleft: .\n"):
        assert words in said, said
