"""Who holds contain's own default limit of processes: the `pids` controller, or RLIMIT_NPROC, which costs no cgroup.

Since 5.14 RLIMIT_NPROC counts the tasks of a user *in a user namespace* (kernel/ucount.c): of a container with one of its own, in which nobody
can become somebody else, it counts what pids.max counts, threads and our own init too. It is inherited, its hard value can be raised with
CAP_SYS_RESOURCE of the initial user namespace alone, and namespaces that are made inside are charged to the one around them.
"""

from __future__ import annotations

from contain.plan.compile.idmaps import id_maps
from contain.plan.compile.state import needs_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.host.model import Host
    from contain.spec.model import Spec

POINTER = "/linux/resources/pids/limit"
#: 5.14 to 5.16 counted one too many, and refused execve to who had changed his ids
KERNEL = (5, 17)
_CGROUPS = frozenset({"cgroup", "cgroup2"})
#: whose holders may become other users of the namespace
_SETUID = "CAP_SETUID"


def own_default(spec: Spec) -> int | None:
    """Contain's own limit of processes, when neither an option nor the manifest said anything about them."""
    limit: int | None = ((spec.config["linux"].get("resources") or {}).get("pids") or {}).get("limit")
    if limit is None or limit < 0 or spec.origins.option(POINTER) or spec.origins.source(POINTER):
        return None
    return limit


def suffices(spec: Spec, host: Host) -> bool:
    """Whether RLIMIT_NPROC holds the default as well as a cgroup would, in a run that nobody can ask for."""
    return own_default(spec) is not None and not _wants_cgroup(spec) and _is_counted_alone(spec, host)


def _wants_cgroup(spec: Spec) -> bool:
    """Whether somebody looks for the container in the hierarchy of processes, or needs it to find them again."""
    run = spec.run
    namespaces = spec.namespaces()
    return bool(
        spec.kind == "oci"
        or run.runc
        or run.cgroup_manager == "systemd"
        or run.cgroup_parent
        or spec.config["linux"].get("cgroupsPath")
        or not run.init
        or not needs_note(spec)
        or run.pid_file
        or run.pidfd_socket
        or namespaces.get("pid") != ""
        or namespaces.get("user") != ""
        or any(row.get("type") in _CGROUPS for row in spec.config["mounts"])
    )


def _is_counted_alone(spec: Spec, host: Host) -> bool:
    """Whether the limit counts all of the container, nobody else, and is obeyed."""
    process = spec.config["process"]
    if any(row["type"] == "RLIMIT_NPROC" for row in process.get("rlimits") or ()):
        return False
    if not host.at_least(*KERNEL) or not host.userns.initial:  # nested, what is the host's root cannot be told
        return False
    maps = id_maps(spec, host)
    if maps is None or any(start == 0 for _, start, _ in maps.uid):  # the kernel never limits the host's root
        return False
    alone = sum(count for _, _, count in maps.uid) == 1
    held: dict[str, list[str]] = process.get("capabilities") or {}
    return alone or (bool(process.get("noNewPrivileges")) and not any(_SETUID in (row or ()) for row in held.values()))
