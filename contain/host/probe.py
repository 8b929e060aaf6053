"""probe(): the facts of this host, this user and this target, in one go and without changing anything.

Everything is read from small kernel files; nothing is tried out (that is doctor's work), so that a run pays 1 to 3 ms for it.
"""

from __future__ import annotations

import posix

from contain import paths
from contain.errors import HostError
from contain.host import cgroup, identity, machine, target
from contain.host.model import Host
from contain.host.target import Wanted
from contain.kernel import capabilities, cgroups, mounts, processes
from contain.kernel.files import text, word
from contain.linux import CAPABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Wanted", "probe"]


def _myself() -> processes.Status:
    """Ourselves, as /proc shows us; without a /proc that does nothing can be known, and maps would be written for strangers."""
    try:
        mine = processes.status()
    except FileNotFoundError:
        raise HostError("no procfs is mounted on /proc", remedy="mount -t proc proc /proc") from None
    if mine.nspid and mine.nspid[0] != posix.getpid():
        raise HostError(
            "the procfs on /proc is that of another pid namespace",
            cause=f"it shows this process as {mine.nspid[0]}, which is {posix.getpid()}",
            remedy="mount one of this namespace: mount -t proc proc /proc (unshare has --mount-proc)",
        )
    return mine


def probe(wanted: Wanted | None = None) -> Host:
    """The facts about the machine, the user and what `wanted` names."""
    wanted = wanted or Wanted()
    uname = posix.uname()
    kernel = machine.version(uname.release)
    euid = posix.geteuid()
    name, home = identity.user(euid)
    mine = _myself()
    table = mounts.mounts()
    sysctls = machine.sysctls(thorough=wanted.thorough)
    loaded = machine.filesystems()
    last = min(capabilities.last(), len(CAPABILITIES) - 1)
    return Host(
        uid=posix.getuid(),
        gid=posix.getgid(),
        euid=euid,
        egid=posix.getegid(),
        groups=mine.groups,
        user=name,
        home=home,
        runtime=paths.environ().get("XDG_RUNTIME_DIR", ""),
        caps=mine.effective,
        bounding=mine.bounding,
        no_new_privs=mine.no_new_privs,
        last_cap=CAPABILITIES[last],
        label=machine.label() if wanted.thorough else "",
        rlimits=identity.parse_limits(text("/proc/self/limits")),
        oom_score_adj=int(word("/proc/self/oom_score_adj", default="0")),
        kernel=kernel,
        release=uname.release,
        machine=uname.machine,
        cgroup=cgroup.layout(table, cgroups.membership(), kernel),
        userns=identity.userns(name, euid, paths.environ().get("PATH", ""), sysctls, ranges=wanted.ids or euid != 0),
        namespaces=machine.kinds(),
        lsm=machine.lsm(),
        seccomp=word("/proc/sys/kernel/seccomp/actions_avail").split(),
        seccomp_mode=mine.seccomp,
        filesystems=loaded,
        overlay=machine.overlay(loaded, uname.release),
        idmap=machine.idmap(kernel),
        sysctls=sysctls,
        cpus=word("/sys/devices/system/cpu/online"),
        mems=word("/sys/devices/system/node/has_memory") if wanted.thorough else "",
        hugepages=machine.hugepages() if wanted.thorough else [],
        resctrl=next((mount.point for mount in table if mount.type == "resctrl"), ""),
        schemata="".join(text(f"{path}/schemata") for path in wanted.sources if path.startswith("/sys/fs/resctrl")),
        root=target.root(wanted.root, table),
        mounts=table,
        **_paths(wanted, table),
    )


def _paths(wanted: Wanted, table: list[mounts.Mount]) -> dict[str, Any]:
    """The facts about paths of the host, if it is asked for any."""
    if not wanted.sources and not wanted.host_view and not wanted.devices:
        return {}
    from contain.host import paths

    return {
        "sources": {path: paths.source(path, table) for path in wanted.sources},
        "top": paths.top(table) if wanted.host_view else [],
        "sockets": paths.sockets() if wanted.host_view else [],
        "devices": paths.devices() if wanted.devices else [],
    }
