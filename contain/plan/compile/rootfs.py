"""The container's root: how it is opened and attached (`rootfs`), and how it becomes the root (`pivot`)."""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan.compile.idmaps import id_maps
from contain.plan.compile.options import PRIVATE, SHARED, SLAVE, propagation_of
from contain.plan.operations.mounts import ShowIdmapped
from contain.plan.operations.rootfs import (
    AttachRoot,
    EnterRoot,
    IsolateMounts,
    OpenRoot,
    PivotRoot,
    SetRootPropagation,
    SetRootReadonly,
)
from contain.plan.slots import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: bytes that throw-away layers may take when --disk does not say
DISK = 1 << 30


def rootfs(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """Opens the root and attaches it, out of sight, in the new mount namespace."""
    if not has_new_mounts(spec):
        _refuse_mounts(spec)
        return
    propagation, recursive = propagation_of(spec.config["linux"].get("rootfsPropagation") or "")
    yield IsolateMounts(propagation=PRIVATE if propagation == PRIVATE else SLAVE, origin="/linux/rootfsPropagation")
    if needs_layers(spec):
        from contain.plan.operations.layers import MakeLayers

        yield MakeLayers(size=spec.run.disk or DISK, slot=layers_slot(slots), origin="--disk" if spec.run.disk else "")
    if spec.run.host_view:
        return
    if not spec.root:
        raise ManifestError("root.path is missing", place=spec.origins.place("/root"), remedy='add "root": {"path": "rootfs"}')
    if host.root.path == spec.root and not host.root.exists:
        raise ManifestError(
            f"cannot open the root {spec.root}: {_words(host.root.error)}",
            place=spec.origins.place("/root/path"),
            remedy="correct the path, or make the root file system",
        )
    # mounts in the root never reach the host; those of the host reach it when it is asked to follow
    held = SLAVE if recursive and propagation in (SLAVE, SHARED) else PRIVATE
    if opens_early(host):
        view = _idmapped(spec, host, slots)
        yield OpenRoot(path=spec.root, propagation=held, userns=view, origin="/root/path")
        if view:
            yield ShowIdmapped(path=spec.root, tree=ROOT, userns=view, origin="/root/path")
    if spec.run.overlay:
        yield from _overlaid(spec, host, slots, held)
    yield AttachRoot(path=spec.root, propagation=held, origin="/root/path")


def pivot(spec: Spec, _host: Host, _slots: Slots) -> Iterator[Operation]:
    """Makes it the root: after hooks, sysctls and masks, which still need the host in view."""
    if not has_new_mounts(spec):
        if spec.root:
            yield EnterRoot(path=spec.root, origin="/root/path")
        return
    yield PivotRoot(pivot=not spec.run.no_pivot, origin="/root")
    propagation, _ = propagation_of(spec.config["linux"].get("rootfsPropagation") or "")
    if propagation not in (0, PRIVATE):  # private it is already
        yield SetRootPropagation(propagation=propagation, origin="/linux/rootfsPropagation")
    if spec.config["root"].get("readonly") or (spec.run.host_view and not spec.run.overlay):
        yield SetRootReadonly(origin="/root/readonly")


def layers_slot(slots: Slots) -> int:
    """The slot of the file system that holds all throw-away layers."""
    return slots.new("layers")


def needs_layers(spec: Spec) -> bool:
    """Whether anything is shown under a throw-away layer, or by an overlay at all."""
    return spec.run.host_view or spec.run.overlay or any("O" in (row.get("options") or ()) for row in spec.config["mounts"])


def overlay_options(spec: Spec) -> list[str]:
    """An overlay's marks are trusted.* attributes, which only the host's root can set; else user.* ones."""
    return ["userxattr"] if "user" in spec.namespaces() else []


def _overlaid(spec: Spec, host: Host, slots: Slots, propagation: int) -> Iterator[Operation]:
    if host.root.mounts:
        raise HostError(
            f"no layer can be laid over the root: {host.root.mounts[0]} is mounted below it",
            place="<command line>:--overlay",
            remedy="unmount it, or run without --overlay",
        )
    from contain.plan.operations.layers import OverlayRoot

    yield OverlayRoot(path=spec.root, propagation=propagation, layers=layers_slot(slots), options=overlay_options(spec), origin="--overlay")


def has_new_mounts(spec: Spec) -> bool:
    """Whether the container gets a mount namespace of its own."""
    return spec.namespaces().get("mount") == ""


def opens_early(host: Host) -> bool:
    """Whether trees can be cloned with the host's privileges, before init has only its own."""
    return host.can("CAP_SYS_ADMIN") and (host.at_least(5, 12) or host.kernel == (0, 0))


def userns(slots: Slots) -> int:
    """The slot of the container's own new user namespace, for idmapped mounts; empty until its maps are written (ShowIdmapped)."""
    return slots.new("userns")


def shows_idmapped(spec: Spec, host: Host) -> bool:
    """Whether root and sources are to be shown idmapped, and this user may do it."""
    return spec.run.idmap and opens_early(host) and host.privileged and id_maps(spec, host) is not None


def _idmapped(spec: Spec, host: Host, slots: Slots) -> int:
    """The slot of the namespace for the root's idmap, 0 for none."""
    if not shows_idmapped(spec, host):
        return 0
    kind = host.root.type
    if kind and kind not in host.idmap:
        spec.warn(
            f"the root's file system ({kind}) cannot be shown idmapped: its files belong to nobody in the container, "
            "and what others may not write cannot be written",
            "/root/path",
        )
        return 0
    return userns(slots)


def _refuse_mounts(spec: Spec) -> None:
    """Without a mount namespace of its own a container can have no mounts; in a joined one they are there already."""
    joined = bool(spec.namespaces().get("mount"))
    for pointer, rows in (
        ("/mounts", spec.config["mounts"]),
        ("/linux/maskedPaths", spec.config["linux"].get("maskedPaths")),
        ("/linux/readonlyPaths", spec.config["linux"].get("readonlyPaths")),
    ):
        if rows and joined:
            spec.warn(f"{pointer.rpartition('/')[2]} are left out: the mount namespace is joined, and has its own", pointer)
        elif rows:
            raise ManifestError(
                f"{pointer.rpartition('/')[2]} need a mount namespace",
                place=spec.origins.place(pointer),
                remedy='add {"type": "mount"} to linux.namespaces',
            )


def _words(error: str) -> str:
    import errno  # only for a failure
    import os

    return os.strerror(getattr(errno, error, 0)) if error else "it is not there"
