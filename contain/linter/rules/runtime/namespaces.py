"""RUN4: namespaces, mappings, time offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, entries, get, has_namespace, namespace
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import for_linux, mounts, no_mount_has

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_MAPS = ("uidMappings", "gidMappings")
#: of an id map, in the kernel
_LINES = 340


@rule
def default_filesystems(config: Any) -> Found:
    """RUN408 default-filesystems: /proc, /sys, /dev/pts and /dev/shm are mounted.

    Programs expect them on Linux.

    section: config-linux.md / Default Filesystems
    severity: warning
    rows: RL01
    bad: {"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}]}
    good: {}
    """
    if "linux" not in config:
        return
    places, dev = set(), False
    for _, mount in mounts(config):
        place = (mount.get("destination") or "").rstrip("/")
        places.add(place)
        dev = dev or (place == "/dev" and mount.get("type") != "tmpfs")
    missing = [name for name in ("/proc", "/sys", "/dev/pts", "/dev/shm") if name not in places and not (dev and name.startswith("/dev/"))]
    if missing:
        yield "/mounts", f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not mounted, which programs expect on Linux"


@rule
@about("linux/namespaces")
def namespace_twice(config: Any) -> Found:
    """RUN409 namespace-twice: a namespace type is given once.

    section: config-linux.md / Namespaces
    blocking: yes
    rows: RL03
    bad: {"linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "pid"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}}
    """
    seen: set[str] = set()
    for pointer, item in each(config, "linux", "namespaces"):
        kind = item.get("type")
        if kind in seen:
            yield pointer, f"the namespace {kind} is given twice"
        seen.add(kind or "")


@rule
@about("linux/namespaces")
def namespace_path(config: Any) -> Found:
    """RUN410 namespace-path-relative: the path of a namespace is absolute.

    section: config-linux.md / Namespaces
    blocking: yes
    rows: RL04
    bad: {"linux": {"namespaces": [{"type": "mount"}, {"type": "network", "path": "ns/net"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "network", "path": "/run/netns/box"}]}}
    """
    for pointer, item in each(config, "linux", "namespaces"):
        path = item.get("path")
        if path and not path.startswith("/"):
            yield f"{pointer}/path", f"the path {path[:60]!r} of a namespace is not absolute"


def _maps(config: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Pointer and lines of each id map: the container's, and those of mounts."""
    for name in _MAPS:
        yield f"/linux/{name}", list(each(config, "linux", name))
    if no_mount_has(config, *_MAPS):
        return
    for pointer, mount in mounts(config):
        for name in _MAPS:
            yield f"{pointer}/{name}", [(f"{pointer}{place}", item) for place, item in each(mount, name)]


@rule
@about("linux/uidMappings", "linux/gidMappings", "mounts")
def overlapping_mappings(config: Any) -> Found:
    """RUN412 mapping-overlap: ranges of id mappings do not overlap, and end at 2^32 - 1.

    The kernel refuses others, on either side.

    section: config-linux.md / User namespace mappings
    blocking: yes
    rows: RL07
    reference: user_namespaces(7)
    bad: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10},
      {"containerID": 5, "hostID": 3000, "size": 10}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}]}}
    good: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10},
      {"containerID": 10, "hostID": 3000, "size": 10}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}]}}
    """
    for _, items in _maps(config):
        if len(items) > _LINES:
            continue  # which is refused as it is
        rows = [(pointer, item) for pointer, item in items if {"containerID", "hostID", "size"} <= item.keys()]
        for side in ("containerID", "hostID"):
            for index, (pointer, item) in enumerate(rows):
                start, end = item[side], item[side] + item["size"]
                if end > 2**32 - 1:
                    yield f"{pointer}/size", f"the range from {start} of {item['size']} ids goes beyond the last id"
                if any(start < other[side] + other["size"] and other[side] < end for _, other in rows[:index]):
                    yield pointer, f"the range from {start} of {item['size']} ids overlaps another one"


@rule
@about("linux/uidMappings", "linux/gidMappings", "mounts")
def mapping_count(config: Any) -> Found:
    """RUN413 mapping-count: an id map has at most 340 ranges, none of them empty.

    The kernel takes no more (five before 4.15), and no range of size 0.

    section: config-linux.md / User namespace mappings
    blocking: yes
    rows: RL07
    reference: user_namespaces(7)
    bad: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 0}],
      "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    good: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
      "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    """
    for place, items in _maps(config):
        if len(items) > _LINES:
            yield place, f"{place.rpartition('/')[2]} has more than the {_LINES} ranges that the kernel takes"
            continue
        for pointer, item in items:
            if item.get("size") == 0:
                yield f"{pointer}/size", "a range of size 0 maps nothing, and the kernel refuses it"


@rule
@about("linux/uidMappings", "linux/gidMappings")
def mappings_without_namespace(config: Any) -> Found:
    """RUN414 mappings-without-namespace: id mappings come with a user namespace.

    runc refuses others.

    section: config-linux.md / User namespace mappings
    blocking: yes
    rows: RL08
    bad: {"linux": {"namespaces": [{"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}]}}
    """
    if not has_namespace(config, "user"):
        found = [name for name in _MAPS if get(config, "linux", name)]
        if found:
            yield f"/linux/{found[0]}", f"{' and '.join(found)} need a user namespace of the container"


@rule
def namespace_without_mappings(config: Any) -> Found:
    """RUN415 namespace-without-mappings: a new user namespace has mappings of both kinds.

    Without them no process of it could have an id.

    section: config-linux.md / User namespace mappings
    blocking: yes
    rows: RL08
    bad: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}]}}
    good: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
      "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    """
    if not has_namespace(config, "user"):
        return
    user = namespace(config, "user")
    if user is not None and not user[1].get("path"):
        missing = [name for name in _MAPS if not get(config, "linux", name)]
        if missing:
            yield user[0], f"a new user namespace needs {' and '.join(missing)}"


@rule
@about("linux/timeOffsets")
def offsets_without_namespace(config: Any) -> Found:
    """RUN416 time-offsets-namespace: time offsets come with a new time namespace.

    section: config-linux.md / Offset for Time Namespace
    blocking: yes
    rows: RL09
    bad: {"ociVersion": "1.1.0", "linux": {"timeOffsets": {"boottime": {"secs": 60}}}}
    good: {"ociVersion": "1.1.0", "linux": {"namespaces": [{"type": "time"}, {"type": "mount"}], "timeOffsets": {"boottime": {"secs": 60}}}}
    """
    if get(config, "linux", "timeOffsets"):
        time = namespace(config, "time")
        if not has_namespace(config, "time"):
            yield "/linux/timeOffsets", "timeOffsets needs a time namespace of the container"
        elif time is not None and time[1].get("path"):
            yield "/linux/timeOffsets", "timeOffsets does not go with a time namespace that is joined"


@rule
@about("linux/timeOffsets")
def offset_range(config: Any) -> Found:
    """RUN417 time-offset-range: nanoseconds of a time offset are below one second.

    section: config-linux.md / Offset for Time Namespace
    blocking: yes
    rows: RL09
    bad: {"ociVersion": "1.1.0", "linux": {"namespaces": [{"type": "time"}, {"type": "mount"}], "timeOffsets": {"boottime": {"nanosecs":
      1000000000}}}}
    good: {"ociVersion": "1.1.0", "linux": {"namespaces": [{"type": "time"}, {"type": "mount"}], "timeOffsets": {"boottime": {"nanosecs":
      999999999}}}}
    """
    for pointer, _, offset in entries(config, "linux", "timeOffsets"):
        if (get(offset, "nanosecs") or 0) >= 10**9:
            yield f"{pointer}/nanosecs", "nanosecs must be below 1000000000"


@rule
@about("mounts")
def mounts_namespace(config: Any) -> Found:
    """RUN118 mounts-namespace: mounts come with a mount namespace of the container.

    Without one they would be the host's: contain refuses the document, runc makes none of them.

    section: config-linux.md / Namespaces
    blocking: yes
    rows: RL02
    bad: {"linux": {"namespaces": [{"type": "pid"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}]}}
    """
    if for_linux(config) and config.get("mounts") and not has_namespace(config, "mount"):
        yield "/mounts", "mounts need a mount namespace of the container: they would be the host's"


@rule
@about("linux/maskedPaths", "linux/readonlyPaths")
def mount_namespace(config: Any) -> Found:
    """RUN418 mount-namespace: masked and read-only paths come with a mount namespace of the container.

    Without one the host's own paths would be covered; runc refuses it.

    section: config-linux.md / Masked Paths
    blocking: yes
    rows: RL63
    bad: {"linux": {"namespaces": [{"type": "pid"}], "maskedPaths": ["/proc/kcore"]}}
    good: {"linux": {"namespaces": [{"type": "mount"}], "maskedPaths": ["/proc/kcore"]}}
    """
    if "linux" in config and not has_namespace(config, "mount"):
        for name in ("maskedPaths", "readonlyPaths"):
            if get(config, "linux", name):
                yield f"/linux/{name}", f"{name} need a mount namespace of the container: they would cover the host's paths"
