"""The host, seen safely: a root in memory that shows the host's own top-level folders (docs/design.md, "The host view").

What is hidden inside them, the workspace and the caller's own mounts stand in config.mounts and config.linux.maskedPaths.
"""

from __future__ import annotations

from contain.plan.compile.binds import hidden_sockets
from contain.plan.compile.rootfs import has_new_mounts, layers_slot, overlay_options
from contain.plan.operations.devices import MakeLink
from contain.plan.operations.mounts import ShowFolder
from contain.plan.operations.rootfs import MakeRoot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.host.paths import Entry
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: top-level folders that are made fresh or stay empty, whatever the host has in them
FRESH = frozenset(("proc", "sys", "dev", "run", "tmp", "home", "root", "media", "mnt", "lost+found"))
#: file systems of the kernel's own: never part of a view
_KERNEL = frozenset(
    ("proc", "sysfs", "devtmpfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "efivarfs", "pstore", "bpf", "autofs")
)
#: file systems that an overlay refuses as a lower folder: their names are compared in their own way, or checked on a server
_NO_LOWER = frozenset(("vfat", "msdos", "exfat", "ntfs", "ntfs3", "cifs", "smb3", "fuse", "fuseblk", "hfs", "hfsplus"))


def hostview(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The root and the host's folders in it; before config.mounts, which covers parts of them."""
    if not spec.run.host_view or not has_new_mounts(spec):
        return
    yield MakeRoot()
    for entry in host.top:
        if entry.name in FRESH or entry.type in _KERNEL:
            continue
        if entry.kind == "link":
            yield MakeLink(path=f"/{entry.name}", target=entry.target, dangling=True)
        elif entry.kind == "dir":
            yield _folder(spec, host, slots, entry)


def _folder(spec: Spec, host: Host, slots: Slots, entry: Entry) -> Operation:
    path = f"/{entry.name}"
    overlay = host.overlay and not entry.mounts and entry.type not in _NO_LOWER
    if spec.run.overlay and not overlay:
        why = (
            f"{entry.mounts[0]} is mounted below it"
            if entry.mounts
            else f"{entry.type} can be no lower folder"
            if host.overlay
            else "there is no overlay"
        )
        spec.warn(f"{path} stays read-only: {why}", "--overlay")
    hidden = _hidden(spec, path)
    sockets = hidden_sockets(spec, host, path)
    if not overlay and (hidden or sockets) and "CAP_SYS_ADMIN" in spec.config["process"].get("capabilities", {}).get("bounding", ()):
        spec.warn(f"{path} is shown as a clone: with CAP_SYS_ADMIN what is hidden below it can be uncovered", "/process/capabilities")
    return ShowFolder(
        path=path,
        overlay=overlay,
        writable=overlay and spec.run.overlay,
        layers=layers_slot(slots),
        sockets=sockets,
        options=overlay_options(spec),
        hidden=hidden,
        origin="--overlay" if overlay and spec.run.overlay else "",
    )


def _hidden(spec: Spec, path: str) -> list[str]:
    """What is masked below a folder, or covered by an empty file system (then with / behind it); relative to the folder."""
    below = path + "/"
    masked = [row for row in spec.config["linux"].get("maskedPaths") or () if row.startswith(below)]
    covered = [
        row["destination"] + "/" for row in spec.config["mounts"] if row.get("type") == "tmpfs" and row["destination"].startswith(below)
    ]
    return [row.removeprefix(below) for row in masked + covered]
