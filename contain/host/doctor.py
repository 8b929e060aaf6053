"""doctor: what this host and user can do, and the narrowest remedy for what is missing. Pure: from a Host and what was tried."""

from __future__ import annotations

from contain.host.trial import CALLS, NICE, Trial
from contain.kernel.mounts import hiding
from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host

OK, LIMITED, MISSING, INFO = "ok", "limited", "missing", "info"
#: What limits of an ordinary run need.
CONTROLLERS = ("memory", "pids", "cpu")
LEAST = (5, 10)
#: Kinds that sysctls name otherwise.
_SHORT = {"mount": "mnt", "network": "net"}
SECCOMP_REMEDY = (
    "start the container that we are in with a seccomp profile that allows user namespaces: podman's default does, and docker takes it too: "
    "docker run --security-opt seccomp=/usr/share/containers/seccomp.json"
)
PROC_REMEDY = (
    "start the container that we are in with an uncovered /proc: docker run --security-opt systempaths=unconfined, "
    "podman run --security-opt unmask=ALL"
)


class Check(Record):
    """One row of the table."""

    id: str
    name: str
    status: str  # ok: can be had; limited: with less; missing; info: only told
    required: bool = False  # without it `run` does not work
    detail: str = ""
    remedy: str = ""


def report(host: Host, tried: Trial, *, launcher: str = "") -> list[Check]:
    """All rows; `launcher` is the path of the installed launcher ("" when it was not built)."""
    return [
        *_kernel(host, tried),
        _launcher(launcher),
        _userns(host, tried, launcher),
        *_namespaces(host, tried),
        _ids(host, tried),
        *_cgroup(host, tried),
        _seccomp(host, tried),
        _proc(host, tried),
        _overlay(host, tried),
        _idmap(host),
        _lsm(host),
        *_process(host, tried),
    ]


def works(checks: list[Check]) -> bool:
    """Whether `run` works here: nothing that it requires is missing."""
    return not any(check.required and check.status == MISSING for check in checks)


def _kernel(host: Host, tried: Trial) -> Iterator[Check]:
    version = host.release or ".".join(map(str, host.kernel))
    if host.kernel < LEAST:
        yield Check(
            id="kernel", name="kernel", status=MISSING, required=True, detail=f"{version} is older than 5.10", remedy="a newer kernel"
        )
    else:
        yield Check(id="kernel", name="kernel", status=OK, required=True, detail=f"{version} on {host.machine}")
    absent = [name for name in CALLS if tried.failed(name)]
    if absent:
        remedy = SECCOMP_REMEDY if host.seccomp_mode else ""
        yield Check(id="calls", name="system calls", status=MISSING, required=True, detail=f"refused: {', '.join(absent)}", remedy=remedy)
    less = [name for name in NICE if tried.failed(name)]
    if less and not absent:
        yield Check(
            id="calls",
            name="system calls",
            status=LIMITED,
            detail=f"{', '.join(less)} missing: mounts are made in the classic way, none idmapped",
        )


def _launcher(path: str) -> Check:
    if path:
        return Check(id="launcher", name="launcher", status=OK, required=True, detail=path)
    remedy = "install contain on a machine with a C compiler (pip install contain), or run make launcher in its source"
    return Check(
        id="launcher",
        name="launcher",
        status=MISSING,
        required=True,
        detail="the C program that starts containers was not built",
        remedy=remedy,
    )


