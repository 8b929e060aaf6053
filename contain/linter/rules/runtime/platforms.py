"""RUN8: the sections of other platforms, and their mounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
@about("mounts")
def relative_destination_elsewhere(config: Any) -> Found:
    r"""RUN104 relative-destination-elsewhere: on other platforms a mount's destination is absolute.

    Only Linux knows what a relative one means.

    section: config.md / Mounts
    rows: RC10
    bad: {"linux": null, "freebsd": {}, "ociVersion": "1.3.0", "mounts": [{"destination": "data", "type": "tmpfs", "source": "tmpfs"}]}
    good: {"linux": null, "freebsd": {}, "ociVersion": "1.3.0", "mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}]}
    """
    if "linux" not in config and {"windows", "solaris", "zos", "freebsd"} & config.keys():
        for pointer, mount in mounts(config):
            destination = mount.get("destination")
            drive = "windows" in config and destination is not None and destination[1:3] in (":\\", ":/")
            if destination is not None and not destination.startswith(("/", "\\")) and not drive:
                yield f"{pointer}/destination", f"the destination {destination[:60]!r} is not absolute"


@rule
@about("windows")
def nested_on_windows(config: Any) -> Found:
    r"""RUN105 nested-on-windows: on Windows no destination lies inside another.

    Windows has no mounts below mounts.

    section: config.md / Mounts
    rows: RC11
    bad: {"linux": null, "windows": {"layerFolders": ["C:\\l"]}, "mounts": [{"destination": "C:\\a", "source": "C:\\x"}, {"destination":
      "C:\\a\\b", "source": "C:\\y"}]}
    good: {"linux": null, "windows": {"layerFolders": ["C:\\l"]}, "mounts": [{"destination": "C:\\a", "source": "C:\\x"}, {"destination": "C:\\b",
      "source": "C:\\y"}]}
    """
    if "windows" in config and "linux" not in config:
        places = [(pointer, (mount.get("destination") or "").replace("/", "\\").rstrip("\\").lower()) for pointer, mount in mounts(config)]
        for pointer, place in places:
            if any(place != other and place.startswith(other + "\\") for _, other in places if other):
                yield f"{pointer}/destination", "the destination lies inside another one"


@rule
@about("windows")
def windows_cpu(config: Any) -> Found:
    r"""RUN806 windows-cpu-exclusive: of count, shares and maximum a Windows container has one.

    Windows takes the first of them and ignores the rest.

    section: config-windows.md / CPU
    rows: RO04
    bad: {"linux": null, "windows": {"layerFolders": ["C:\\l"], "resources": {"cpu": {"count": 2, "maximum": 5000}}}}
    good: {"linux": null, "windows": {"layerFolders": ["C:\\l"], "resources": {"cpu": {"count": 2}}}}
    """
    cpu = get(config, "windows", "resources", "cpu") or {}
    names = [name for name in ("count", "shares", "maximum") if name in cpu]
    if len(names) > 1:
        yield f"/windows/resources/cpu/{names[1]}", f"{' and '.join(names)} exclude each other"


@rule
@about("vm")
def vm_paths(config: Any) -> Found:
    """RUN807 vm-path-relative: paths of vm are absolute.

    section: config-vm.md
    rows: RO06
    bad: {"vm": {"kernel": {"path": "vmlinux"}}}
    good: {"vm": {"kernel": {"path": "/boot/vmlinux", "initrd": "/boot/initrd"}}}
    """
    for where in (("hypervisor", "path"), ("kernel", "path"), ("kernel", "initrd"), ("image", "path")):
        path = get(config, "vm", *where)
        if path is not None and not path.startswith("/"):
            yield f"/vm/{'/'.join(where)}", f"vm.{'.'.join(where)}: {path[:60]!r} is not absolute"


@rule
@about("zos/namespaces")
def zos_namespaces(config: Any) -> Found:
    """RUN808 zos-namespaces: namespaces of z/OS have absolute paths and are given once.

    section: config-zos.md
    rows: RO09
    bad: {"ociVersion": "1.2.0", "linux": null, "zos": {"namespaces": [{"type": "pid"}, {"type": "pid"}]}}
    good: {"ociVersion": "1.2.0", "linux": null, "zos": {"namespaces": [{"type": "pid"}, {"type": "uts"}]}}
    """
    seen: set[str] = set()
    for pointer, item in each(config, "zos", "namespaces"):
        kind, path = item.get("type"), item.get("path")
        if kind in seen:
            yield f"{pointer}/type", f"the namespace {kind} is given twice"
        if path and not path.startswith("/"):
            yield f"{pointer}/path", f"the path {path[:60]!r} of a namespace is not absolute"
        seen.add(kind or "")


@rule
@about("windows")
def windows_affinity(config: Any) -> Found:
    r"""RUN810 windows-cpu-affinity: an entry of affinity has a mask and a group.

    section: config-windows.md / CPU
    rows: RO03
    bad: {"linux": null, "windows": {"layerFolders": ["C:\\l"], "resources": {"cpu": {"affinity": [{"mask": 3}]}}}}
    good: {"linux": null, "windows": {"layerFolders": ["C:\\l"], "resources": {"cpu": {"affinity": [{"mask": 3, "group": 0}]}}}}
    """
    for pointer, item in each(config, "windows", "resources", "cpu", "affinity"):
        for name in ("mask", "group"):
            if name not in item:
                yield f"{pointer}/{name}", f"{name} is missing"


@rule
@about("freebsd/devices")
def freebsd_devices(config: Any) -> Found:
    """RUN811 freebsd-device-path: a device of FreeBSD has a path.

    section: config-freebsd.md
    rows: RO10
    bad: {"ociVersion": "1.3.0", "linux": null, "freebsd": {"devices": [{"mode": 438}]}}
    good: {"ociVersion": "1.3.0", "linux": null, "freebsd": {"devices": [{"path": "fuse", "mode": 438}]}}
    """
    for pointer, item in each(config, "freebsd", "devices"):
        if not item.get("path"):
            yield f"{pointer}/path", "a device needs a path"


@rule
@about("solaris/anet")
def solaris_interface(config: Any) -> Found:
    """RUN812 solaris-link-name: an interface of Solaris has a link below it.

    section: config-solaris.md
    severity: warning
    rows: RO12
    bad: {"linux": null, "solaris": {"anet": [{"linkname": "net0"}]}}
    good: {"linux": null, "solaris": {"anet": [{"linkname": "net0", "lowerLink": "net2"}]}}
    """
    for pointer, item in each(config, "solaris", "anet"):
        if not item.get("lowerLink"):
            yield f"{pointer}/lowerLink", "lowerLink is missing: the interface hangs on nothing"
