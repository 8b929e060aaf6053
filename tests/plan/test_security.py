"""Ids, capabilities, labels, keyring and where the filter is loaded: as plans, for hosts that are values."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from contain.errors import HostError, ManifestError
from contain.host.model import Host, Root
from contain.plan import stage
from contain.plan.compile.process import process
from contain.plan.compile.security import security
from contain.plan.operations.process import EnterFolder, Execute, LeaveHost
from contain.plan.operations.security import (
    ConnectListener,
    DropBounding,
    JoinKeyring,
    LoadSeccomp,
    NoNewPrivileges,
    SetCapabilities,
    SetExecLabel,
    SetIds,
)
from contain.plan.slots import Slots
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec

HOSTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44:www:/srv/web:/bin/sh\nbroken:x:1\nodd:x:12junk:5::/:/bin/sh\n"
GROUP = "root:x:0:\nwww:x:44:\nadm:x:4:syslog,web\nlog:x:5:web\nbad:x:6x:web\n"
CHOWN, KILL, CHROOT = 1 << 0, 1 << 5, 1 << 18


def host_of(name: str = "hybrid-root", **changes: Any) -> Host:
    """A saved machine with some facts changed."""
    with open(f"{HOSTS}/{name}.json", encoding="utf-8") as file:
        values = Host.from_json(json.load(file)).values()
    values["root"] = Root(path="/r", exists=True, passwd=PASSWD, group=GROUP)
    return Host(**{**values, **changes})


def spec_of(
    run: dict[str, Any] | None = None, linux: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **members: Any
) -> Spec:
    """A spec whose process has these members."""
    config: dict[str, Any] = {
        "ociVersion": "1.3.0",
        "process": {"args": ["prog"], "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": True, **members},
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}], **(linux or {})},
        "annotations": annotations or {},
    }
    return Spec(defaults.fill(config), kind="oci", bundle="/b", root="/r", run=RunOptions(**(run or {})))


def plan_of(spec: Spec, host: Host | None = None) -> list[Any]:
    """Both families' operations in the order of the plan."""
    host, slots = host or host_of(), Slots()
    return sorted([*process(spec, host, slots), *security(spec, host, slots)], key=lambda one: one.stage)


def one(operations: list[Any], kind: type) -> Any:
    """The only operation of a kind."""
    (found,) = [each for each in operations if type(each) is kind]
    return found


def names(operations: list[Any], *kinds: type) -> list[str]:
    """Names of the operations, of these kinds when given."""
    return [type(each).__name__ for each in operations if not kinds or type(each) in kinds]


