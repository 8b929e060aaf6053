"""The family security: keyring, labels, ids, capabilities, no_new_privs and the filter, in the order that lets each still be done."""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan import stage as at
from contain.plan.compile.capabilities import SETS, capability_masks
from contain.plan.compile.idmaps import helper_for, id_maps
from contain.plan.compile.process import arguments, environment, search_path
from contain.plan.compile.seccomp import seccomp
from contain.plan.compile.users import user_of
from contain.plan.operations.process import EnterFolder, FindProgram
from contain.plan.operations.security import (
    DropBounding,
    HideProcess,
    JoinKeyring,
    NoNewPrivileges,
    OpenHostProc,
    SetCapabilities,
    SetExecLabel,
    SetIds,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.compile.idmaps import Line
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: Podman's way to say that the caller's supplementary groups stay (`--group-add keep-groups`).
KEEP_GROUPS = "run.oci.keep_original_groups"


def security(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family."""
    process = spec.config["process"]
    if not spec.run.no_new_keyring:
        yield JoinKeyring(optional=host.seccomp_mode == 2)
    yield from _labels(spec, host, slots)
    yield HideProcess()
    no_new_privs = bool(process.get("noNewPrivileges"))
    masks = capability_masks(spec, host)
    filters = list(seccomp(spec, host, slots, masks["bounding"], late=False))
    # before the ids change: as root of the set-up may enter what the user may not (docker run -u 1000 -w /root)
    yield EnterFolder(stage=at.LOCK, path=process["cwd"], first=True, make=spec.kind == "oci", origin="/process/cwd")
    where = "/process/capabilities"
    yield DropBounding(keep=masks["bounding"], origin=where)
    if not no_new_privs:  # then loading needs CAP_SYS_ADMIN, which goes with the ids
        yield from filters
    yield _ids(spec, host)
    yield SetCapabilities(**{name: masks[name] for name in SETS[1:]}, origin=where)
    yield EnterFolder(stage=at.LOCK, path=process["cwd"], origin="/process/cwd")
    env = environment(spec, host)
    yield FindProgram(name=arguments(spec)[0], path=search_path(env), origin="/process/args")
    if no_new_privs:
        yield NoNewPrivileges(origin="/process/noNewPrivileges")
        yield from filters


def _labels(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """Through the host's procfs: what stands at /proc of the container may be no procfs, or not yet one (CVE-2019-16884)."""
    process = spec.config["process"]
    profile = process.get("apparmorProfile") or ""
    label = process.get("selinuxLabel") or ""
    if profile and profile != "unconfined" and "apparmor" not in host.lsm:
        raise HostError(
            f"cannot use the AppArmor profile {profile}: AppArmor is not active on this host",
            place=spec.origins.place("/process/apparmorProfile"),
            remedy="remove apparmorProfile, or boot with apparmor=1",
        )
    if label and "selinux" not in host.lsm:
        raise HostError(
            f"cannot use the SELinux label {label}: SELinux is not active on this host",
            place=spec.origins.place("/process/selinuxLabel"),
            remedy="remove selinuxLabel, or enable SELinux",
        )
    proc = slots.new("proc") if label or (profile and "apparmor" in host.lsm) else 0
    if proc:
        yield OpenHostProc(slot=proc, origin="/process/apparmorProfile" if profile else "/process/selinuxLabel")
    if profile and "apparmor" in host.lsm:
        file = "apparmor/exec" if host.at_least(5, 8) else "exec"
        yield SetExecLabel(proc=proc, module="AppArmor", file=file, value=f"exec {profile}", origin="/process/apparmorProfile")
    if label:
        yield SetExecLabel(proc=proc, module="SELinux", file="exec", value=label, origin="/process/selinuxLabel")


def groups_denied(spec: Spec, host: Host) -> bool:
    """Whether setgroups will be denied: user_namespaces(7), for who writes gid_map himself, and where it is denied already."""
    maps = id_maps(spec, host)
    if maps is None:
        return host.userns.setgroups == "deny"
    helper = helper_for(maps.gid, host.egid, host, group=True)
    return not helper and "CAP_SETGID" not in host.caps


def _mapped(lines: list[Line], wanted: int) -> bool:
    return any(inside <= wanted < inside + count for inside, _, count in lines)


def _ids(spec: Spec, host: Host) -> Operation:
    user = user_of(spec, host)
    option = spec.run.user
    pointer = "--user" if option else "/process/user"
    maps = id_maps(spec, host)
    if maps is not None:
        ids = [("user", user.uid, maps.uid), ("group", user.gid, maps.gid)]
        for what, wanted, lines in ids:
            if not _mapped(lines, wanted):
                raise ManifestError(
                    f"{what} id {wanted} is not mapped in the container's user namespace",
                    place=spec.origins.place(pointer),
                    remedy="map it, or run as an id that is mapped: "
                    + ", ".join(f"{a}-{a + n - 1}" if n > 1 else str(a) for a, _, n in lines),
                )
    keep = (spec.config.get("annotations") or {}).get(KEEP_GROUPS) == "1"
    groups = user.groups
    if groups and not keep and groups_denied(spec, host):
        spec.warn("supplementary groups cannot be set by a user without a range in /etc/subgid: left out", "/process/user/additionalGids")
        groups = []
    if maps is not None and not keep:
        for gid in [gid for gid in groups if not _mapped(maps.gid, gid)]:
            spec.warn(
                f"supplementary group {gid} is not mapped in the container's user namespace: left out", "/process/user/additionalGids"
            )
            groups = [other for other in groups if other != gid]
    return SetIds(uid=user.uid, gid=user.gid, groups=[str(gid) for gid in groups], keep_groups=keep, origin=pointer)
