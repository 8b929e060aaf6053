"""Host as a value: saved and loaded without loss."""

from __future__ import annotations

import json

import pytest

from contain.host.model import CgroupLayout, Host, Root, Userns
from contain.host.paths import Source
from contain.kernel.idmaps import Range
from contain.kernel.mounts import Mount

MOUNT = Mount(id=1, parent=0, device="8:1", root="/", point="/", options=["rw"], type="ext4", source="/dev/sda1")
HOST = Host(
    uid=1000,
    gid=1000,
    euid=1000,
    egid=1000,
    caps=frozenset({"CAP_KILL", "CAP_CHOWN"}),
    kernel=(6, 8),
    cgroup=CgroupLayout(mode="v2", unified="/sys/fs/cgroup", controllers=["memory"], base={"": "/sys/fs/cgroup/user"}),
    userns=Userns(subuid=[Range(start=100000, count=65536)]),
    root=Root(path="/r", exists=True, passwd="root:x:0:0::/:/bin/sh\n"),
    sources={"/data": Source(exists=True, kind="dir")},
    mounts=[MOUNT],
)


def test_round_trip() -> None:
    """What was saved as JSON is equal when it is loaded."""
    assert Host.from_json(json.loads(json.dumps(HOST.to_json()))) == HOST


def test_an_unknown_field_is_refused() -> None:
    """A host saved by another version does not load silently."""
    with pytest.raises(TypeError, match="colour"):
        Host.from_json({**HOST.to_json(), "colour": "red"})


def test_a_host_is_frozen() -> None:
    """A host changes only by making another one."""
    with pytest.raises(AttributeError, match="frozen"):
        HOST.uid = 0  # type: ignore[misc]
    assert HOST.but(uid=0).uid == 0


def test_the_folder_of_a_controller() -> None:
    """On v2 every usable controller is had in the one base; on v1 each in its own; what cannot be had has no folder."""
    v2 = HOST.cgroup
    assert v2.folder("memory") == "/sys/fs/cgroup/user"
    assert v2.folder("cpu") == ""
    v1 = CgroupLayout(
        mode="hybrid",
        unified="/sys/fs/cgroup/unified",
        hierarchies={"memory": "/sys/fs/cgroup/memory", "cpu": "/sys/fs/cgroup/cpu"},
        base={"memory": "/sys/fs/cgroup/memory/here", "": "/sys/fs/cgroup/unified"},
        controllers=["memory", "hugetlb"],
    )
    assert v1.folder("memory") == "/sys/fs/cgroup/memory/here"
    assert v1.folder("cpu") == ""
    assert v1.folder("hugetlb") == "/sys/fs/cgroup/unified"
    assert v1.mount("cpu") == "/sys/fs/cgroup/cpu"
    assert v1.mount("hugetlb") == "/sys/fs/cgroup/unified"
