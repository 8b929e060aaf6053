"""Mounts of a manifest as operations: options, sources, views of cgroups, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from contain.errors import HostError, ManifestError
from contain.host.paths import Source
from contain.plan.compile.mounts import masks, mounts
from contain.plan.compile.options import NOATIME, NODEV, NOSUID, RDONLY, SHARED, SLAVE, Options, known_words
from contain.plan.operations.mounts import BindMount, MaskPath, MountCgroups, MountFilesystem, OpenSource, OpenUserns, Remount, ShowIdmapped
from contain.plan.slots import COUNT, Slots
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
from tests.plan.test_security import host_of, one

#: runtime-spec 1.3, config.md, "Linux mount options": every word of the table
# fmt: off
TABLE = [
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap", "iversion", "lazytime", "loud", "mand",
    "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
    "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "ridmap", "rnoatime",
    "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime",
    "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared", "silent", "slave",
    "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
]
# fmt: on
MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def spec_of(*rows: dict[str, Any], kinds: str = "pid mount network", run: dict[str, Any] | None = None, **linux: Any) -> Spec:
    """A bundle with these mounts."""
    config = {"mounts": list(rows), "linux": {"namespaces": [{"type": name} for name in kinds.split()], **linux}}
    return Spec(defaults.fill(config), kind="oci", bundle="/b", root="/r", run=RunOptions(**(run or {})))


def compiled(spec: Spec, host: str = "hybrid-root", slots: Slots | None = None, **changes: Any) -> list[Any]:
    """The operations of the family."""
    return list(mounts(spec, host_of(host, **changes), slots or Slots()))


def bind(**row: Any) -> dict[str, Any]:
    """A bind mount."""
    return {"destination": "/t", "source": "/s", "options": ["bind"], **row}


def test_every_word_of_the_specification_is_known() -> None:
    """None of them is taken for an option of a file system."""
    assert [word for word in TABLE if Options([word]).data] == []
    assert set(TABLE) <= set(known_words())


def test_a_later_option_undoes_an_earlier_one() -> None:
    """Order counts, for the mount itself and for all below it."""
    options = Options(["ro", "nosuid", "rw", "rnoatime", "rstrictatime", "size=1m", "shared", "rslave"])
    assert (options.attr_set, options.attr_clear) == (NOSUID, RDONLY)
    assert (options.recursive_set, options.data) == (0x20, ["size=1m"])
    assert (options.propagation, options.propagation_recursive) == (SLAVE, True)
    assert Options(["noatime"]).attr_set == NOATIME


def test_a_file_system() -> None:
    """Flags become attributes, the rest goes to the file system; a target is plain and absolute."""
    row = {"destination": "data//x/../y", "type": "tmpfs", "source": "tmpfs", "options": ["nodev", "size=1m", "sync", "async"]}
    found = one(compiled(spec_of(row)), MountFilesystem)
    assert (found.target, found.attr_set, found.options) == ("/data/y", NODEV, ["size=1m", "sync"])
    assert found.describe() == "mount tmpfs on /data/y (nodev) size=1m,sync"


def test_a_bind_is_opened_with_the_hosts_privileges() -> None:
    """Root's sources are cloned before init has only its own; a user's init opens them itself, and so does an old kernel's."""
    opened = compiled(spec_of(bind()))
    assert one(opened, OpenSource).slot == one(opened, BindMount).slot != 0
    for host, kinds in (("hybrid-rootless", "user mount"), ("old-kernel-v1", "mount")):
        found = compiled(spec_of(bind(), kinds=kinds), host)
        assert one(found, BindMount).slot == 0


def test_a_relative_source_counts_from_the_bundle() -> None:
    """As the specification wants it."""
    assert one(compiled(spec_of(bind(source="data"))), OpenSource).path == "/b/data"


def test_hundreds_of_binds() -> None:
    """More mounts than there are slots are no reason to fail."""
    found = compiled(spec_of(*[bind(destination=f"/t{number}") for number in range(2 * COUNT)]))
    assert len([one for one in found if isinstance(one, BindMount)]) == 2 * COUNT


def test_only_a_shared_root_lets_a_mount_lead() -> None:
    """A shared mount keeps its peers on the host only when rootfsPropagation is shared as well."""
    row = bind(options=["rbind", "rshared"])
    assert not one(compiled(spec_of(row)), OpenSource).shared
    assert one(compiled(spec_of(row, rootfsPropagation="shared")), OpenSource).shared
    assert one(compiled(spec_of(row)), BindMount).propagation == SHARED


def test_remount() -> None:
    """It changes what is there."""
    found = one(compiled(spec_of(bind(options=["bind", "remount", "ro"]))), Remount)
    assert (found.target, found.attr_set) == ("/t", RDONLY)


def test_equal_maps_share_a_namespace() -> None:
    """One child per distinct map."""
    rows = [bind(destination=f"/t{n}", options=["bind", "idmap"], uidMappings=MAPS, gidMappings=MAPS) for n in range(3)]
    found = compiled(spec_of(*rows))
    userns = one(found, OpenUserns)
    assert userns.uid_lines == "0 100000 65536\n"
    assert {each.userns for each in found if isinstance(each, OpenSource)} == {userns.slot}


