"""The bars of accounting on pure cgroup v2 with a clock that counts exactly: a distribution's kernel in QEMU (the other guest has ticks of 10 ms).

Processor time is held against the programs' own clocks at 2 % or 5 ms, the peak of memory at 2 % or 256 KiB for each processor, the largest
process at 2 % or 1 MiB. Everything runs inside (accounting_inside.py), once; beside isolate where there is a checkout (CONTAIN_ISOLATE).
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import pytest

from tests.conftest import in_guest
from tests.container.accounting_inside import AMOUNT, LITTLE, MEMORY, TIME, times
from tests.container.test_accounting import used
from tests.container.test_isolate import CHECKOUT, CONFIGURATION, build
from tests.live.conftest import TOP
from tests.live.qemu import boot, put, skeleton
from tests.live.test_criu import INIT, python

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.any_kernel, pytest.mark.timeout(500)]
MIB = 1 << 20
CONFIG = "/opt/isolate.cf"
SECOND = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/opt/contain/lib/python3.11/site-packages
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
echo "begin found"
python3 /opt/accounting_inside.py /box /opt/used $(ls /opt/isolate 2>/dev/null) 2>&1
echo "begin end"
poweroff -f
"""
__all__ = ["used"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, used: str) -> dict[str, Any]:
    """What was found inside."""
    if in_guest():
        pytest.skip("a guest in a guest takes an hour")
    files = str(tmp_path_factory.mktemp("accounting") / "files")
    box = skeleton(files)
    python(files)
    shutil.copy(used, f"{files}/opt/used")
    for name in ("accounting_inside.py", "beside_isolate.py"):
        shutil.copy(f"{TOP}/tests/container/{name}", f"{files}/opt/{name}")
    for name in ("bin", "dev", "proc", "sys", "tmp"):  # this kernel can show no tmpfs as somebody else's, and its overlay is a module
        os.makedirs(f"{files}/box/{name}")
    open(f"{files}/box/used", "w", encoding="utf-8").close()
    shutil.copy(box, f"{files}/box/bin/busybox")
    for name in ("sh", "echo"):
        os.symlink("busybox", f"{files}/box/bin/{name}")
    if os.path.exists(f"{CHECKOUT}/isolate.c"):
        build(f"{files}.isolate", CONFIG)
        put(files, f"{files}.isolate", "/opt/isolate")
    for name, text in (("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), ("init", INIT), ("second", SECOND), (CONFIG[1:], CONFIGURATION)):
        with open(f"{files}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(f"{files}/{name}", 0o755)
    said = boot(files, memory=1536, seconds=450)["found"]
    shutil.rmtree(files)
    assert said.startswith("{"), said
    answer: dict[str, Any] = json.loads(said.splitlines()[0])
    return answer


@pytest.mark.parametrize("verb", TIME)
def test_processor_time(found: dict[str, Any], verb: str) -> None:
    """The cgroup's word and that of our PID 1, beside the programs' own."""
    truth, usage = found["time"][verb][-1]
    assert usage["sources"]["cpu"] == "cgroup-v2"
    assert all(abs(one - truth) <= max(0.02 * truth, 0.005) for one in times(verb, usage)), found["time"][verb]


@pytest.mark.parametrize("verb", MEMORY)
def test_memory_peak(found: dict[str, Any], verb: str) -> None:
    """Of much, and of little, beside which our set-up would be seen; some 70 KiB of the kernel's any program has."""
    each = found["processors"] * (256 << 10)
    large, small = found["memory"][verb], found["little"][verb]
    assert large["sources"]["memory_peak"] == "cgroup-v2"
    assert abs(large["memory_peak"] - AMOUNT * MIB) <= max(0.02 * AMOUNT * MIB, each), large
    if verb != "forked-memory":
        assert abs(small["memory_peak"] - LITTLE * MIB) <= each + (128 << 10), small


def test_largest_process(found: dict[str, Any]) -> None:
    """Not the caller of 500 MB."""
    large, small = found["large caller"]
    for usage in (large, found["memory"]["anonymous"]):
        assert abs(usage["max_rss"] - AMOUNT * MIB) <= max(0.02 * AMOUNT * MIB, MIB), usage
    assert small["max_rss"] <= 2 * MIB


def test_meanwhile(found: dict[str, Any]) -> None:
    """Container.stats, beside the Result."""
    now, then = found["stats"]
    assert AMOUNT * MIB * 0.98 <= now["memory_peak"] <= then["memory_peak"], found["stats"]
    assert 0 < now["cpu"] <= then["cpu"], found["stats"]


def test_beside_isolate(found: dict[str, Any]) -> None:
    """The same programs: both read the same files."""
    if "isolate" not in found:
        pytest.skip("no checkout of isolate: CONTAIN_ISOLATE")
    for name, (time, memory), (cpu, peak) in found["isolate"]:
        if name[0] in TIME:
            assert abs(cpu - time) <= 0.02 * time + 0.06, (name, cpu, time)  # isolate's has what starts the program in it
        assert abs(peak - memory) <= max(0.02 * memory, 512 << 10), (name, peak, memory)
