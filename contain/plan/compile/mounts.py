"""Mounts of the manifest in their order, then masked and read-only paths."""

from __future__ import annotations

from contain import paths
from contain.errors import HostError, ManifestError
from contain.kernel.mounts import hiding
from contain.plan import stage as at
from contain.plan.compile.options import RDONLY, Options
from contain.plan.compile.rootfs import has_new_mounts
from contain.plan.operations.mounts import (
    MaskPath,
    MountCgroups,
    MountFilesystem,
    ReadonlyPath,
    Remount,
)
from contain.plan.operations.rootfs import OpenProc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: file system → (namespace that it shows, the host's folder that stands in for it when that namespace is not our own)
_FALLBACKS = {"sysfs": ("network", "/sys"), "proc": ("pid", "/proc"), "mqueue": ("ipc", "/dev/mqueue")}

#: file systems whose labels are the policy's own (fs_use and genfscon): context= is refused by them
_UNLABELLED = frozenset(("proc", "sysfs", "mqueue", "cgroup", "cgroup2"))


def mounts(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """Everything in config.mounts."""
    if not has_new_mounts(spec):
        return
    if spec.config["linux"].get("mountLabel") and "selinux" not in host.lsm:
        spec.warn("the label of mounts is without effect: SELinux is not active on this host", "/linux/mountLabel")
    for index, row in enumerate(spec.config["mounts"]):
        yield from mount(spec, host, slots, row, f"/mounts/{index}")
    yield OpenProc()


def masks(spec: Spec, _host: Host, slots: Slots) -> Iterator[Operation]:
    """What is hidden, and what may not be written; before the root changes, since the host's /dev/null hides files."""
    if not has_new_mounts(spec):
        return
    linux = spec.config["linux"]
    for index, row in enumerate(spec.config["mounts"]):
        if (
            paths.normpath(row["destination"]) == "/dev"
            and row.get("type") == "tmpfs"
            and Options(row.get("options") or []).attr_set & RDONLY
        ):
            yield Remount(stage=at.PIVOT, target="/dev", attr_set=RDONLY, origin=f"/mounts/{index}")
    for index, path in enumerate(linux.get("maskedPaths") or []):
        yield MaskPath(
            path=inside(spec, path, f"/linux/maskedPaths/{index}"),
            slot=slots.new("masks"),
            lenient=spec.run.host_view,
            origin=f"/linux/maskedPaths/{index}",
        )
    for index, path in enumerate(linux.get("readonlyPaths") or []):
        yield ReadonlyPath(path=inside(spec, path, f"/linux/readonlyPaths/{index}"), origin=f"/linux/readonlyPaths/{index}")


def mount(spec: Spec, host: Host, slots: Slots, row: dict[str, Any], origin: str) -> Iterator[Operation]:
    """One mount, whatever its kind."""
    options = Options(row.get("options") or [])
    target = inside(spec, row["destination"], f"{origin}/destination")
    kind = row.get("type") or ""
    if options.remount:
        yield Remount(target=target, **options.attributes(), origin=origin)
    elif options.bind or kind == "bind":
        from contain.plan.compile.binds import bind  # a root of its own has none

        yield from bind(spec, host, slots, row, options, target, origin)
    elif kind in ("cgroup", "cgroup2"):
        yield from _cgroups(spec, host, options, target, origin)
    else:
        _refuse_covered(spec, host, kind, target, origin)
        if (target, kind) == ("/dev", "tmpfs"):
            options.attr_set &= ~RDONLY  # it is yet to be filled: `masks` does it
        yield _filesystem(spec, host, row, options, target, origin)


def inside(spec: Spec, path: str, pointer: str) -> str:
    """A path of the container, plain and absolute; a relative one counts from its root."""
    if not path:
        raise ManifestError("the path is empty", place=spec.origins.place(pointer), remedy="write an absolute path")
    return paths.normpath("/" + path).replace("//", "/")


def _filesystem(spec: Spec, host: Host, row: dict[str, Any], options: Options, target: str, origin: str) -> Operation:
    kind = row.get("type") or ""
    if not kind or kind == "none":
        raise ManifestError(
            f"the mount of {target} has no type", place=spec.origins.place(origin), remedy="give its type, or the option bind or rbind"
        )
    if options.idmap or row.get("uidMappings"):
        raise ManifestError(
            "only bind mounts can be shown idmapped", place=spec.origins.place(origin), remedy="remove the mappings, or bind a folder"
        )
    _refuse_unmapped(spec, options, origin)
    namespace, folder = _FALLBACKS.get(kind, ("", ""))
    own = spec.namespaces().get(namespace) == ""
    return MountFilesystem(
        type=kind,
        source=row.get("source") or kind,
        target=target,
        options=options.data + options.system + _label(spec, host, kind),
        copy_up=options.copy_up,
        fallback=folder if kind == "sysfs" or (namespace and not own) else "",
        optional=spec.run.host_view and target.count("/") > 1 and not target.startswith("/dev/") and not spec.origins.option(origin),
        **options.attributes(),
        origin=origin,
    )


def _label(spec: Spec, host: Host, kind: str) -> list[str]:
    """linux.mountLabel, where the kernel has SELinux and the file system's files have no labels of their own."""
    label = spec.config["linux"].get("mountLabel")
    return [f"context={label}"] if label and "selinux" in host.lsm and kind not in _UNLABELLED else []


def _refuse_covered(spec: Spec, host: Host, kind: str, target: str, origin: str) -> None:
    """A container of Docker or Podman hides parts of its /proc; the kernel then lets no user namespace in it have a new one."""
    namespaces = spec.namespaces()
    confined = namespaces.get("user") == "" or not host.userns.initial
    hidden = hiding(host.mounts, "proc") if kind == "proc" and confined and namespaces.get("pid") == "" else []
    if hidden:
        from contain.host.doctor import PROC_REMEDY  # only after a failure

        raise HostError(
            f"cannot mount a new proc on {target}: parts of the /proc that we see are hidden ({', '.join(hidden[:3])} …)",
            place=spec.origins.place(origin),
            cause="the kernel allows a user namespace no new proc where the present one is not fully visible",
            remedy=PROC_REMEDY,
        )


def _cgroups(spec: Spec, host: Host, options: Options, target: str, origin: str) -> Iterator[Operation]:
    """The cgroup file systems of this host, whatever their version; never writable without privilege and an own namespace (CVE-2023-25809)."""
    layout = host.cgroup
    own = "cgroup" in spec.namespaces()
    views, links = [], []
    by_folder: dict[str, list[str]] = {}
    for controller, folder in layout.hierarchies.items():
        by_folder.setdefault(folder, []).append(controller)
    for folder, controllers in by_folder.items():
        name = paths.basename(folder)
        views += [name, ",".join(controllers), folder, controllers[0]]
        links += [text for controller in controllers if "=" not in controller and controller != name for text in (controller, name)]
    if layout.unified:
        views += ["" if layout.mode == "v2" else paths.basename(layout.unified), "", layout.unified, ""]
    if not views:
        spec.warn(f"no cgroup file system is mounted on this host: {target} stays empty", origin)
        return
    attributes = options.attributes()
    if not own and not host.privileged:
        attributes["attr_set"] |= RDONLY
        attributes["attr_clear"] &= ~RDONLY
    yield MountCgroups(target=target, views=views, links=links, own=own, **attributes, origin=origin)


def _refuse_unmapped(spec: Spec, options: Options, origin: str) -> None:
    """uid= and gid= of a file system in a user namespace must be ids of that namespace (the kernel's EINVAL does not say so)."""
    if spec.namespaces().get("user") != "":
        return
    for word in options.data:
        key, _, value = word.partition("=")
        rows = spec.config["linux"].get(f"{key}Mappings") if key in ("uid", "gid") else None
        if rows and value.isdecimal() and not any(line["containerID"] <= int(value) < line["containerID"] + line["size"] for line in rows):
            raise ManifestError(
                f"{word}: that id is not mapped",
                place=spec.origins.place(f"{origin}/options"),
                remedy=f"map it in linux.{key}Mappings, or remove the option",
            )