def allow(name: str = "read", action: str = "SCMP_ACT_ALLOW", default: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    """A profile of one rule."""
    return {"seccomp": {"defaultAction": default, "syscalls": [{"names": [name], "action": action}], **more}}


def test_order_with_no_new_privs() -> None:
    """Folder and bounding set while there are privileges, then ids, then sets; the profile of a manifest stands right before execve."""
    operations = plan_of(spec_of(linux=allow()))
    assert names(operations) == [
        "JoinKeyring",
        "HideProcess",
        "EnterFolder",
        "DropBounding",
        "SetIds",
        "SetCapabilities",
        "EnterFolder",
        "FindProgram",
        "NoNewPrivileges",
        "LeaveHost",
        "FindProgram",
        "LoadSeccomp",
        "Execute",
    ]
    assert one(operations, LoadSeccomp).stage == stage.GO


def test_order_without_no_new_privs() -> None:
    """Loading then needs CAP_SYS_ADMIN, so it comes before the ids change."""
    operations = plan_of(spec_of(linux=allow(), noNewPrivileges=False))
    assert names(operations, LoadSeccomp, SetIds, NoNewPrivileges) == ["LoadSeccomp", "SetIds"]
    assert one(operations, LoadSeccomp).stage == stage.LOCK


def test_own_filter_covers_our_init() -> None:
    """Contain's own profile is loaded in lock, after everything; it allows what our PID 1 does."""
    operations = plan_of(spec_of(run={"seccomp": "default"}))
    load = one(operations, LoadSeccomp)
    assert load.stage == stage.LOCK
    assert operations.index(load) > names(operations).index("FindProgram")
    assert "contain's own profile" in load.describe()


def test_own_filter_depends_on_capabilities_and_action() -> None:
    """CAP_SYS_CHROOT adds a part; another action changes answers, not the length."""
    plain = one(plan_of(spec_of(run={"seccomp": "default"})), LoadSeccomp).program
    more = one(plan_of(spec_of(run={"seccomp": "default"}, capabilities={"bounding": ["CAP_SYS_CHROOT"]})), LoadSeccomp).program
    killing = one(plan_of(spec_of(run={"seccomp": "default", "seccomp_action": "kill"})), LoadSeccomp).program
    assert len(more) > len(plain) == len(killing)
    assert plain != killing


def test_no_filter() -> None:
    """None asked for, or unconfined: none loaded."""
    for spec in (spec_of(), spec_of(run={"seccomp": "unconfined"}, linux=allow())):
        assert LoadSeccomp not in map(type, plan_of(spec))


def test_listener() -> None:
    """The agent is connected to first; the filter is loaded in lock, with a state whose pid is a hole."""
    linux = allow("mkdir", "SCMP_ACT_NOTIFY", listenerPath="/run/agent", listenerMetadata="m")
    operations = plan_of(spec_of(run={"name": "web"}, linux=linux))
    load, connect = one(operations, LoadSeccomp), one(operations, ConnectListener)
    assert (connect.stage, load.stage) == (stage.OPEN, stage.LOCK)
    assert load.socket == connect.slot != 0
    state = json.loads(load.state.replace("\x01pid\x01", "77").replace("\x01status\x01", "creating"))
    assert (state["pid"], state["fds"], state["metadata"], state["state"]["id"]) == (77, ["seccompFd"], "m", "web")


def test_profile_that_cannot_start_anything() -> None:
    """A filter that denies execve is refused before anything is touched."""
    with pytest.raises(ManifestError, match="denies execve, without which no program can be started"):
        plan_of(spec_of(linux=allow("read", default="SCMP_ACT_ERRNO")))


def test_profile_in_lock_needs_more() -> None:
    """Without no_new_privs our own messages pass through the filter as well."""
    linux = allow("execve", default="SCMP_ACT_ERRNO")
    plan_of(spec_of(linux=linux))
    with pytest.raises(ManifestError, match="denies sendmsg, recvmsg"):
        plan_of(spec_of(linux=linux, noNewPrivileges=False))


def test_kernel_without_filters() -> None:
    """Refused by name; with --allow-missing seccomp it runs, and says so."""
    with pytest.raises(HostError, match="no seccomp filters") as caught:
        plan_of(spec_of(run={"seccomp": "default"}), host_of(seccomp=[]))
    assert "--allow-missing seccomp" in caught.value.remedy
    spec = spec_of(run={"seccomp": "default", "allow_missing": ["seccomp"]})
    assert LoadSeccomp not in map(type, plan_of(spec, host_of(seccomp=[])))
    assert "every system call is open" in spec.warnings[0]


def test_capabilities_absent_means_none() -> None:
    """As in runc: no capabilities, no exceptions."""
    operations = plan_of(spec_of())
    assert one(operations, DropBounding).keep == 0
    assert one(operations, SetCapabilities).values()["permitted"] == 0
    assert one(operations, SetCapabilities).describe() == "drop all capabilities"


def test_capability_sets() -> None:
    """Each set on its own; ambient only what is permitted and inheritable."""
    caps = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_CHROOT"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_KILL"],
        "inheritable": ["CAP_CHOWN"],
        "ambient": ["CAP_CHOWN", "CAP_KILL"],
    }
    operations = plan_of(spec_of(capabilities=caps))
    sets = one(operations, SetCapabilities)
    assert one(operations, DropBounding).keep == CHOWN | KILL | CHROOT
    assert (sets.permitted, sets.effective, sets.inheritable, sets.ambient) == (CHOWN | KILL, KILL, CHOWN, CHOWN)
    assert "permitted chown kill" in sets.describe()


def test_unknown_capability_is_left_out_with_a_warning() -> None:
    """Engines newer than the kernel send such names; what the host's bounding set lacks is said too."""
    spec = spec_of(capabilities={"bounding": ["CAP_DANCE", "CAP_SYS_RESOURCE", "CAP_KILL"]})
    operations = plan_of(spec, host_of(bounding=frozenset({"CAP_KILL"})))
    assert one(operations, DropBounding).keep == KILL
    assert spec.warnings == ["capability CAP_DANCE is unknown: left out", "capability CAP_SYS_RESOURCE is not to be had here: left out"]


def test_effective_must_be_permitted() -> None:
    """The kernel would refuse it without saying why."""
    with pytest.raises(ManifestError, match="effective capability that is not permitted"):
        plan_of(spec_of(capabilities={"effective": ["CAP_KILL"]}))


