"""From resources to cgroup files, and where the cgroups lie: pure, for machines that are not this one."""

from __future__ import annotations

import json
import os

import pytest

from contain.errors import HostError, ManifestError
from contain.host.model import Host
from contain.plan.compile.cgroup import cgroup, folders, pids_without_cgroup, uses_clone_into
from contain.plan.compile.cgroup_limits import settings, weight_of_shares
from contain.plan.operations.cgroup import JoinCgroup, MakeCgroup, RemoveCgroup, WriteCgroup, WriteDeviceRules
from contain.plan.slots import Slots
from contain.spec.model import Origins, RunOptions, Spec

HOSTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts")
ALL = ("user", "pid", "mount", "ipc", "uts", "network", "cgroup")


def machine(name):
    """A saved host."""
    with open(f"{HOSTS}/{name}.json", encoding="utf-8") as file:
        return Host.from_json(json.load(file))


class Document:
    name = "config.json"
    is_text = True

    def positions(self, pointers):
        class Position:
            line, column = 4, 2

        return dict.fromkeys(pointers, Position())


def spec(resources, *, kind="rootfs", namespaces=ALL, path="", options=None, manifest=False, **run):
    """As much of a spec as the family reads."""
    config = {
        "process": {"user": {"uid": 0, "gid": 0}},
        "mounts": [],
        "linux": {"namespaces": [{"type": name} for name in namespaces], "resources": resources, "cgroupsPath": path},
    }
    origins = Origins(Document() if manifest or kind == "oci" else None, "config.json")
    for pointer, option in (options or {}).items():
        origins.set(pointer, option)
    return Spec(config, kind=kind, bundle="/b", root="/b/rootfs", origins=origins, run=RunOptions(name="web", **run))


def operations(spec, host):
    """What the family compiles."""
    return list(cgroup(spec, host, Slots()))


def files(resources, *, v2):
    """File → lines, of what can be had."""
    return {one.file: one.lines for one in settings(resources, lambda _: v2) if not one.lacking}


@pytest.mark.parametrize(
    ("resources", "v1", "v2"),
    [
        (
            {"memory": {"limit": 100, "swap": 150, "reservation": 50}},
            {"memory.limit_in_bytes": ["100"], "memory.memsw.limit_in_bytes": ["150"], "memory.soft_limit_in_bytes": ["50"]},
            {"memory.max": ["100"], "memory.swap.max": ["50"], "memory.low": ["50"]},
        ),
        (
            {"memory": {"limit": -1, "swap": -1}},
            {"memory.limit_in_bytes": ["-1"], "memory.memsw.limit_in_bytes": ["-1"]},
            {"memory.max": ["max"], "memory.swap.max": ["max"]},
        ),
        ({"memory": {"kernelTCP": 1 << 20}}, {"memory.kmem.tcp.limit_in_bytes": ["1048576"]}, {}),
        ({"memory": {"swappiness": 0, "disableOOMKiller": True}}, {"memory.swappiness": ["0"], "memory.oom_control": ["1"]}, {}),
        (
            {"cpu": {"shares": 1024, "quota": 50000, "period": 200000, "burst": 10}},
            {"cpu.shares": ["1024"], "cpu.cfs_period_us": ["200000"], "cpu.cfs_quota_us": ["50000"], "cpu.cfs_burst_us": ["10"]},
            {"cpu.weight": ["100"], "cpu.max": ["50000 200000"], "cpu.max.burst": ["10"]},
        ),
        ({"cpu": {"quota": -1}}, {"cpu.cfs_quota_us": ["-1"]}, {"cpu.max": ["max 100000"]}),
        ({"cpu": {"idle": 1, "shares": 5}}, {"cpu.idle": ["1"]}, {"cpu.idle": ["1"]}),
        ({"cpu": {"realtimeRuntime": 7, "realtimePeriod": 9}}, {"cpu.rt_period_us": ["9"], "cpu.rt_runtime_us": ["7"]}, {}),
        (
            {"cpu": {"cpus": "0-1", "mems": "0"}},
            {"cpuset.cpus": ["0-1"], "cpuset.mems": ["0"]},
            {"cpuset.cpus": ["0-1"], "cpuset.mems": ["0"]},
        ),
        ({"pids": {"limit": 0}}, {"pids.max": ["0"]}, {"pids.max": ["0"]}),
        ({"pids": {"limit": -1}}, {"pids.max": ["max"]}, {"pids.max": ["max"]}),
        (
            {"blockIO": {"weight": 1000, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}]}},
            {"blkio.weight": ["1000"], "blkio.throttle.read_bps_device": ["8:0 5"]},
            {"io.bfq.weight": ["1000"], "io.max": ["8:0 rbps=5"]},
        ),
        (
            {"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]},
            {"hugetlb.2MB.rsvd.limit_in_bytes": ["4"], "hugetlb.2MB.limit_in_bytes": ["4"]},
            {"hugetlb.2MB.rsvd.max": ["4"], "hugetlb.2MB.max": ["4"]},
        ),
        (
            {"network": {"classID": 5, "priorities": [{"name": "eth0", "priority": 3}]}},
            {"net_cls.classid": ["5"], "net_prio.ifpriomap": ["eth0 3"]},
            {},
        ),
        (
            {"rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 9}}},
            {"rdma.max": ["mlx5_1 hca_handle=3 hca_object=9"]},
            {"rdma.max": ["mlx5_1 hca_handle=3 hca_object=9"]},
        ),
        (
            {"unified": {"memory.high": "7", "cgroup.max.depth": "2"}},
            {"cgroup.max.depth": ["2"]},
            {"memory.high": ["7"], "cgroup.max.depth": ["2"]},
        ),
    ],
)
def test_limits_become_files_of_both_versions(resources, v1, v2):
    """Every limit has its file, or none where the version lacks it."""
    assert files(resources, v2=False) == v1
    assert files(resources, v2=True) == v2