def _userns(host: Host, tried: Trial, launcher: str) -> Check:
    """The namespace everything rests on; root can do without it, on request."""
    required = not host.privileged
    known = tried.results.get("userns")
    mapped = tried.failed("map")
    capable = not (tried.failed("tmpfs") or tried.failed("private"))

    def missing(detail: str, remedy: str) -> Check:
        return Check(id="userns", name="user namespaces", status=MISSING, required=required, detail=detail, remedy=remedy)

    if "user" not in host.namespaces:
        return missing("the kernel has none", "a kernel with CONFIG_USER_NS")
    if host.userns.limit == 0:
        return missing("user.max_user_namespaces is 0", "sudo sysctl user.max_user_namespaces=15000 allows some; /etc/sysctl.d keeps it")
    if not host.userns.unprivileged and not host.privileged:
        remedy = "run contain as root; else, for all users: sudo sysctl kernel.unprivileged_userns_clone=1"
        return missing("kernel.unprivileged_userns_clone is 0: only root may make them", remedy)
    if host.userns.apparmor and not host.privileged and not (known == "" and capable):
        remedy = "a rule for contain alone: contain doctor --apparmor-profile | sudo tee /etc/apparmor.d/contain && sudo apparmor_parser -r /etc/apparmor.d/contain"
        status = Check(id="userns", name="user namespaces", status=MISSING, required=required)
        return status.but(
            detail=f"AppArmor gives capabilities in them only to programs that it names, not to {launcher or 'contain'} yet", remedy=remedy
        )
    if known:
        remedy = SECCOMP_REMEDY if host.seccomp_mode else ""
        remedy = remedy or ("more of them: sudo sysctl user.max_user_namespaces" if known == "ENOSPC" else "")
        return missing(f"refused: {known}", remedy)
    if mapped:
        return missing(f"made, but its id map is refused: {mapped}", _outer("the capabilities SETUID and SETGID") if host.euid == 0 else "")
    if not capable:
        return missing(
            "made, but nothing can be mounted in them",
            _outer("a seccomp profile that allows mount, and no AppArmor profile that denies it"),
        )
    depth = "" if host.userns.initial else "; we are in one already"
    return Check(id="userns", name="user namespaces", status=OK, required=required, detail=f"up to {host.userns.limit}{depth}")


def _namespaces(host: Host, tried: Trial) -> Iterator[Check]:
    kinds = [kind for kind in ("mount", "pid", "network", "ipc", "uts", "cgroup", "time") if kind in host.namespaces]
    absent = [kind for kind in ("mount", "pid", "network", "ipc", "uts", "cgroup") if kind not in host.namespaces]
    refused = {kind: tried.failed(kind) for kind in kinds if tried.failed(kind)}
    if absent:
        yield Check(
            id="namespaces",
            name="namespaces",
            status=MISSING,
            required=True,
            detail=f"the kernel has no {', '.join(absent)}",
            remedy="another kernel",
        )
    elif refused and tried.failed("userns") and not host.privileged:
        yield Check(id="namespaces", name="namespaces", status=INFO, required=True, detail="cannot be tried without a user namespace")
    elif refused:
        detail = "refused: " + ", ".join(f"{kind} ({why})" for kind, why in refused.items())
        full = [kind for kind, why in refused.items() if why == "ENOSPC"]
        remedy = f"sudo sysctl user.max_{_SHORT.get(full[0], full[0])}_namespaces=15000" if full else ""
        yield Check(id="namespaces", name="namespaces", status=MISSING, required=True, detail=detail, remedy=remedy)
    else:
        yield Check(id="namespaces", name="namespaces", status=OK, required=True, detail=" ".join(kinds))


def _ids(host: Host, tried: Trial) -> Check:
    """More than one id inside: needed only by images with several users."""

    def limited(detail: str, remedy: str) -> Check:
        return Check(id="ids", name="id ranges", status=LIMITED, detail=f"{detail}: only one id can be mapped", remedy=remedy)

    name = host.user or str(host.euid)
    first, last = host.userns.free, host.userns.free + 65535
    lacking = not host.userns.subuid or not host.userns.subgid
    if host.euid == 0 and not host.userns.initial:
        return Check(id="ids", name="id ranges", status=OK, detail="those of our own user namespace")
    if host.euid == 0 and lacking:
        return limited(
            "none for contain in /etc/subuid and /etc/subgid", f"echo contain:{first}:65536 | sudo tee -a /etc/subuid /etc/subgid"
        )
    if lacking:
        remedy = f"sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {name}"
        return limited(f"{name} has none in /etc/subuid and /etc/subgid", remedy)
    if host.euid == 0:
        return Check(
            id="ids", name="id ranges", status=OK, detail=f"{host.userns.subuid[0].count} ids from {host.userns.subuid[0].start} on"
        )
    if not host.userns.newuidmap or not host.userns.newgidmap:
        return limited("newuidmap and newgidmap are missing", "install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora)")
    if host.no_new_privs:
        return limited("no_new_privs is set on us, so newuidmap has no power", "start contain from where it is not set")
    if tried.failed("ranges"):
        return limited(
            tried.failed("ranges"), "newuidmap needs its set-uid bit or the file capability cap_setuid+ep: reinstall its package"
        )
    count = sum(one.count for one in host.userns.subuid)
    return Check(id="ids", name="id ranges", status=OK, detail=f"{count} ids for {name}")


