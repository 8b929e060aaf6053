"""The root and the mounts."""

from __future__ import annotations

from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec

_OPPOSITES = (("ro", "rw"), ("rro", "rrw"), ("exec", "noexec"), ("suid", "nosuid"), ("dev", "nodev"))
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")


def root(spec: Spec) -> Iterator[Finding]:
    """There is a root file system, and pivoting it is safe."""
    if not spec.config["root"]["path"] and not spec.run.host_view:
        yield Finding("RUN005", "/root", "there is no root file system", 'add "root": {"path": "rootfs"}')
    if "\0" in spec.config["root"]["path"]:
        yield Finding("DOC008", "/root/path", "contains a NUL byte", "remove it: the kernel ends a text there")
    if spec.run.no_pivot and spec.config["linux"].get("rootfsPropagation") in ("private", "rprivate"):
        yield Finding(
            "RUN720", "/linux/rootfsPropagation", "private is not safe without pivot_root", "drop --no-pivot, or remove rootfsPropagation"
        )


def mounts(spec: Spec) -> Iterator[Finding]:
    """Each mount by itself."""
    if spec.config["mounts"] and "mount" not in spec.namespaces():
        yield Finding("RUN118", "/mounts", "mounts need a mount namespace", 'add {"type": "mount"} to linux.namespaces')
    for index, row in enumerate(spec.config["mounts"]):
        pointer, options = f"/mounts/{index}", row["options"]
        for key in ("destination", "source", "type"):
            if "\0" in row.get(key, ""):
                yield Finding("DOC008", f"{pointer}/{key}", "contains a NUL byte", "remove it: the kernel ends a text there")
        if not row["destination"]:
            yield Finding("RUN102", f"{pointer}/destination", "the destination is empty", "write where the mount shall appear")
        elif not row["destination"].startswith("/"):
            yield Finding("RUN103", f"{pointer}/destination", f"{row['destination']} is not absolute and is taken from /", "", error=False)
        is_bind = row.get("type") == "bind" or "bind" in options or "rbind" in options
        if row.get("type", "") in ("", "none") and not is_bind and "remount" not in options:
            yield Finding(
                "RUN117", f"{pointer}/type", f"the mount of {row['destination']} has no type", "give it, or the option bind or rbind"
            )
        if is_bind and not row.get("source"):
            yield Finding("RUN106", pointer, "a bind mount without source", "add the file or folder to show")
        for one, other in _OPPOSITES:
            if one in options and other in options:
                at = max(options.index(one), options.index(other))
                yield Finding("RUN109", f"{pointer}/options/{at}", f"{one} and {other} at once: the later one counts", "", error=False)
        modes = [option for option in options if option in _PROPAGATION]
        if len({mode.removeprefix("r") for mode in modes}) > 1:
            yield Finding(
                "RUN109", f"{pointer}/options/{options.index(modes[-1])}", f"two propagations: {' and '.join(modes)}", "keep one of them"
            )
        yield from _ids(spec, pointer, index, is_bind=is_bind)


def _ids(spec: Spec, pointer: str, index: int, *, is_bind: bool) -> Iterator[Finding]:
    """Idmapped mounts, and owners given as options of a file system."""
    row = spec.config["mounts"][index]
    given = [key for key in ("uidMappings", "gidMappings") if row.get(key)]
    wants = [option for option in row["options"] if option in ("idmap", "ridmap")]
    if given and not is_bind and row.get("type", "") not in ("", "none"):
        yield Finding("RUN116", f"{pointer}/{given[0]}", "only a bind mount can be idmapped", "remove the mappings, or mount with bind")
    if len(given) == 1:
        yield Finding("RUN110", f"{pointer}/{given[0]}", f"{given[0]} without its twin", "write both uidMappings and gidMappings")
    if wants and not given and "user" not in spec.namespaces():
        yield Finding(
            "RUN112",
            f"{pointer}/options",
            f"{wants[0]} without mappings needs a user namespace",
            "write uidMappings and gidMappings of the mount",
        )
    if given or any(option.startswith(("uid=", "gid=")) for option in row["options"]):
        yield from _mapped(spec, pointer, index, given)


def _mapped(spec: Spec, pointer: str, index: int, given: list[str]) -> Iterator[Finding]:
    """The maps that a mount brings along, and owners that must be in the container's."""
    from contain.spec.semantics.mappings import is_mapped, map_lines

    row, linux = spec.config["mounts"][index], spec.config["linux"]
    for key in given:
        yield from map_lines(f"{pointer}/{key}", row[key])
    for number, option in enumerate(row["options"]):
        kind, _, value = option.partition("=")
        rows = linux.get(f"{kind}Mappings") if kind in ("uid", "gid") and "user" in spec.namespaces() else None
        if rows and value.isdecimal() and not is_mapped(rows, int(value[:20])):
            yield Finding(
                "RUN227",
                f"{pointer}/options/{number}",
                f"{kind} {value[:20]} is not mapped",
                f"add a range to linux.{kind}Mappings that holds {value[:20]}",
            )


RULES = (root, mounts)
