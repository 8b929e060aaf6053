"""Where cgroups may be made, played with folders in place of the kernel's."""

from __future__ import annotations

import os

import pytest

from contain.host import cgroup
from contain.kernel.mounts import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

needs_user = pytest.mark.skipif(os.geteuid() != 0, reason="changes to another user, so it needs root")


def mount(point: Path | str, kind: str, *super_options: str, root: str = "/") -> Mount:
    """A cgroup mount."""
    return Mount(
        id=1,
        parent=0,
        device="0:1",
        root=root,
        point=str(point),
        options=["rw"],
        type=kind,
        source="cgroup",
        super_options=["rw", *super_options],
    )


def make(
    folder: Path, *, procs: str = "", available: str = "cpu memory pids", enabled: str = "memory pids", kind: str | None = "domain"
) -> Path:
    """A folder that looks like a v2 cgroup."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text(procs)
    (folder / "cgroup.controllers").write_text(available)
    (folder / "cgroup.subtree_control").write_text(enabled)
    if kind:
        (folder / "cgroup.type").write_text(kind)
    return folder


def test_v2_as_root_in_the_root_cgroup(tmp_path: Path) -> None:
    """The root cgroup may hold processes and children with controllers at once."""
    root = make(tmp_path, procs="1\n", kind=None)
    found = cgroup.layout([mount(root, "cgroup2", "nsdelegate")], {"": "/"})
    assert (found.mode, found.base, found.controllers) == ("v2", {"": str(root)}, ["cpu", "memory", "pids"])
    assert found.real_root
    assert found.delegated
    assert found.nsdelegate
    assert not found.busy


def test_v2_in_a_scope(tmp_path: Path) -> None:
    """Our own cgroup holds ourselves; the slice above it has no processes and can hand controllers on."""
    root = make(tmp_path, kind=None)
    slice_ = make(root / "user.slice")
    scope = make(slice_ / "term.scope", procs="77\n", enabled="")
    found = cgroup.layout([mount(root, "cgroup2")], {"": "/user.slice/term.scope"})
    assert found.here == {"": str(scope)}
    assert found.base == {"": str(slice_)}
    assert found.delegated


def test_v2_in_a_container(tmp_path: Path) -> None:
    """The root of a cgroup namespace is not the real root: processes in it are in the way."""
    root = make(tmp_path, procs="1\n", enabled="")
    found = cgroup.layout([mount(root, "cgroup2")], {"": "/"})
    assert found.busy
    assert found.base == {"": str(root)}
    assert not found.delegated
    assert "processes sit in" in found.reason


def test_v2_outside_of_the_namespace(tmp_path: Path) -> None:
    """Our own cgroup may not be shown at all."""
    found = cgroup.layout([mount(make(tmp_path), "cgroup2")], {"": "/../other"})
    assert not found.delegated
    assert "not below" in found.reason


def test_v2_threaded(tmp_path: Path) -> None:
    """A threaded cgroup cannot hold a container."""
    root = make(tmp_path, kind="threaded")
    found = cgroup.layout([mount(root, "cgroup2")], {"": "/"})
    assert not found.delegated
    assert "threaded" in found.reason


@needs_user
def test_v2_rootless(tmp_path: Path) -> None:
    """An ordinary user has what was handed to it: here app.slice, where not even every controller arrived."""
    root = make(tmp_path, kind=None)
    session = make(root / "session.scope", procs="5\n")
    app = make(root / "user@1000.service/app.slice", available="memory pids", enabled="")
    make(app / "term.scope", procs="6\n", enabled="")
    for folder, _, names in os.walk(root / "user@1000.service"):
        for one in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(one, 65534, 65534)
    for parent in (tmp_path, *tmp_path.parents):  # pytest's folders are closed to others
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    table = [mount(root, "cgroup2")]
    os.seteuid(65534)
    try:
        inside = cgroup.layout(table, {"": "/user@1000.service/app.slice/term.scope"})
        outside = cgroup.layout(table, {"": "/session.scope"})
    finally:
        os.seteuid(0)
    assert inside.base == {"": str(app)}
    assert inside.controllers == ["memory", "pids"]
    assert not outside.delegated
    assert outside.reason == f"{session} and its parents are not writable to us"


def test_v1(tmp_path: Path) -> None:
    """Each controller has its own hierarchy, and ours may differ in each."""
    for path in ("memory/jobs/7", "cpu,cpuacct", "systemd"):
        (tmp_path / path).mkdir(parents=True)
    table = [
        mount(tmp_path / "memory", "cgroup", "memory"),
        mount(tmp_path / "cpu,cpuacct", "cgroup", "cpu", "cpuacct"),
        mount(tmp_path / "systemd", "cgroup", "xattr", "name=systemd"),
    ]
    found = cgroup.layout(table, {"memory": "/jobs/7", "cpu": "/", "cpuacct": "/", "name=systemd": "/", "pids": "/"})
    assert found.mode == "v1"
    assert found.base["memory"] == str(tmp_path / "memory/jobs/7")
    assert found.controllers == ["cpu", "cpuacct", "memory"]
    assert found.mount("cpuacct") == str(tmp_path / "cpu,cpuacct")
    assert found.folder("name=systemd") == str(tmp_path / "systemd")


def test_hybrid(tmp_path: Path) -> None:
    """cgroup2 beside v1 adds the controllers that v1 does not hold."""
    (tmp_path / "memory").mkdir()
    unified = make(tmp_path / "unified", kind=None, available="hugetlb", enabled="")
    table = [mount(tmp_path / "memory", "cgroup", "memory"), mount(unified, "cgroup2")]
    found = cgroup.layout(table, {"memory": "/", "": "/"})
    assert found.mode == "hybrid"
    assert found.controllers == ["hugetlb", "memory"]
    assert found.folder("hugetlb") == str(unified)
    assert found.folder("memory") == str(tmp_path / "memory")
    assert not found.is_v2("memory")


def test_inside_docker_on_v1(tmp_path: Path) -> None:
    """A mount that shows only the container's own part of the hierarchy."""
    (tmp_path / "memory").mkdir()
    table = [mount(tmp_path / "memory", "cgroup", "memory", root="/docker/abc")]
    found = cgroup.layout(table, {"memory": "/docker/abc"})
    assert found.here == {"memory": str(tmp_path / "memory")}


def test_nothing_mounted() -> None:
    """No limits, and the reason."""
    found = cgroup.layout([], {"": "/"})
    assert (found.mode, found.delegated, found.reason) == ("none", False, "no cgroup file system is mounted")
