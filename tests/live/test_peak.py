"""The peak of memory is set back when the set-up is done: on v1 by all kernels, on v2 by Linux 6.12 and later, in QEMU here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import in_guest
from tests.live.conftest import TOP
from tests.live.qemu import boot, kernel, skeleton
from tests.live.test_criu import INIT, python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live]
MIB = 1 << 20
SECOND = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/opt/contain/lib/python3.11/site-packages
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
uname -r; echo "begin peak"
python3 /opt/peak_inside.py /box /opt/used 2>&1
echo "begin end"
poweroff -f
"""


def build(to: str) -> str:
    """tests/used.c."""
    compiler = "musl-gcc" if shutil.which("musl-gcc") else "gcc"
    subprocess.run([compiler, "-O1", "-static", "-pthread", "-o", to, f"{TOP}/tests/used.c"], check=True)
    return to


def check(usage: dict[str, Any]) -> None:
    """1 MiB of the program's, nothing of the 32 MiB of a hook that ran in its cgroup before."""
    assert abs(usage["memory_peak"] - MIB) <= (os.cpu_count() or 1) * (256 << 10) + (128 << 10), usage
    assert usage["user"] + usage["system"] < usage["wall"] + 0.01, usage


@pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")
def test_of_the_set_up(tmp_path: Path, busybox: str) -> None:
    """Here."""
    if in_guest():
        pytest.skip("before Linux 6.12 v2 cannot set a peak back")
    words = [sys.executable, f"{TOP}/tests/live/peak_inside.py", busybox, build(str(tmp_path / "used"))]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": TOP})
    found = json.loads(done.stdout)
    if found["memory_peak"] is None or found["sources"]["memory_peak"] == "cgroup-v2":
        pytest.skip("no memory cgroup of v1")
    check(found)


@pytest.mark.any_kernel
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_of_the_set_up_on_v2(tmp_path: Path, busybox: str) -> None:
    """Through the descriptor that it was written to: CONTAIN_KERNEL=…/vmlinuz-6.12…, from Debian's backports for instance."""
    version = re.search(r"vmlinuz-(\d+)\.(\d+)", kernel())
    if not version or (int(version[1]), int(version[2])) < (6, 12):
        pytest.skip("no kernel of 6.12 or later to boot: set CONTAIN_KERNEL")
    files = str(tmp_path / "files")
    box = skeleton(files)
    python(files)
    build(f"{files}/opt/used")
    shutil.copy(f"{TOP}/tests/live/peak_inside.py", f"{files}/opt/peak_inside.py")
    os.makedirs(f"{files}/box/bin")
    shutil.copy(box, f"{files}/box/bin/busybox")
    with open(f"{files}/etc/passwd", "w", encoding="utf-8") as file:
        file.write("root:x:0:0::/root:/bin/sh\n")
    for name, text in (("init", INIT), ("second", SECOND)):
        with open(f"{files}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(f"{files}/{name}", 0o755)
    said = boot(files, memory=768)["peak"]
    check(json.loads(said))