@pytest.mark.parametrize(
    ("user", "ids", "groups", "home"),
    [
        ("", (5, 6), ["7"], "/"),
        ("web", (33, 44), ["4", "5", "7"], "/srv/web"),
        ("33", (33, 44), ["4", "5", "7"], "/srv/web"),
        ("web:adm", (33, 4), ["7"], "/srv/web"),
        ("1000", (1000, 0), ["7"], "/"),
        ("1000:2000", (1000, 2000), ["7"], "/"),
    ],
)
def test_user_from_the_containers_files(user: str, ids: tuple[int, int], groups: list[str], home: str) -> None:
    """By name or number, docker's rules; HOME and groups come from the container's passwd and group."""
    operations = plan_of(spec_of(run={"user": user}, user={"uid": 5, "gid": 6, "additionalGids": [7]}))
    found = one(operations, SetIds)
    assert ((found.uid, found.gid), found.groups) == (ids, groups)
    assert f"HOME={home}" in one(operations, Execute).env


@pytest.mark.parametrize("user", ["nobody", "33x", "-1", "4294967295", "broken", "odd", "web:nogroup", "web:bad", "web:4:5", " 33", "0x10"])
def test_user_strings_that_are_none(user: str) -> None:
    """No prefix of a number is a number (CVE-2026-30892), no broken line is a user."""
    with pytest.raises(ManifestError, match="unable to find (user|group)"):
        plan_of(spec_of(run={"user": user}))


def test_id_outside_of_the_map() -> None:
    """Said with what is mapped, before the kernel says EINVAL."""
    linux = {
        "namespaces": [{"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
    }
    with pytest.raises(ManifestError, match="user id 10 is not mapped") as caught:
        plan_of(spec_of(linux=linux, user={"uid": 10, "gid": 0}))
    assert "0-9" in caught.value.remedy
    spec = spec_of(linux=linux, user={"uid": 9, "gid": 0, "additionalGids": [3, 99]})
    assert one(plan_of(spec), SetIds).groups == ["3"]
    assert "supplementary group 99 is not mapped" in spec.warnings[0]


def test_groups_of_a_user_without_a_range() -> None:
    """setgroups is denied then: said, and skipped."""
    linux = {
        "namespaces": [{"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
    }
    spec = spec_of(linux=linux, user={"additionalGids": [0]})
    host = host_of("v2-rootless-session", uid=1000, euid=1000, gid=1000, egid=1000, caps=frozenset())
    assert one(plan_of(spec, host), SetIds).groups == []
    assert "supplementary groups cannot be set" in spec.warnings[0]


def test_keep_groups_annotation() -> None:
    """Podman's --group-add keep-groups."""
    operations = plan_of(spec_of(annotations={"run.oci.keep_original_groups": "1"}))
    assert one(operations, SetIds).keep_groups
    assert "as they are" in one(operations, SetIds).describe()


@pytest.mark.parametrize(
    ("members", "lsm", "value", "file"),
    [
        ({"apparmorProfile": "web"}, ["capability", "apparmor"], "exec web", "apparmor/exec"),
        ({"selinuxLabel": "u:r:t:s0"}, ["selinux"], "u:r:t:s0", "exec"),
    ],
)
def test_labels(members: dict[str, str], lsm: list[str], value: str, file: str) -> None:
    """Written while the process can still write its own attributes; refused by name where the module is not active."""
    label = one(plan_of(spec_of(**members), host_of(lsm=lsm)), SetExecLabel)
    assert (label.value, label.file) == (value, file)
    with pytest.raises(HostError, match="is not active on this host"):
        plan_of(spec_of(**members), host_of(lsm=["capability"]))


def test_unconfined_needs_no_apparmor() -> None:
    """What every engine sends means nothing where there is no AppArmor."""
    assert SetExecLabel not in map(type, plan_of(spec_of(apparmorProfile="unconfined"), host_of(lsm=["capability"])))


def test_keyring() -> None:
    """A new one; none with --no-new-keyring; optional behind another filter."""
    ring = one(plan_of(spec_of(run={"name": "web"}), host_of(seccomp_mode=2)), JoinKeyring)
    assert ring.optional
    assert JoinKeyring not in map(type, plan_of(spec_of(run={"no_new_keyring": True})))


def test_folder_is_entered_with_both_rights() -> None:
    """First as the set-up may, then as the user may; bundles get a missing folder made."""
    first, second = [each for each in plan_of(spec_of(cwd="/root")) if type(each) is EnterFolder]
    assert (first.first, first.make, second.first) == (True, True, False)
    assert (first.path, second.origin) == ("/root", "/process/cwd")


def test_descriptors_to_keep() -> None:
    """--preserve-fds."""
    assert one(plan_of(spec_of(run={"preserve_fds": 2})), LeaveHost).preserve == 2
