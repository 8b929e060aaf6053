"""The same limits by contain, runc and crun: the same values stand in the kernel's files, on cgroup v1 and v2."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import User
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


#: What these machines cannot give: v2 has no net_cls and net_prio, the hybrid neither, and rdma is nowhere.
WANTING = {
    "class": {"network": {"classID": 7}},
    "priority": {"network": {"priorities": [{"name": "lo", "priority": 5}]}},
    "rdma": {"rdma": {"mlx5_1": {"hcaHandles": 3}}},
    "processors": {"cpu": {"cpus": "4000"}},
    "device": {"blockIO": {"throttleReadBpsDevice": [{"major": 250, "minor": 9, "rate": 100000}]}},
    "pages": {"hugepageLimits": [{"pageSize": "3MB", "limit": 3 << 20}]},
}


def refuse(words: list[str], bundle: str, **options: Any) -> bool:
    """Whether a runtime refuses to run a bundle; what it made is deleted."""
    name = f"contain-peer-{os.getpid()}"
    run = [*words, "run", "--bundle", bundle, name]
    code = subprocess.run(run, stdin=-3, stdout=-3, stderr=-3, check=False, **options).returncode
    subprocess.run([*words, "delete", "--force", name], stdin=-3, stdout=-3, stderr=-3, check=False, **options)
    return code != 0


@pytest.mark.parametrize("which", list(WANTING))
def test_a_limit_that_cannot_be_had(runtime: Runtime, make_bundle: Callable[..., str], which: str) -> None:
    """It is an error, as with runc (crun, where runc passes it over), and the first words of the log say which."""
    linux = {**CONFIG["linux"], "resources": {**WANTING[which], "devices": [{"allow": True, "access": "rwm"}]}}
    bundle = make_bundle("/bin/true", linux=linux, ociVersion="1.0.2")
    peers = [peer for peer in (["runc", "crun"] if V2 else ["runc"]) if shutil.which(peer)]
    assert not peers or any(refuse([peer, "--root", f"{runtime.root}.{peer}"], bundle) for peer in peers)
    assert runtime("run", "--bundle", bundle, runtime.named()).returncode == 1
    assert f": linux.resources.{next(iter(WANTING[which]))}" in runtime.logged()


@pytest.mark.skipif(not V2, reason="cgroup v1 has them")
def test_what_cgroup_v2_has_not(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """Engines send it all the same, and runc passes it over; we do too, and say so."""
    memory = {"limit": 64 << 20, "swappiness": 60, "disableOOMKiller": True, "kernelTCP": 64 << 20}
    resources = {"memory": memory, "cpu": {"realtimePeriod": 1000000}, "blockIO": {"leafWeight": 100}}
    bundle = make_bundle("/bin/true", linux={**CONFIG["linux"], "resources": resources}, ociVersion="1.0.2")
    assert not shutil.which("runc") or not refuse(["runc", "--root", f"{runtime.root}.runc"], bundle)
    assert runtime("run", "--bundle", bundle, runtime.named()).returncode == 0
    with open(runtime.log, encoding="utf-8") as file:
        told = [row["msg"] for row in map(json.loads, file) if row["level"] == "warning"]
    assert [text.partition(" cannot be set")[0].rpartition(" ")[2] for text in told] == [
        "memory.swappiness", "memory.disableOOMKiller", "memory.kernelTCP", "cpu.realtimePeriod", "blockIO.leafWeight",
    ]  # fmt: skip


#: what an ordinary user without a cgroup of his own asks for → whether runc and we refuse it
ROOTLESS: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing": ({}, False),
    "memory": ({"memory": {"limit": 64 << 20}}, True),
    "pids": ({"pids": {"limit": 50}}, True),
    "cpu": ({"cpu": {"shares": 100}}, True),
    "devices": ({"devices": [{"allow": False, "access": "rwm"}]}, False),
    "path": ({}, True),
}


@pytest.mark.parametrize("which", list(ROOTLESS))
def test_an_ordinary_user_without_a_cgroup(user: User, user_rootfs: str, which: str) -> None:
    """Limits are errors, as with runc, but where no cgroups are asked for: an engine says so by `--cgroup-manager disabled`."""
    resources, refused = ROOTLESS[which]
    linux = {
        "namespaces": [{"type": name} for name in ("user", "pid", "mount", "ipc", "uts")],
        "uidMappings": [{"containerID": 0, "hostID": user.uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": user.gid, "size": 1}],
        "resources": resources,
        **({"cgroupsPath": "/nobodys/own"} if which == "path" else {}),
    }
    config = {**CONFIG, "linux": linux, "ociVersion": "1.0.2", "root": {"path": user_rootfs}, "hooks": {}}
    config["mounts"] = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    config["process"] = {**CONFIG["process"], "args": ["/bin/true"]}
    with open(f"{user.runtime}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    state = ["--root", f"{user.runtime}/{which}"]
    ours = [*user.command(), *state]
    for words in [["runc", *state], ours] if shutil.which("runc") else [ours]:
        assert refuse(words, user.runtime, **user.options()) is refused, words
    assert not refuse([*ours, "--cgroup-manager", "disabled"], user.runtime, **user.options())
