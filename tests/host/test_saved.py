"""The saved hosts of other people: each loads, and says what its name says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contain.host.model import Host

FOLDER = Path(__file__).parent.parent / "hosts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> Host:
    """A saved host."""
    return Host.from_json(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_it_loads(name: str) -> None:
    """Each is a Host of this version, and nothing in it is lost by saving."""
    host = load(name)
    assert Host.from_json(host.to_json()) == host
    assert host.mount_of("/proc/self").type == "proc"  # type: ignore[union-attr]
    assert host.kernel >= (5, 10)


def test_what_their_names_say() -> None:
    """The facts that other tests rest on."""
    assert {name for name in NAMES if load(name).cgroup.delegated} == {
        "hybrid-root",
        "old-kernel-v1",
        "ubuntu-apparmor",
        "v2-root",
        "v2-rootless-delegated",
    }
    assert {name for name in NAMES if load(name).uid == 0} == {"hybrid-root", "in-docker", "old-kernel-v1", "v2-root"}
    assert {name for name in NAMES if load(name).privileged} == {"hybrid-root", "old-kernel-v1", "v2-root"}
    assert load("ubuntu-apparmor").userns.apparmor
    assert load("v2-rootless-delegated").cgroup.folder("memory").endswith("/app.slice")
    assert load("old-kernel-v1").cgroup.mount("cpuacct") == "/sys/fs/cgroup/cpu,cpuacct"
    assert load("old-kernel-v1").idmap == []
