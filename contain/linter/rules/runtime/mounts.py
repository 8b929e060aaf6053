"""RUN1: mounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.fix import Fix
from contain.linter.limits import FINDINGS
from contain.linter.names import MOUNT_FLAGS, MOUNT_OPPOSITES, PROPAGATIONS
from contain.linter.near import nearest
from contain.linter.reading import has_namespace
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import for_linux, mounts, no_mount_has, no_option_of, normal, only_options_of, places

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str] | tuple[str, str, Fix | str]]

_BINDS = frozenset(("bind", "rbind"))
_NO_TYPE = _BINDS | {"remount"}
_IDMAPS = frozenset(("idmap", "ridmap"))
_FLAGS = frozenset(MOUNT_FLAGS)
#: at least one option of every pair that excludes each other, and the rare one of those that engines write
_TELLING = frozenset(name for name in MOUNT_OPPOSITES if not name.startswith(("no", "rno")) and name not in ("ro", "rro")) | set(
    PROPAGATIONS
)


def options(mount: Any) -> list[str]:
    """The options of a mount that can be read."""
    return [text for text in mount.get("options") or () if text is not None]


def is_bind(mount: Any) -> bool:
    """Whether a mount is a bind mount, by type or option."""
    return mount.get("type") == "bind" or not _BINDS.isdisjoint(mount.get("options") or ())


@rule
@about("mounts")
def empty_destination(config: Any) -> Found:
    """RUN102 mount-destination-missing: a mount says where it appears.

    An empty destination is none.

    section: config.md / Mounts
    blocking: yes
    rows: RC08
    bad: {"mounts": [{"type": "tmpfs"}]}
    bad: {"mounts": [{"destination": "", "type": "tmpfs"}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs"}]}
    """
    for pointer, mount in mounts(config):
        if mount.get("destination") == "":
            yield f"{pointer}/destination", "the destination is empty"


@rule
@about("mounts")
def relative_destination(config: Any) -> Found:
    """RUN103 relative-destination: on Linux a mount's destination is absolute.

    Since version 1.1 a relative one is read from `/`; older runtimes refuse it.

    section: config.md / Mounts
    severity: warning
    rows: RC09
    bad: {"mounts": [{"destination": "data", "type": "tmpfs", "source": "tmpfs"}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}]}
    """
    if for_linux(config):
        for pointer, mount in mounts(config):
            destination = mount.get("destination")
            if destination and not destination.startswith("/"):
                fix = Fix(f"write /{destination}", replace=(f"{pointer}/destination", f"/{destination}"))
                yield f"{pointer}/destination", f"the destination {destination[:60]!r} is not absolute", fix


@rule
@about("mounts")
def bind_source(config: Any) -> Found:
    """RUN106 bind-source: a bind mount says what it shows.

    Without a source there is nothing to bind; runtimes fail late and in the kernel's words.

    section: config.md / Mounts
    blocking: yes
    rows: RC12
    bad: {"mounts": [{"destination": "/data", "type": "bind", "options": ["rbind"]}]}
    good: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind"]}]}
    """
    for pointer, mount in mounts(config):
        if is_bind(mount) and not mount.get("source"):
            yield pointer, "a bind mount needs a source"


@rule
@about("mounts")
def path_without_bind(config: Any) -> Found:
    """RUN107 path-without-bind: a mount of a path has the option bind or rbind.

    A type `bind` alone makes no bind mount: runc hands it to the kernel, which refuses it.

    section: config.md / Mounts
    severity: warning
    rows: RC13
    bad: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["ro"]}]}
    good: {"mounts": [{"destination": "/data", "type": "none", "source": "/srv/data", "options": ["rbind", "ro"]}]}
    """
    if "linux" not in config and "windows" in config:
        return
    for pointer, mount in mounts(config):
        source = mount.get("source") or ""
        if mount.get("type") == "bind" and source.startswith(("/", ".")) and _BINDS.isdisjoint(mount.get("options") or ()):
            yield f"{pointer}/options", f"{source[:60]} is shown by a bind mount, which needs the option bind or rbind"


@rule
@about("mounts")
def no_type(config: Any) -> Found:
    """RUN117 mount-without-type: a mount that is no bind mount has a type.

    The kernel knows no file system without a name.

    section: config.md / Mounts
    blocking: yes
    rows: RC13
    bad: {"mounts": [{"destination": "/data", "source": "/srv/data", "options": ["ro"]}]}
    good: {"mounts": [{"destination": "/data", "source": "/srv/data", "options": ["rbind", "ro"]}]}
    """
    if not for_linux(config):
        return
    for pointer, mount in mounts(config):
        if mount.get("type") in (None, "", "none") and _NO_TYPE.isdisjoint(mount.get("options") or ()):
            yield f"{pointer}/type", "a mount has a type, or the option bind or rbind"


@rule
@about("mounts")
def unknown_option(config: Any) -> Found:
    """RUN108 unknown-mount-option: an option is known to the runtime, or meant for the file system.

    What runtimes do not know they hand to the file system as data. For a bind mount there is none, so it is lost or refused; for others a near
    miss is
    told.

    section: config.md / Linux mount options
    severity: warning
    rows: RC14
    bad: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["nosiud"]}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=64m"]}]}
    """
    if "windows" in config and "linux" not in config:
        return
    if only_options_of(config, _FLAGS):
        return
    for pointer, mount in mounts(config):
        if _FLAGS.issuperset(mount.get("options") or ()):
            continue
        bind = is_bind(mount)
        for index, text in enumerate(mount.get("options") or ()):
            if text is None or text in _FLAGS or text.startswith("x-"):
                continue
            here = f"{pointer}/options/{index}"
            near = nearest(text, MOUNT_FLAGS) if "=" not in text and index < FINDINGS else ""  # it takes long
            if near:
                yield here, f"the mount option {text!r} is unknown; did you mean {near}?", Fix(f"write {near}", replace=(here, near))
            elif bind:
                yield here, f"the mount option {text[:60]!r} is data for a file system, which a bind mount does not have"


@rule
@about("mounts")
def opposite_options(config: Any) -> Found:
    """RUN109 opposite-options: no option of a mount undoes another.

    The last one wins in most runtimes, but not in all, and none says so.

    section: config.md / Linux mount options
    severity: warning
    rows: RC15
    bad: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "rw"]}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}]}
    """
    if no_option_of(config, _TELLING):
        return
    for pointer, mount in mounts(config):
        if _TELLING.isdisjoint(mount.get("options") or ()):
            continue
        seen: dict[str, str] = {}
        modes: list[str] = []
        for index, text in enumerate(mount.get("options") or ()):
            other = MOUNT_OPPOSITES.get(text)
            if other in seen:
                yield f"{pointer}/options/{index}", f"the mount options {other} and {text} exclude each other"
            if text in PROPAGATIONS:
                if modes and text not in modes:
                    yield f"{pointer}/options/{index}", f"the propagations {modes[-1]} and {text} exclude each other"
                modes.append(text)
            if text is not None:
                seen[text] = pointer


@rule
@about("mounts")
def mapping_pair(config: Any) -> Found:
    """RUN110 mount-mapping-pair: uidMappings and gidMappings of a mount come together.

    An idmapped mount maps both kinds of ids.

    section: config.md / POSIX-platform mounts
    blocking: yes
    rows: RC16
    bad: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "idmap"], "uidMappings":
      [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    good: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "idmap"],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    """
    if no_mount_has(config, "uidMappings", "gidMappings"):
        return
    for pointer, mount in mounts(config):
        have, want = ("uidMappings", "gidMappings") if mount.get("uidMappings") else ("gidMappings", "uidMappings")
        if mount.get(have) and not mount.get(want):
            yield f"{pointer}/{have}", f"{want} is missing beside {have}"


@rule
@about("mounts")
def mapping_option(config: Any) -> Found:
    """RUN111 mount-mapping-option: a mount with mappings has the option idmap or ridmap.

    It says whether mounts below are mapped too; without it runtimes guess.

    section: config.md / POSIX-platform mounts
    severity: warning
    rows: RC17
    bad: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind"], "uidMappings":
      [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    good: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "ridmap"],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    """
    if no_mount_has(config, "uidMappings"):
        return
    for pointer, mount in mounts(config):
        if mount.get("uidMappings") and mount.get("gidMappings") and _IDMAPS.isdisjoint(mount.get("options") or ()):
            yield f"{pointer}/options", "a mount with mappings should have the option idmap or ridmap"


@rule
@about("mounts")
def idmap_namespace(config: Any) -> Found:
    """RUN112 idmap-without-mapping: idmap without mappings comes with a user namespace.

    Its mappings are those of the container's user namespace; without one there are none.

    section: config.md / Linux mount options
    blocking: yes
    rows: RC18
    bad: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "idmap"]}]}
    good: {"mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind"]}]}
    """
    if no_option_of(config, _IDMAPS):
        return
    for pointer, mount in mounts(config):
        mapped = not _IDMAPS.isdisjoint(mount.get("options") or ())
        if mapped and "uidMappings" not in mount and "gidMappings" not in mount and not has_namespace(config, "user"):
            yield f"{pointer}/options", "idmap needs mappings, of the mount or of a user namespace of the container"


def _covered(place: str, index: int, last: dict[str, int]) -> bool:
    """Whether a mount above the place comes after this one."""
    if last.get("/", -1) > index:
        return True
    end = place.rfind("/")
    while end > 0:
        if last.get(place[:end], -1) > index:
            return True
        end = place.rfind("/", 0, end)
    return False


@rule
@about("mounts")
def hidden_mount(config: Any) -> Found:
    """RUN113 hidden-mount: no later mount covers an earlier one.

    Mounts are made in order, so a mount on /data hides one on /data/sub that was made before.

    section: config.md / Mounts
    severity: warning
    rows: RC19
    bad: {"mounts": [{"destination": "/data/sub", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/data", "type": "tmpfs", "source":
      "tmpfs"}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/data/sub", "type": "tmpfs", "source":
      "tmpfs"}]}
    """
    if "windows" in config and "linux" not in config:
        return
    rows = list(places(config))
    last = {place: index for index, (_, _, place) in enumerate(rows)}
    for index, (pointer, _, place) in enumerate(rows):
        if not _covered(place, index, last):
            continue
        for later, _, over in rows[index + 1 :]:
            if place.startswith(over.rstrip("/") + "/") and place != over:
                yield f"{pointer}/destination", f"{place} is hidden by the later mount on {over} ({later})"
                break


@rule
@about("mounts")
def repeated_mount(config: Any) -> Found:
    """RUN114 repeated-mount: no two mounts have the same destination.

    The later one hides the earlier one.

    section: config.md / Mounts
    severity: warning
    rows: RC20
    bad: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/data/", "type": "tmpfs", "source": "tmpfs"}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/more", "type": "tmpfs", "source": "tmpfs"}]}
    """
    seen: dict[str, Any] = {}
    for pointer, mount, place in places(config):
        if place in seen:
            same = seen[place] == mount
            fix: Fix | str = Fix("remove it", remove=pointer) if same else ""
            yield f"{pointer}/destination", f"{place} has a mount already{', the same one' if same else ', which this one hides'}", fix
        seen[place] = mount


@rule
@about("mounts")
def over_root(config: Any) -> Found:
    """RUN115 mount-over-root: no mount has the destination `/`.

    It would hide the root file system, or be refused.

    section: config.md / Mounts
    severity: warning
    rows: RC19
    bad: {"mounts": [{"destination": "/", "type": "tmpfs", "source": "tmpfs"}]}
    good: {"mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}]}
    """
    if "windows" in config and "linux" not in config:
        return
    for pointer, mount in mounts(config):
        if mount.get("destination") is not None and normal(mount["destination"]) in ("/", "//"):
            yield f"{pointer}/destination", "a mount on / hides the root file system"


@rule
@about("mounts")
def idmap_without_bind(config: Any) -> Found:
    """RUN116 idmap-without-bind: an idmapped mount is a bind mount.

    runc and the kernel's file systems refuse mappings on others.

    section: config.md / POSIX-platform mounts
    blocking: yes
    rows: RC17
    bad: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["idmap"], "uidMappings":
      [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    good: {"ociVersion": "1.1.0", "mounts": [{"destination": "/data", "type": "bind", "source": "/srv", "options": ["bind", "idmap"],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]}
    """
    if no_mount_has(config, "uidMappings", "gidMappings"):
        return
    for pointer, mount in mounts(config):
        mapped = mount.get("uidMappings") or mount.get("gidMappings")
        if mapped and mount.get("type") not in (None, "", "bind", "none") and not is_bind(mount):
            place = f"{pointer}/{'uidMappings' if mount.get('uidMappings') else 'gidMappings'}"
            yield place, f"only bind mounts can be idmapped, not {mount['type']}"
