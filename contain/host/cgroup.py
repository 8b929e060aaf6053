"""Which cgroups we can have here: the layout of hierarchies, where we are in them, and where we may make new ones."""

from __future__ import annotations

import posix

from contain import paths
from contain.host.model import CgroupLayout
from contain.kernel import cgroups
from contain.kernel.files import word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.kernel.mounts import Mount


def layout(mounts: list[Mount], own: dict[str, str], kernel: tuple[int, int] = (6, 0)) -> CgroupLayout:
    """From the mount table and our membership; looks into the mounted folders, changes nothing."""
    unified, v1, roots = cgroups.hierarchies(mounts)
    mode = {(False, False): "none", (True, False): "v2", (False, True): "v1", (True, True): "hybrid"}[bool(unified), bool(v1)]
    here = _here(unified, v1, roots, own)
    base = {name: folder for name, folder in here.items() if name and _may_make(folder)}
    usable = sorted(name for name in base if "=" not in name)
    if not unified:
        reason = "" if usable else _reason_v1(mode, here)
        return CgroupLayout(
            mode=mode,
            hierarchies=v1,
            own=own,
            here=here,
            base=base,
            controllers=usable,
            delegated=bool(usable),
            swap=_accounts_swap(v1),
            reason=reason,
        )
    folder, busy, reason = _base_v2(unified, here.get("", ""))
    available = enabled = []
    real_root = False
    if folder:
        base[""] = folder
        available, enabled = cgroups.controllers(folder), cgroups.enabled(folder)
        real_root = is_real_root(folder)
        can_enable = not busy and posix.access(f"{folder}/cgroup.subtree_control", posix.W_OK, effective_ids=True)
        usable = sorted({*usable, *(available if can_enable else (name for name in available if name in enabled))})
        if not reason and not usable:
            reason = (
                f"{folder} has no controllers to hand on" if not available else f"no controller is enabled for the children of {folder}"
            )
    return CgroupLayout(
        mode=mode,
        unified=unified,
        hierarchies=v1,
        own=own,
        here=here,
        base=base,
        available=available,
        enabled=enabled,
        controllers=usable,
        delegated=bool(usable),
        busy=busy,
        real_root=real_root,
        kill=kernel >= (5, 14),
        nsdelegate=any(mount.type == "cgroup2" and "nsdelegate" in mount.super_options for mount in mounts),
        swap=_accounts_swap(v1),
        reason="" if usable and mode == "hybrid" else reason,
    )


def _accounts_swap(v1: dict[str, str]) -> bool:
    """v1 does so only with swapaccount=1 on some kernels; v2 wherever there is swap in the kernel."""
    if "memory" in v1:
        return paths.exists(f"{v1['memory']}/memory.memsw.limit_in_bytes")
    return paths.exists("/proc/swaps")


def is_real_root(folder: str) -> bool:
    """Whether a v2 folder is the host's root cgroup: only that one has no cgroup.type."""
    return not paths.exists(f"{folder}/cgroup.type") and paths.exists(f"{folder}/cgroup.procs")


def _here(unified: str, v1: dict[str, str], roots: dict[str, str], own: dict[str, str]) -> dict[str, str]:
    """Our own folder in each hierarchy whose mount shows it."""
    here = {}
    for name, path in own.items():
        point = v1.get(name, "") if name else unified
        folder = cgroups.where(point, roots[point], path) if point else ""
        if folder and paths.isdir(folder):
            here[name] = folder
    return here


def _may_make(folder: str) -> bool:
    """Whether we may make a cgroup in a folder (a read-only mount says no, whoever asks)."""
    return posix.access(folder, posix.W_OK | posix.X_OK, effective_ids=True)


def _base_v2(unified: str, here: str) -> tuple[str, bool, str]:
    """(the nearest folder at or above ours in which a cgroup can be made, whether processes are in its way, why not).

    Ours is looked at first, then its parents: a parent without processes of its own can hand controllers on, and as we may
    write its cgroup.procs, a process may be moved from ours to the new one (common ancestor rule). This is runc's choice too.
    """
    if not here:
        return "", False, f"our own cgroup is not below {unified}"
    folder, nearest = here, ""
    while True:
        usable = _may_make(folder) and posix.access(f"{folder}/cgroup.procs", posix.W_OK, effective_ids=True)
        if usable and word(f"{folder}/cgroup.type") not in {"threaded", "domain invalid", "domain threaded"}:
            nearest = nearest or folder
            if is_real_root(folder) or not cgroups.processes(folder):
                return folder, False, ""
        if folder == unified or "/" not in folder.strip("/"):
            break
        folder = folder.rpartition("/")[0]
    if nearest:
        return nearest, True, f"processes sit in {nearest} itself, so it cannot hand controllers on"
    writable = posix.access(here, posix.W_OK, effective_ids=True)
    return "", False, f"{here} is a threaded cgroup" if writable else f"{here} and its parents are not writable to us"


def _reason_v1(mode: str, here: dict[str, str]) -> str:
    if mode == "none":
        return "no cgroup file system is mounted"
    if not here:
        return "our own cgroups are not below the mounted hierarchies"
    return f"{next(iter(here.values()))} and the others are not writable to us"
