"""The same limits by contain, runc and crun: the same values stand in the kernel's files, on cgroup v1 and v2."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]

V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
#: Not cpu.weight: what runc and crun make of cpu.shares has changed since Debian's (docs/cgroups.md).
FILES = {
    "memory": ["memory.max", "memory.low", "memory.swap.max"] if V2 else ["memory.limit_in_bytes", "memory.soft_limit_in_bytes"],
    "cpu": ["cpu.max"] if V2 else ["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"],
    "pids": ["pids.max"],
}
RESOURCES = {
    "plain": {"memory": {"limit": 64 << 20, "reservation": 32 << 20}, "cpu": {"quota": 25000, "period": 50000}, "pids": {"limit": 77}},
    "endless": {"memory": {"limit": -1}, "cpu": {"quota": -1, "period": 100000}, "pids": {"limit": -1}},
    "swap": {"memory": {"limit": 64 << 20, "swap": 96 << 20}, "cpu": {"shares": 512}, "pids": {"limit": 1 << 20}},
}


def held(pid: int) -> dict[str, str]:
    """What stands in the files of a process's cgroups."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        rows = [line.strip().split(":", 2)[1:] for line in file]
    places = {name: path for names, path in rows for name in names.split(",")}
    found = {}
    for controller, files in FILES.items():
        folder = f"/sys/fs/cgroup{places['']}" if V2 else f"/sys/fs/cgroup/{controller}{places[controller]}"
        for name in files:
            if os.path.exists(f"{folder}/{name}"):
                with open(f"{folder}/{name}", encoding="ascii") as file:
                    found[name] = file.read().strip()
    return found


@pytest.mark.parametrize("peer", ["runc", "crun"] if V2 else ["runc"])  # crun refuses hybrids
@pytest.mark.parametrize("which", list(RESOURCES))
def test_values(runtime: Runtime, make_bundle: Callable[..., str], peer: str, which: str) -> None:
    """Read from the cgroup of a container that each of them made."""
    if shutil.which(peer) is None:
        pytest.skip(f"no {peer}")
    resources: dict[str, Any] = {**RESOURCES[which], "devices": [{"allow": True, "access": "rwm"}]}
    linux = {**CONFIG["linux"], "resources": resources}
    ours = runtime.create("/bin/sleep", "100", linux=linux)
    bundle = make_bundle("/bin/sleep", "100", linux=linux, ociVersion="1.0.2")  # newer ones Debian's crun does not read
    name, root = f"contain-peer-{os.getpid()}", f"{runtime.root}.{peer}"
    pid_file = f"{runtime.root}.pid"
    words = [peer, "--root", root, "run", "--detach", "--pid-file", pid_file, "--bundle", bundle, name]
    with open(f"{runtime.root}.said", "w+", encoding="utf-8") as said:  # a pipe would be held by the container
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, check=False)
        said.seek(0)
        assert done.returncode == 0, said.read()
    try:
        with open(pid_file, encoding="ascii") as file:
            theirs = held(int(file.read()))
    finally:
        subprocess.run([peer, "--root", root, "delete", "--force", name], check=True)
    assert held(runtime.state(ours)["pid"]) == theirs
