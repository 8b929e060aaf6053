"""Operations of the family mounts: sources by descriptor, every kind of mount, masked and read-only paths."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation
from contain.plan.operations.rootfs import propagation_words

#: MOUNT_ATTR_* bit → option
_ATTRIBUTES = {
    0x1: "ro",
    0x2: "nosuid",
    0x4: "nodev",
    0x8: "noexec",
    0x10: "noatime",
    0x20: "strictatime",
    0x80: "nodiratime",
    0x200000: "nosymfollow",
}
_CLEARED = {0x1: "rw", 0x2: "suid", 0x4: "dev", 0x8: "exec", 0x80: "diratime", 0x200000: "symfollow"}
_TARGET_REMEDIES = {
    "ENOENT": "create the target in the root, or remove the mount",
    "ENOTDIR": "mount a file on a file and a folder on a folder",
    "EROFS": "create the target in the root: it cannot be made in a read-only file system",
    "EACCES": "create the target in the root: its folder belongs to another user",
    "EOVERFLOW": "create the target in the root: its folder belongs to a user who is not mapped",
    "ELOOP": "no symbolic link may stand where this is mounted",
}


def attribute_words(attr_set: int, attr_clear: int) -> list[str]:
    """The options that stand for these MOUNT_ATTR_* bits."""
    words = [name for bit, name in _ATTRIBUTES.items() if attr_set & bit]
    return words + [name for bit, name in _CLEARED.items() if attr_clear & bit and not attr_set & bit]


class OpenUserns(Operation):
    """Makes a user namespace with these maps for idmapped mounts, held by its descriptor alone."""

    stage: int = at.OPEN
    uid_lines: str
    gid_lines: str
    slot: int

    def describe(self) -> str:
        """See the base."""
        lines = ", ".join(self.uid_lines.strip().split("\n"))
        return f"make a user namespace for idmapped mounts: {lines}"


class OpenSource(Operation):
    """Clones the source of a bind mount into `slot` while the host's privileges are there.

    `shared` keeps its propagation with the host. `userns` shows it idmapped; `idmap_recursive` with everything below.
    """

    remedies = {
        "ENOENT": "create the source on the host, or remove the mount",
        "EINVAL": "this file system cannot be shown idmapped: remove the option idmap",
    }

    stage: int = at.OPEN
    path: str
    slot: int
    recursive: bool
    shared: bool = False
    userns: int = 0
    idmap_recursive: bool = False
    optional_idmap: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"open {self.path}" + (" idmapped" if self.userns else "")


class ShowIdmapped(Operation):
    """Shows the clone in slot `tree` idmapped by the container's own user namespace, whose maps are written by now; slot `userns` keeps it.

    `path` is for words. No second namespace has to be made for it, which costs a process and 0.2 ms.
    """

    remedies = {"EINVAL": "this file system cannot be shown idmapped: run with --userns host, or remove the option idmap"}

    stage: int = at.MAP
    path: str
    tree: int
    userns: int
    recursive: bool = False
    optional: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"show {self.path} idmapped by the container's user namespace"


class _Mount(Operation):
    """What all mounts have: where, which attributes for the mount itself and for all below, and how it propagates."""

    stage: int = at.PREPARE
    target: str
    attr_set: int = 0
    attr_clear: int = 0
    recursive_set: int = 0
    recursive_clear: int = 0
    propagation: int = 0
    propagation_recursive: bool = False

    def details(self) -> str:
        """The options in parentheses, or nothing."""
        words = attribute_words(self.attr_set, self.attr_clear) + [
            "r" + word for word in attribute_words(self.recursive_set, self.recursive_clear)
        ]
        words += [propagation_words(self.propagation, recursive=self.propagation_recursive)] if self.propagation else []
        return f" ({', '.join(words)})" if words else ""


class BindMount(_Mount):
    """Shows a file or folder of the host, from `slot` or opened now at `source`, on `target` inside the root."""

    remedies = {
        **_TARGET_REMEDIES,
        "ENOENT": "create what is missing, the source on the host or the target's folder in the root, or remove the mount",
        "EINVAL": "something is mounted below the source, which may not be hidden: use rbind",
        "EPERM": "the host has locked a flag of the source: it cannot be cleared here",
    }

    source: str
    slot: int = 0
    recursive: bool = False
    masked: list[str] = []  # sockets below the source that must not be reachable

    def describe(self) -> str:
        """See the base."""
        return f"mount {self.source} on {self.target}{self.details()}"

    def words(self) -> str:
        """See the base."""
        return f"cannot mount {self.source} on {self.target}"


class MountFilesystem(_Mount):
    """Mounts a new file system of `type` on `target`; `options` are its own (`size=1m`).

    `fallback` is a folder of the host shown in its place when the kernel refuses; `copy_up` copies into it what it hides; an
    `optional` one only hides: where its target is not there, nothing is to be done.
    """

    remedies = {
        **_TARGET_REMEDIES,
        "ENODEV": "this kernel does not know that file system: load its module, or correct the type",
        "EPERM": "this file system cannot be mounted in these namespaces: proc needs a pid namespace of its own, sysfs a network one, mqueue an ipc one",
        "EINVAL": "correct the options; ids in them must be mapped in the user namespace",
    }

    type: str
    source: str
    options: list[str]
    fallback: str = ""
    copy_up: bool = False
    optional: bool = False

    def describe(self) -> str:
        """See the base."""
        own = f" {','.join(self.options)}" if self.options else ""
        return f"mount {self.type} on {self.target}{self.details()}{own}" + (", with what it hides" if self.copy_up else "")

    def words(self) -> str:
        """See the base."""
        return f"cannot mount {self.type} on {self.target}"


class MountCgroups(_Mount):
    """Shows the container's own cgroups on `target`: one file system of v2, or a tmpfs with one folder for each hierarchy of v1.

    `views` holds four texts for each: name below the target ("" is the target itself), options ("" means cgroup2), the host's
    folder, the controller by which /proc/self/cgroup knows it. Without an own cgroup namespace (`own`) the folders of the host are
    bound, no more than our own part of them. `links` holds pairs: alias, name.
    """

    remedies = {**_TARGET_REMEDIES, "EPERM": "add a cgroup namespace, or remove the mount"}

    views: list[str]
    links: list[str]
    own: bool

    def describe(self) -> str:
        """See the base."""
        names = [name for name in self.views[::4] if name]
        return f"mount the own cgroups on {self.target}{self.details()}" + (f": {' '.join(names)}" if names else "")

    def words(self) -> str:
        """See the base."""
        return f"cannot mount cgroup on {self.target}"


class OverlayMount(_Mount):
    """Shows a folder of the host under a throw-away layer: it can be written in the container, and stays as it is on disk."""

    remedies = {
        **_TARGET_REMEDIES,
        "ENOENT": "create the source on the host, or remove the mount",
        "EINVAL": "this file system can be no lower folder of an overlay: show it read-only instead",
        "ENODEV": "load the module overlay",
    }

    source: str
    slot: int = 0
    layers: int
    name: str
    options: list[str]

    def describe(self) -> str:
        """See the base."""
        return f"show {self.source} on {self.target} under a throw-away layer{self.details()}"

    def words(self) -> str:
        """See the base."""
        return f"cannot show {self.source} on {self.target} under a throw-away layer"


class ShowFolder(Operation):
    """Shows a top-level folder of the host, read-only: through an overlay, so that no socket below can be connected to.

    Where no overlay can be had (`overlay` false, or the kernel refuses) a recursive read-only clone with the `sockets` (relative
    paths) hidden. `writable` lays a throw-away layer over it. `hidden` (relative paths) are not there at all in an overlay, so that no
    unmounting uncovers them; one that ends in / is an empty folder.
    """

    remedies = {"EINVAL": "this folder can be no lower folder of an overlay: run without --overlay"}

    stage: int = at.PREPARE
    path: str
    overlay: bool
    writable: bool
    layers: int
    sockets: list[str]
    options: list[str]
    hidden: list[str]

    def describe(self) -> str:
        """See the base."""
        how = "under a throw-away layer" if self.writable else "read-only"
        return f"show {self.path} {how}" + ("" if self.overlay else f" as a clone, {len(self.sockets)} sockets hidden")


class Remount(_Mount):
    """Changes the attributes of what is mounted on `target` already."""

    remedies = {"EPERM": "the host has locked a flag of this mount: it cannot be cleared here", "ENOENT": "mount it before it is changed"}

    def describe(self) -> str:
        """See the base."""
        return f"change the mount {self.target}{self.details()}"


class MaskPath(Operation):
    """Hides a path: a file behind the host's own /dev/null, a folder behind an empty read-only file system; what is not there needs nothing.

    A `lenient` one needs nothing either when the container's own root may not reach it.
    """

    stage: int = at.PIVOT
    path: str
    slot: int
    lenient: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"mask {self.path}"


class ReadonlyPath(Operation):
    """Makes a path read-only with all below; what is not there needs nothing."""

    stage: int = at.PIVOT
    path: str

    def describe(self) -> str:
        """See the base."""
        return f"make {self.path} read-only"