def test_sources_of_our_own_runs_are_idmapped_where_that_can_be() -> None:
    """-v keeps owners; a file system that cannot be shown so gets a warning."""
    run = {"idmap": True, "userns": "auto"}
    spec = spec_of(bind(), kinds="user mount", run=run)
    found = compiled(spec, sources={"/s": Source(exists=True, kind="dir", path="/s", type="ext4")})
    shown = one(found, ShowIdmapped)  # by the container's own namespace, once its maps are written
    assert (shown.tree, shown.userns, shown.optional) == (one(found, OpenSource).slot, one(found, OpenSource).userns, True)
    spec = spec_of(bind(), kinds="user mount", run=run)
    found = compiled(spec, sources={"/s": Source(exists=True, kind="dir", path="/s", type="nfs")})
    assert one(found, OpenSource).userns == 0
    assert "nfs" in spec.warnings[0]


@pytest.mark.parametrize(
    ("host", "views", "links"),
    [
        ("v2-root", ["", "", "/sys/fs/cgroup", ""], []),
        (
            "old-kernel-v1",
            ["cpu,cpuacct", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "cpu"],
            ["cpu", "cpu,cpuacct", "cpuacct", "cpu,cpuacct"],
        ),
        ("hybrid-root", ["unified", "", "/sys/fs/cgroup/unified", ""], []),
    ],
)
def test_cgroups(host: str, views: list[str], links: list[str]) -> None:
    """Every hierarchy of the host has its folder, names of controllers that share one are links; pure v2 is the target itself."""
    row = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
    found = one(compiled(spec_of(row, kinds="mount cgroup"), host), MountCgroups)
    rows = [found.views[at : at + 4] for at in range(0, len(found.views), 4)]
    assert views in rows
    assert found.links[: len(links)] == links
    assert (found.own, found.attr_set) == (True, RDONLY)


def test_cgroups_without_privilege_and_namespace_are_read_only() -> None:
    """CVE-2023-25809: the host's own folders must not be written through a container."""
    row = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}
    found = one(compiled(spec_of(row, kinds="user mount"), "hybrid-rootless"), MountCgroups)
    assert (found.own, found.attr_set, found.attr_clear) == (False, RDONLY, 0)


def test_stand_ins_for_what_may_not_be_mounted() -> None:
    """sysfs may need the host's, proc and mqueue only when their namespace is not the container's own."""
    rows = [{"destination": f"/{name}", "type": name, "source": name} for name in ("proc", "sysfs", "mqueue")]
    own = [one.fallback for one in compiled(spec_of(*rows, kinds="user mount pid network ipc")) if isinstance(one, MountFilesystem)]
    assert own == ["", "/sys", ""]
    shared = [one.fallback for one in compiled(spec_of(*rows, kinds="user mount")) if isinstance(one, MountFilesystem)]
    assert shared == ["/proc", "/sys", "/dev/mqueue"]


def test_masks() -> None:
    """In the order of the manifest; one slot serves all hidden folders."""
    spec = spec_of(maskedPaths=["/proc/kcore", "a"], readonlyPaths=["/proc/sys"])
    found = list(masks(spec, host_of(), Slots()))
    assert [one.path for one in found] == ["/proc/kcore", "/a", "/proc/sys"]
    assert len({one.slot for one in found if isinstance(one, MaskPath)}) == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (bind(source=""), "has no source"),
        (bind(options=["bind", "mode=755"]), "no file system options: mode=755"),
        (bind(uidMappings=MAPS), "both uidMappings and gidMappings"),
        (bind(options=["bind", "idmap"]), "needs a user namespace"),
        ({"destination": "/t", "source": "x"}, "has no type"),
        ({"destination": "", "type": "tmpfs", "source": "x"}, "the path is empty"),
        ({"destination": "/t", "type": "tmpfs", "source": "x", "options": ["idmap"]}, "only bind mounts"),
    ],
)
def test_what_a_manifest_may_not_ask_for(row: dict[str, Any], says: str) -> None:
    """Refused before anything is touched."""
    with pytest.raises(ManifestError, match=says):
        compiled(spec_of(row))


def test_ids_that_are_not_mapped() -> None:
    """uid= of a file system must be an id of the namespace; the kernel would only say that the argument is invalid."""
    row = {"destination": "/t", "type": "tmpfs", "source": "x", "options": ["uid=70000"]}
    with pytest.raises(ManifestError, match="uid=70000: that id is not mapped"):
        compiled(spec_of(row, kinds="user mount", uidMappings=MAPS))


def test_what_this_host_cannot_do() -> None:
    """A missing source, and idmapped mounts without privilege."""
    with pytest.raises(HostError, match="cannot mount /s on /t: No such file or directory"):
        compiled(spec_of(bind()), sources={"/s": Source(error="ENOENT")})
    with pytest.raises(HostError, match="privileges of the host's root"):
        compiled(spec_of(bind(options=["bind", "idmap"]), kinds="user mount"), "hybrid-rootless")


def test_label_of_mounts() -> None:
    """linux.mountLabel labels what has no labels of its own, where there is SELinux."""
    rows = [{"destination": f"/{name}", "type": name, "source": name} for name in ("proc", "tmpfs")]
    label = "system_u:object_r:container_file_t:s0:c1,c2"
    found = compiled(spec_of(*rows, mountLabel=label), lsm=["capability", "selinux"])
    assert [each.options for each in found if isinstance(each, MountFilesystem)] == [[], [f"context={label}"]]
    without = spec_of(rows[1], mountLabel=label)
    assert one(compiled(without, lsm=["capability"]), MountFilesystem).options == []
    (warning,) = without.warnings
    assert warning.endswith("the label of mounts is without effect: SELinux is not active on this host")
