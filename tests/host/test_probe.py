"""probe() on the machine that runs the tests."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any

import pytest

from contain.host import identity, machine, paths
from contain.host.model import Host
from contain.host.probe import Wanted, probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def test_this_machine(tmp_path: Path) -> None:
    """Facts that can be asked for in another way agree."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("me:x:7:8::/home/me:/bin/sh\n")
    host = probe(Wanted(root=str(tmp_path), sources=["/dev/null", "/nothing/here", "/proc"], host_view=True, devices=True))
    assert (host.uid, host.euid, host.gid) == (os.getuid(), os.geteuid(), os.getgid())
    assert host.release == os.uname().release
    assert host.kernel == machine.version(host.release)
    assert host.root.passwd == "me:x:7:8::/home/me:/bin/sh\n"
    assert host.root.group is None
    assert host.root.top == ["etc"]
    assert host.sources["/dev/null"].kind == "char"
    assert host.sources["/dev/null"].rdev == "1:3"
    assert host.sources["/nothing/here"].error == "ENOENT"
    assert host.sources["/proc"].type == "proc"
    assert {entry.name for entry in host.top} == set(os.listdir("/"))
    assert any(device.path == "/dev/null" and device.writable for device in host.devices)
    assert Host.from_json(json.loads(json.dumps(host.to_json()))) == host


def test_a_missing_root(tmp_path: Path) -> None:
    """No exception: the refusal is compile's."""
    host = probe(Wanted(root=str(tmp_path / "none")))
    assert (host.root.exists, host.root.error) == (False, "ENOENT")


def test_sockets(tmp_path: Path) -> None:
    """A bound socket is known by its real path, and forgotten when its file is gone."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "link/a b.sock"))
        assert str(tmp_path / "real/a b.sock") in paths.sockets()
        (tmp_path / "real/a b.sock").unlink()
        assert str(tmp_path / "real/a b.sock") not in paths.sockets()


def test_a_source_behind_a_link(tmp_path: Path) -> None:
    """The real path is told, and that a link was on the way."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    found = probe(Wanted(sources=[str(tmp_path / "link")])).sources[str(tmp_path / "link")]
    assert (found.path, found.link, found.kind) == (str(tmp_path / "data"), True, "dir")


def test_kernel_versions() -> None:
    """Distributions put all sorts of things behind the numbers."""
    assert machine.version("6.18.44-fc-v669") == (6, 18)
    assert machine.version("5.15-rc1") == (5, 15)
    assert machine.version("6.1") == (6, 1)
    assert machine.version("weird") == (0, 0)


def test_limits() -> None:
    """Unlimited is -1."""
    text = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 unlimited            files     \n"
    assert identity.parse_limits(text) == {"RLIMIT_NOFILE": [1024, -1]}
    assert len(identity.parse_limits(pathlib.Path("/proc/self/limits").read_text())) == 16


def test_who_has_no_name(tmp_path: Path) -> None:
    """A user without an entry is no error."""
    (tmp_path / "passwd").write_text("broken\nann:x:5:5::/home/ann:/bin/sh\n")
    assert identity.user(5, passwd=str(tmp_path / "passwd")) == ("ann", "/home/ann")
    assert identity.user(3_999_999_999, passwd=str(tmp_path / "passwd")) == ("", "")


def test_nothing_slow_is_imported() -> None:
    """The hot path's budget (docs/design.md): none of these modules is loaded by the probe."""
    code = (
        "import sys; sys.path.insert(0, '.'); from contain.host.probe import probe; probe();"
        "print([m for m in ('dataclasses','typing','re','enum','json','pathlib','argparse','functools','contextlib','logging',"
        "'collections.abc','ctypes','subprocess') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.live
@pytest.mark.any_kernel
def test_a_proc_of_somebody_else(contain: Any, busybox: str) -> None:
    """After `unshare -p` the old /proc shows the pids of others, and without one nothing can be known: both are said, with the remedy."""
    if os.getuid() != 0:
        pytest.skip("making a pid namespace needs root")
    # the program finds package and interpreter beside it, without /proc too
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": ""}
    for hide, first in (
        ("true", "the procfs on /proc is that of another pid namespace"),
        ("mount -t tmpfs x /proc", "no procfs is mounted on /proc"),
    ):
        for verb in ("doctor", f"run {busybox} -- true"):
            under = ("unshare", "-mpf", "sh", "-c", f'{hide} && "$@"', "sh")
            done = contain(*verb.split(), under=under, env=env)
            assert (done.returncode, done.stderr.splitlines()[0]) == (125, first), (verb, done.stderr)
            assert "remedy: mount " in done.stderr


def test_a_plan_needs_less_than_people() -> None:
    """What a plan decides by is the same; what only doctor and saved hosts tell is left out."""
    whole, part = probe(Wanted()), probe(Wanted(thorough=False, ids=False))
    assert part.userns.limit == whole.userns.limit
    assert part.userns.uid_map == whole.userns.uid_map
    assert part.sysctls.items() <= whole.sysctls.items()
    assert part.cgroup == whole.cgroup
    if os.geteuid() == 0:
        assert part.userns.newuidmap == ""
