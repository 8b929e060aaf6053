"""Processes are told apart by their start time."""

from __future__ import annotations

import os
import subprocess

import psutil

from contain.kernel import capabilities, cgroups, idmaps, namespaces, processes
from contain.linux import CAPABILITIES


def test_a_name_cannot_fool_the_parser() -> None:
    """A process may call itself `) R 1 (`."""
    line = b"42 (a) R 1 (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 1 2"
    found = processes.parse_stat(line)
    assert (found.pid, found.name, found.state, found.parent, found.threads, found.start) == (42, "a) R 1 (b) c", "S", 7, 3, 123456)


def test_ourselves() -> None:
    """psutil sees the same."""
    mine = processes.stat(os.getpid())
    assert mine is not None
    assert mine.parent == psutil.Process().ppid()
    status = processes.status()
    assert status.uids[1] == os.geteuid()
    assert status.groups == sorted(os.getgroups())
    assert os.getpid() in processes.pids()
    assert processes.command(os.getpid())[-1] == psutil.Process().cmdline()[-1]


def test_a_process_that_ended() -> None:
    """A zombie is not alive, a reaped one is gone, and another start time is another process."""
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    start = processes.start_time(child.pid)
    assert start is not None
    assert processes.alive(child.pid, start)
    assert not processes.alive(child.pid, start + 1)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.alive(child.pid, start)
    child.communicate()
    assert processes.stat(child.pid) is None
    assert processes.command(child.pid) == []


def test_capabilities_have_their_kernel_numbers() -> None:
    """Some that are known by heart."""
    assert CAPABILITIES.index("CAP_SYS_ADMIN") == 21
    assert CAPABILITIES.index("CAP_CHECKPOINT_RESTORE") == 40
    assert capabilities.names(1 << 21 | 1) == {"CAP_CHOWN", "CAP_SYS_ADMIN"}
    assert capabilities.names(1 << 63) == frozenset()


def test_subuid_lines(tmp_path: object) -> None:
    """By name or number; malformed and overflowing lines are skipped."""
    file = f"{tmp_path}/subuid"
    with open(file, "w", encoding="utf-8") as out:
        out.write("ann:100000:65536\n1000:300000:10\nbob:1:1\nann:x:1\nann:4294967290:100\nann:5\n:7:7\nann:9:0\n# ann:1:1\n")
    assert [(one.start, one.count) for one in idmaps.ranges(file, "ann", 1000)] == [(100000, 65536), (300000, 10)]
    assert idmaps.ranges(f"{tmp_path}/none", "ann", 1000) == []
    assert idmaps.ranges(file, "", 5) == []
    assert idmaps.first_free(file) == 300010
    assert idmaps.first_free(f"{tmp_path}/none") == 100000


def test_id_maps() -> None:
    """The host's own map is told from others."""
    assert idmaps.is_initial(idmaps.parse("         0          0 4294967295\n"))
    assert not idmaps.is_initial(idmaps.parse("0 1000 1\n1 100000 65536\n"))
    assert not idmaps.is_initial([])


def test_namespaces() -> None:
    """Ours, by number."""
    assert namespaces.of()["mnt"] == os.stat("/proc/self/ns/mnt").st_ino
    assert "user" in namespaces.kinds()
    assert namespaces.inode("mnt", 2**30) is None


def test_membership() -> None:
    """A path may hold colons; v1 lists controllers together."""
    data = "12:cpu,cpuacct:/a:b\n1:name=systemd:/s\n0::/u\n"
    assert cgroups.parse_membership(data) == {"cpu": "/a:b", "cpuacct": "/a:b", "name=systemd": "/s", "": "/u"}
