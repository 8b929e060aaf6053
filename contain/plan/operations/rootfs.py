"""Operations of the family rootfs: opening the container's root, making it the root of init, and its last touches."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation

_PROPAGATION = {1 << 17: "unbindable", 1 << 18: "private", 1 << 19: "slave", 1 << 20: "shared"}


def propagation_words(propagation: int, *, recursive: bool) -> str:
    """`rslave` and the like; "" for none."""
    return ("r" if recursive else "") + _PROPAGATION[propagation] if propagation else ""


class IsolateMounts(Operation):
    """Makes all mounts of the new namespace private or slave, so that nothing that follows reaches the host."""

    stage: int = at.ENTER
    propagation: int

    def describe(self) -> str:
        """See the base."""
        return f"make the mounts of the namespace {propagation_words(self.propagation, recursive=True)}"


class OpenRoot(Operation):
    """Clones the tree at `path` into slot ROOT while the host's privileges are there; shown idmapped by the namespace in `userns` (0: no)."""

    remedies = {
        "ENOENT": "correct the path of the root",
        "ENOTDIR": "the root must be a folder",
        "EINVAL": "the file system of the root cannot be shown idmapped: run with --userns host, or with ids that own the files",
    }

    stage: int = at.OPEN
    path: str
    propagation: int
    recursive: bool = True
    userns: int = 0

    def describe(self) -> str:
        """See the base."""
        return f"open the root {self.path}" + (" idmapped" if self.userns else "")


class AttachRoot(Operation):
    """Attaches the tree in slot ROOT, or opens it now at `path`, over the root of init; slot HOST_ROOT keeps the host's."""

    remedies = {
        "ENOENT": "correct the path of the root",
        "EACCES": "the user who runs the container must be able to reach the root",
        "ENOTDIR": "the root must be a folder",
    }

    stage: int = at.PREPARE
    path: str
    propagation: int
    recursive: bool = True

    def describe(self) -> str:
        """See the base."""
        return f"attach the root {self.path}"


class MakeRoot(Operation):
    """Makes a small root in memory into slot ROOT: the host view's, in which the host's folders are shown."""

    stage: int = at.PREPARE

    def describe(self) -> str:
        """See the base."""
        return "make a root in memory"


class EnterRoot(Operation):
    """Makes slot ROOT the root of init by chroot alone: a container that shares the mount namespace."""

    remedies = {"ENOENT": "correct root.path, or make the root file system", "EPERM": "chroot needs CAP_SYS_CHROOT: run as root"}

    stage: int = at.PIVOT
    path: str

    def describe(self) -> str:
        """See the base."""
        return f"enter the root {self.path} without a mount namespace"


class PivotRoot(Operation):
    """Makes slot ROOT the root of the namespace and lets go of the host's; without pivot_root by chroot, the host's /proc and /sys gone."""

    remedies = {
        "EINVAL": "the host's root is no mount that can be pivoted (an initramfs, a chroot): use --no-pivot",
        "EBUSY": "the root is the host's own",
    }

    stage: int = at.PIVOT
    pivot: bool = True

    def describe(self) -> str:
        """See the base."""
        return "change the root" + ("" if self.pivot else " without pivot_root")


class SetRootPropagation(Operation):
    """Sets how the container's root propagates, once the host's is gone; mounts below keep what they were given."""

    stage: int = at.PIVOT
    propagation: int

    def describe(self) -> str:
        """See the base."""
        return f"make the root {propagation_words(self.propagation, recursive=False)}"


class SetRootReadonly(Operation):
    """Makes the root itself read-only; what is mounted below keeps its own way."""

    stage: int = at.PIVOT

    def describe(self) -> str:
        """See the base."""
        return "make the root read-only"


class OpenProc(Operation):
    """Keeps in slot PROC a procfs that is one, with nothing mounted over it: a new one where allowed, else the container's, verified."""

    stage: int = at.PREPARE

    def describe(self) -> str:
        """See the base."""
        return "open a verified procfs"
