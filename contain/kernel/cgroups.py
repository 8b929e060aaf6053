"""Cgroup membership and the mounted hierarchies, as the kernel tells them."""

from __future__ import annotations

from contain.kernel.files import text, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.kernel.mounts import Mount

#: Controllers of v1 that a mount option names; `name=…` hierarchies are told by their prefix.
V1 = frozenset(
    (
        "blkio",
        "cpu",
        "cpuacct",
        "cpuset",
        "devices",
        "freezer",
        "hugetlb",
        "memory",
        "misc",
        "net_cls",
        "net_prio",
        "perf_event",
        "pids",
        "rdma",
    )
)


def parse_membership(data: str) -> dict[str, str]:
    """/proc/PID/cgroup: controller (or `name=systemd`, or "" for the unified hierarchy) → path."""
    found: dict[str, str] = {}
    for line in data.splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        for controller in parts[1].split(","):
            found[controller] = parts[2]
    return found


def membership(pid: int | str = "self") -> dict[str, str]:
    """Where a process is in each hierarchy; empty when it is gone."""
    return parse_membership(text(f"/proc/{pid}/cgroup"))


def hierarchies(table: list[Mount]) -> tuple[str, dict[str, str], dict[str, str]]:
    """(mount point of the unified hierarchy or "", controller → mount point of v1, mount point → root of that mount)."""
    unified = ""
    v1: dict[str, str] = {}
    roots: dict[str, str] = {}
    for mount in table:
        if mount.type == "cgroup2" and not unified:
            unified = mount.point
            roots[mount.point] = mount.root
        elif mount.type == "cgroup":
            for option in mount.super_options:
                if (option in V1 or option.startswith("name=")) and option not in v1:
                    v1[option] = mount.point
                    roots[mount.point] = mount.root
    return unified, v1, roots


def where(point: str, root: str, path: str) -> str:
    """The folder of the cgroup `path` below a mount of `root` at `point`; "" when that mount does not show it."""
    if path.startswith("/.."):  # outside of our cgroup namespace
        return ""
    if root not in {"", "/"} and not root.startswith("/.."):
        if path != root and not path.startswith(root + "/"):
            return point if path == "/" else ""  # a mount older than our cgroup namespace
        path = path[len(root) :]
    return (point.rstrip("/") + path.rstrip("/")) or "/"


def controllers(folder: str) -> list[str]:
    """What a v2 cgroup may use."""
    return word(f"{folder}/cgroup.controllers").split()


def enabled(folder: str) -> list[str]:
    """What a v2 cgroup hands on to its children."""
    return word(f"{folder}/cgroup.subtree_control").split()


def processes(folder: str) -> list[int]:
    """The processes directly in a cgroup; one of another pid namespace reads as 0."""
    return [int(one) for one in word(f"{folder}/cgroup.procs").split() if one.isdigit()]