def _cgroup(host: Host, tried: Trial) -> Iterator[Check]:
    layout = host.cgroup
    told = {"v2": "version 2", "v1": "version 1", "hybrid": "version 1 with cgroup2 beside it", "none": "not mounted"}[layout.mode]
    failed = [name for name in layout.controllers if tried.failed(f"cgroup:{name}") or (layout.is_v2(name) and tried.failed("cgroup:"))]
    usable = [name for name in layout.controllers if name not in failed]
    lacking = [name for name in CONTROLLERS if name not in usable]
    if usable and not lacking:
        yield Check(id="cgroup", name="cgroups", status=OK, detail=f"{told}; limits of {' '.join(usable)}")
        return
    detail = (
        f"{told}; limits of {' '.join(usable)}, not of {' '.join(lacking)}"
        if usable
        else f"{told}; no limits: {layout.reason or 'refused'}"
    )
    yield Check(id="cgroup", name="cgroups", status=LIMITED, detail=detail, remedy=_cgroup_remedy(host, usable))


def _cgroup_remedy(host: Host, usable: list[str]) -> str:
    layout = host.cgroup
    own = layout.own.get("", "")
    nested = host.seccomp_mode or (host.euid == 0 and not host.privileged)
    if layout.mode == "none":
        return "mount -t cgroup2 none /sys/fs/cgroup"
    if layout.busy:
        return f"move the processes of {layout.base.get('', '')} into a cgroup below it, then it can hand its controllers on"
    if nested:
        return _outer("a cgroup namespace with a writable /sys/fs/cgroup, if limits are wanted")
    if layout.mode == "v2" and host.euid != 0:
        if not usable and "session" in own:
            return "start it in a cgroup of your own: systemd-run --user --scope contain run …"
        return "have them delegated: Delegate=cpu cpuset io memory pids in [Service] of /etc/systemd/system/user@.service.d/delegate.conf, then log in again"
    if host.euid != 0:
        return "version 1 hands nothing on to users safely: boot with systemd.unified_cgroup_hierarchy=1, or run contain as root"
    return "the kernel lacks them, or the boot options disable them (cgroup_disable=)" if usable else ""


def _seccomp(host: Host, tried: Trial) -> Check:
    if not host.seccomp or tried.failed("seccomp"):
        detail = tried.failed("seccomp") or "the kernel has no CONFIG_SECCOMP_FILTER"
        return Check(
            id="seccomp",
            name="seccomp",
            status=MISSING,
            required=True,
            detail=detail,
            remedy="another kernel, or --security-opt seccomp=unconfined",
        )
    less = [name for name in ("errno", "user_notif", "kill_process") if name not in host.seccomp]
    beside = "; a filter is on us already, and stays on everything we start" if host.seccomp_mode == 2 else ""
    if less:
        return Check(id="seccomp", name="seccomp", status=LIMITED, required=True, detail=f"without {' '.join(less)}{beside}")
    if tried.failed("libseccomp"):
        detail = f"contain's own filter; profiles of manifests and files need libseccomp.so.2{beside}"
        remedy = "install libseccomp2 (Debian, Ubuntu) or libseccomp (others)"
        return Check(id="seccomp", name="seccomp", status=LIMITED, required=True, detail=detail, remedy=remedy)
    return Check(id="seccomp", name="seccomp", status=OK, required=True, detail=f"filters with {' '.join(host.seccomp)}{beside}")