def test_shares_follow_the_curve():
    """The ends and the middle that runc and crun agree on."""
    assert [weight_of_shares(shares) for shares in (0, 2, 1024, 2048, 262144, 1 << 20)] == [1, 1, 100, 174, 10000, 10000]


def test_a_run_makes_only_what_its_limits_need():
    """v1: one hierarchy for each limit, below our own cgroup; nothing without limits."""
    host = machine("hybrid-root")
    made = [one.path for one in operations(spec({"pids": {"limit": 9}}), host) if isinstance(one, MakeCgroup)]
    assert len(made) == 1
    assert made[0].endswith("contain-web")
    assert operations(spec({}), host) == []
    assert not uses_clone_into(spec({"pids": {"limit": 9}}), host)


def test_a_bundle_is_in_all_hierarchies_at_one_path():
    """What engines look for in /proc/PID/cgroup; the unified one too, by clone3."""
    host = machine("hybrid-root")
    bundle = spec({}, kind="oci", path="/engine/web")
    made = [one for one in operations(bundle, host) if isinstance(one, MakeCgroup)]
    assert {one.mount for one in made} == {*host.cgroup.hierarchies.values(), host.cgroup.unified}
    assert {one.path for one in made} == {"engine/web"}
    assert uses_clone_into(bundle, host)
    assert len([one for one in operations(bundle, host) if isinstance(one, JoinCgroup)]) == len(made) - 1
    assert ("-", f"{host.cgroup.unified}/engine/web") in folders(bundle, host)


def test_v2_is_one_group_with_the_needed_controllers():
    """Controllers are enabled on the way; the process is born inside."""
    host = machine("v2-root")
    found = operations(spec({"memory": {"limit": 9}, "pids": {"limit": 9}}), host)
    made = [one for one in found if isinstance(one, MakeCgroup)]
    assert [one.needed for one in made] == [["memory", "pids"]]
    assert not any(isinstance(one, (JoinCgroup, WriteDeviceRules)) for one in found)
    assert [one.undo for one in found if isinstance(one, RemoveCgroup)] == [made[0].undo]


