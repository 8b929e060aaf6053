"""checkpoint and restore by the real CRIU, on a distribution's kernel in QEMU: it works on no other kernel of our machines."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sysconfig
from typing import Any

import pytest

from tests.live.conftest import TOP
from tests.live.qemu import boot, program, put, put_modules, skeleton

pytestmark = [pytest.mark.live, pytest.mark.any_kernel, pytest.mark.slow, pytest.mark.timeout(400)]

INIT = """#!/bin/sh
mount -t tmpfs -o mode=755 tmpfs /new
mkdir /new/proc /new/sys /new/dev /new/tmp /new/run /new/root
cp -a /bin /sbin /lib /lib64 /usr /etc /opt /box /second /new/
exec switch_root /new /second
"""

#: a second root, since nothing can pivot from the kernel's first
SECOND = """#!/bin/sh
export PATH=/opt/contain/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/opt
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
for module in $(cat /etc/modules); do modprobe $module; done
ip link set lo up
echo "begin check"; criu check 2>&1
python3 /opt/criu_inside.py 2>&1
echo "begin end"
poweroff -f
"""

#: what CRIU asks the kernel for: who holds sockets, the filters that lock a network meanwhile, connections
MODULES = ["inet_diag", "tcp_diag", "udp_diag", "raw_diag", "unix_diag", "af_packet_diag", "netlink_diag", "nf_tables", "iptable_filter"]
MODULES += ["ip6table_filter", "xt_mark", "nf_conntrack_netlink", "tun", "veth"]


def python(files: str) -> None:
    """The system's Python with its library, contain and click."""
    library = "/usr/lib/python3.11"
    interpreter = "/usr/bin/python3.11"
    if not os.path.exists(interpreter):
        pytest.skip("no /usr/bin/python3.11 to pack")
    put(files, interpreter)
    os.symlink("python3.11", f"{files}/usr/bin/python3")
    out = shutil.ignore_patterns("test", "idlelib", "tkinter", "lib2to3", "ensurepip", "config-*", "pydoc_data")
    shutil.copytree(library, f"{files}{library}", ignore=out)
    place = f"{files}/opt/contain/lib/python3.11/site-packages"
    shutil.copytree(f"{TOP}/contain", f"{place}/contain", ignore=shutil.ignore_patterns("src"))
    shutil.copytree(f"{sysconfig.get_path('purelib')}/click", f"{place}/click")
    put(files, f"{TOP}/.venv/bin/contain", "/opt/contain/bin/contain")
    os.symlink("/usr/bin/python3", f"{files}/opt/contain/bin/python3")
    shutil.copy(f"{TOP}/tests/live/criu_inside.py", f"{files}/opt/criu_inside.py")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, busybox: str, launcher: str) -> dict[str, Any]:
    """Case → what the guest found out."""
    if not os.path.exists(f"{TOP}/.venv/bin/contain"):
        pytest.skip("contain is not installed beside this Python: make build")
    files = str(tmp_path_factory.mktemp("criu") / "files")
    skeleton(files)
    for name in ("criu", "ip", "xtables-legacy-multi"):
        put(files, program(name), f"/usr/sbin/{name}")
    for name in ("unshare", "tar", "mount"):
        put(files, program(name), f"/usr/bin/{name}")
    for name in ("iptables", "ip6tables"):
        for verb in ("", "-save", "-restore"):
            os.symlink("xtables-legacy-multi", f"{files}/usr/sbin/{name}{verb}")
    extensions = os.path.dirname(next(iter(glob.glob("/usr/lib/*/xtables/libxt_mark.so")), "/none/none"))
    shutil.copytree(extensions, files + extensions)
    put_modules(files, MODULES)
    python(files)
    subprocess.run(["cp", "-a", busybox, f"{files}/box"], check=True)
    for name, text in (("etc/modules", "\n".join(MODULES)), ("etc/passwd", "root:x:0:0::/:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
        with open(f"{files}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    for name, text in (("init", INIT), ("second", SECOND)):
        with open(f"{files}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(f"{files}/{name}", 0o755)
    found = boot(files, memory=1536)
    shutil.rmtree(files)
    assert "Looks good." in found["check"], found["check"]
    return {name: json.loads(text.splitlines()[0]) if text.startswith("{") else text for name, text in found.items()}


def test_as_containerd_does_it(answers: dict[str, Any]) -> None:
    """Saved with containerd's flags it is gone; made again it goes on where it was, in its cgroup with its limits, for all verbs."""
    found = answers["engine"]
    assert (found["saved"], found["gone"], found["cgroup gone"]) == ("", {}, True), found
    assert (found["restored"], found["goes on"], found["status"], found["pid file"], found["exists"]) == (
        "",
        True,
        "running",
        True,
        True,
    ), found
    assert (found["cgroup"], found["limits"]) == ("0::/test/engine", ["77", str(64 << 20)]), found
    assert (found["exec"], found["paused"]) == ("sh\n", [0, "paused", 0]), found
    assert (found["killed"], found["deleted"], found["left"]) == (0, 0, False), found


def test_streams(answers: dict[str, Any]) -> None:
    """An engine's new pipe takes the place of the old one."""
    found = answers["streams"]
    assert (found["saved"], found["restored"]) == ("", ""), found
    assert found["first number"] > 1, found


def test_it_may_go_on(answers: dict[str, Any]) -> None:
    """Memory beforehand (--pre-dump), the rest with --parent-path and --leave-running; the images restore all the same."""
    found = answers["stays"]
    assert (found["pre-dump"], found["saved"], found["status"], found["goes on"]) == ("", "", "running", True), found
    assert (found["restored"], found["then"]) == ("", True), found


def test_in_the_foreground(answers: dict[str, Any]) -> None:
    """The program's exit code is restore's, and nothing is left."""
    assert answers["foreground"] == {"saved": "", "code": 7, "left": {}}


def test_in_a_network_by_path(answers: dict[str, Any]) -> None:
    """A pod's network is not saved with the container: it is in the one that lies there now."""
    assert answers["joined"] == {"saved": "", "restored": "", "same": True}


def test_damaged_images(answers: dict[str, Any]) -> None:
    """CRIU's word for it, and nothing is left."""
    found = answers["fails"]
    assert found["saved"] == "", found
    assert "criu failed to restore the container: " in found["restored"], found
    assert (found["state"], found["list"], found["cgroup"]) == ({}, "", False), found