def _proc(host: Host, tried: Trial) -> Check:
    """A user namespace may mount a new /proc only where no part of the old one is hidden."""
    hidden = hiding(host.mounts, "proc")
    if tried.failed("proc") or (hidden and not tried.works("proc")):
        detail = f"a new one is refused ({tried.failed('proc') or 'EPERM'})" + (f": {' '.join(hidden[:4])} are covered" if hidden else "")
        remedy = PROC_REMEDY if hidden else ""
        return Check(id="proc", name="/proc", status=MISSING, required=True, detail=detail, remedy=remedy)
    return Check(id="proc", name="/proc", status=OK, required=True, detail="can be mounted anew")


def _overlay(host: Host, tried: Trial) -> Check:
    if tried.works("overlay"):
        return Check(id="overlay", name="overlay", status=OK, detail="works" if host.privileged else "works in user namespaces")
    if not host.overlay:
        return Check(
            id="overlay",
            name="overlay",
            status=MISSING,
            detail="the kernel has none: no --overlay",
            remedy="load it: sudo modprobe overlay",
        )
    if "overlay" not in tried.results:
        return Check(id="overlay", name="overlay", status=OK, detail="the kernel has it")
    return Check(
        id="overlay",
        name="overlay",
        status=LIMITED,
        detail=f"refused in user namespaces ({tried.failed('overlay')}): the host view is read-only clones",
    )


def _idmap(host: Host) -> Check:
    if not host.idmap:
        return Check(
            id="idmap",
            name="idmapped mounts",
            status=LIMITED,
            detail="need Linux 5.12: owners of files show as nobody",
            remedy="a newer kernel",
        )
    mount = host.mount_of(host.root.path or "/")
    kind = mount.type if mount else ""
    if not host.privileged:
        return Check(id="idmap", name="idmapped mounts", status=INFO, detail="only for root")
    if kind not in host.idmap:
        return Check(
            id="idmap",
            name="idmapped mounts",
            status=LIMITED,
            detail=f"not of {kind or 'an unknown file system'}, which holds {host.root.path or '/'}",
        )
    return Check(id="idmap", name="idmapped mounts", status=OK, detail=" ".join(host.idmap))


def _lsm(host: Host) -> Check:
    shown = " ".join(host.lsm) or "none that can be seen"
    return Check(id="lsm", name="security modules", status=INFO, detail=f"{shown}{f'; our label is {host.label}' if host.label else ''}")


def _process(host: Host, tried: Trial) -> Iterator[Check]:
    """What our own process has lost, and hands on."""
    notes = []
    if host.no_new_privs:
        notes.append("no_new_privs is set")
    if host.euid == 0:
        from contain.linux import CAPABILITIES

        known = CAPABILITIES[: CAPABILITIES.index(host.last_cap) + 1]
        lost = [name.removeprefix("CAP_") for name in known if name not in host.caps]
        if lost:
            notes.append(f"root without {' '.join(lost)}")
    if tried.securebits:
        notes.append(f"securebits {' '.join(tried.securebits)}")
    if not tried.dumpable:
        notes.append("not dumpable: /proc/self belongs to root, so no id map can be written")
    if host.sysctls.get("vm.memfd_noexec") == "2":
        notes.append("vm.memfd_noexec is 2: the launcher's own file is executed instead of a sealed copy")
    if notes:
        yield Check(id="process", name="this process", status=INFO, detail="; ".join(notes))


def _outer(what: str) -> str:
    """We are in a container: only who starts it can give more."""
    return f"start the container that we are in with {what}"


def apparmor_profile(launcher: str) -> str:
    """A profile that allows user namespaces to the installed launcher and nothing else to anybody."""
    return f"""# allows contain to make user namespaces; everything else stays as restricted as it is
abi <abi/4.0>,
include <tunables/global>

profile contain {launcher} flags=(unconfined) {{
  userns,
  include if exists <local/contain>
}}
"""