def test_limits_without_a_cgroup():
    """An option is an error with its remedy, a manifest's limit a warning (or, strict, an error), our own default nothing."""
    host = machine("hybrid-rootless")
    limit = {"memory": {"limit": 9}}
    asked = {"/linux/resources/memory": "--memory"}
    with pytest.raises(HostError, match=r"<command line>:--memory: memory.limit cannot be set") as caught:
        operations(spec(limit, options=asked), host)
    assert "--allow-missing memory" in caught.value.remedy
    allowed = spec(limit, options=asked, allow_missing=["memory"])
    assert operations(allowed, host) == []
    assert len(allowed.warnings) == 1
    bundle = spec(limit, kind="oci")
    assert [one for one in operations(bundle, host) if isinstance(one, WriteCgroup)] == []
    assert bundle.warnings[0].startswith("config.json:4:2: linux.resources.memory.limit: memory.limit cannot be set")
    with pytest.raises(HostError, match="cannot be set"):
        operations(spec(limit, kind="oci", strict=True), host)
    with pytest.raises(HostError, match="config.json:4:2: linux.resources.memory.limit: memory.limit cannot be set"):
        operations(spec(limit, kind="oci", runc=True), host)
    for refused in (bundle, spec(limit, kind="oci", runc=True, cgroup_manager="disabled")):
        operations(refused, host)
        assert "memory.limit cannot be set" in refused.warnings[0]
    default = spec({"pids": {"limit": 2048}})
    assert operations(default, host) == []
    assert not default.warnings
    assert pids_without_cgroup(default, host) == 2048


def test_no_limit_needs_no_cgroup():
    """What takes a limit away is never missing."""
    none = {"memory": {"limit": -1, "swap": -1, "reservation": -1}, "cpu": {"quota": -1}, "pids": {"limit": -1}}
    for name in ("hybrid-rootless", "v2-rootless-session"):
        endless = spec(none, kind="oci", runc=True)
        assert [one for one in operations(endless, machine(name)) if isinstance(one, WriteCgroup)] == []
        assert not endless.warnings


def test_what_v2_has_for_nobody_is_passed_over():
    """For an engine's container too, as runc does; a class of packets, on which a firewall may rest, is not."""
    tuning = spec(
        {"memory": {"swappiness": 9, "kernel": 9, "disableOOMKiller": True}, "cpu": {"realtimeRuntime": 9}}, kind="oci", runc=True
    )
    operations(tuning, machine("v2-root"))
    assert len(tuning.warnings) == 4
    with pytest.raises(HostError, match="network.classID cannot be set"):
        operations(spec({"network": {"classID": 9}}, kind="oci", runc=True), machine("v2-root"))


def test_a_delegated_user_gets_limits():
    """Rootless v2: below the delegated folder."""
    host = machine("v2-rootless-delegated")
    found = operations(spec({"pids": {"limit": 9}}), host)
    made = next(one for one in found if isinstance(one, MakeCgroup))
    assert f"{made.mount}/{made.path}" == f"{host.cgroup.base['']}/contain-web"
    assert [one.lines for one in found if isinstance(one, WriteCgroup)] == [["9"]]


def test_unified_is_refused_where_v1_holds_the_controller():
    """The runtime must generate an error (runtime-spec, "Unified")."""
    with pytest.raises(HostError, match=r"unified\[.memory.high.\] cannot be set"):
        operations(spec({"unified": {"memory.high": "7"}}, kind="oci"), machine("hybrid-root"))


def test_dots_do_not_lead_out():
    """cgroupsPath with .. names another container's cgroup sooner or later."""
    with pytest.raises(ManifestError, match=r"must not contain"):
        operations(spec({}, kind="oci", path="/a/../b"), machine("hybrid-root"))


def test_without_a_pid_namespace_a_cgroup_holds_the_processes():
    """So that everything can be found and killed."""
    found = operations(spec({}, namespaces=("mount",)), machine("v2-root"))
    assert len([one for one in found if isinstance(one, MakeCgroup)]) == 1


def test_a_measured_run_is_counted_by_its_cgroup():
    """Memory and processor time beside the limit, and under a name it can be paused; but who wants no cgroup gets none."""
    host = machine("hybrid-root")
    found = operations(spec({"pids": {"limit": 9}}, measure=True), host)
    assert {one.mount.rpartition("/")[2] for one in found if isinstance(one, MakeCgroup)} == {
        "pids",
        "memory",
        "cpuacct",
        "freezer",
    }
    assert operations(spec({}, measure=True), host) == []
    made = next(one for one in operations(spec({"pids": {"limit": 9}}, measure=True), machine("v2-root")) if isinstance(one, MakeCgroup))
    assert (made.needed, made.wanted) == (["pids"], ["memory"])


def test_the_root_of_the_tree_is_no_place():
    """Everybody's processes are in it."""
    with pytest.raises(ManifestError, match="/ is no cgroup of a container's"):
        operations(spec({"pids": {"limit": 9}}, kind="oci", path="/"), machine("v2-root"))
