"""linux.intelRdt: pure, since no machine of ours has it."""

from __future__ import annotations

import json
import os

import pytest

from contain.errors import HostError, ManifestError
from contain.host.model import Host
from contain.host.paths import Source
from contain.plan.compile.resctrl import change, join, resctrl
from contain.plan.operations.cgroup import JoinCgroup, MakeCgroup, OpenCgroup, RemoveCgroup, WriteCgroup
from contain.plan.slots import Slots
from contain.plan.wanted import wanted
from contain.spec.model import Origins, RunOptions, Spec

MOUNT = "/sys/fs/resctrl"
with open(f"{os.path.dirname(os.path.dirname(__file__))}/hosts/hybrid-root.json", encoding="utf-8") as file:
    KERNEL = Host.from_json(json.load(file))


def spec(rdt):
    """As much of a spec as the family reads."""
    config = {"linux": {"namespaces": [], "intelRdt": rdt}}
    return Spec(config, kind="oci", bundle="/b", root="/b/rootfs", origins=Origins(), run=RunOptions(name="web", runc=True))


def host(*classes, schemata=""):
    """A machine with resctrl and these classes."""
    there = {f"{MOUNT}/{name}".rstrip("/"): Source(exists=True) for name in classes}
    return Host(**{**KERNEL.values(), "resctrl": MOUNT, "sources": there, "schemata": schemata})


def compiled(rdt, *classes):
    """The operations."""
    return list(resctrl(spec(rdt), host(*classes), Slots()))


def lines(found):
    """What is written to schemata."""
    return [one.lines for one in found if isinstance(one, WriteCgroup)]


def test_class_of_its_own():
    """Named as the container, made and removed with it; the process is in it before its limits come."""
    found = compiled({"l3CacheSchema": "L3:0=f\nL3:1=f", "memBwSchema": "MB:0=50"})
    assert [(one.mount, one.path) for one in found if isinstance(one, (MakeCgroup, RemoveCgroup))] == [(MOUNT, "/web")] * 2
    assert [one.folder for one in found if isinstance(one, JoinCgroup)] == [f"{MOUNT}/web"]
    assert lines(found) == [["L3:0=f\n", "L3:1=f\n", "MB:0=50\n"]]


def test_class_that_is_there():
    """It is joined, and never removed; without schemata it stays as it is."""
    found = compiled({"closID": "gold"}, "gold")
    assert [one.folder for one in found if isinstance(one, OpenCgroup)] == [f"{MOUNT}/gold"]
    assert not [one for one in found if isinstance(one, (MakeCgroup, RemoveCgroup, WriteCgroup))]
    assert [one.folder for one in compiled({"closID": "/"}) if isinstance(one, OpenCgroup)] == [MOUNT]


def test_named_class_is_made_with_its_schemata():
    """And must be there without."""
    assert [one.path for one in compiled({"closID": "gold", "schemata": ["L3:0=f"]}) if isinstance(one, MakeCgroup)] == ["/gold"]
    with pytest.raises(ManifestError, match="no class of RDT gold"):
        compiled({"closID": "gold"})
    assert wanted(spec({"closID": "gold"})).sources == [f"{MOUNT}/gold"]


def test_named_class_outlives_the_container():
    """The specification: only a class that has the container's own name is removed."""
    found = compiled({"closID": "gold", "schemata": ["L3:0=f"]})
    assert not [one for one in found if isinstance(one, RemoveCgroup)]
    assert [one.undo for one in found if isinstance(one, MakeCgroup)] == [0]


@pytest.mark.parametrize(
    ("rdt", "fits"),
    [
        ({"l3CacheSchema": "L3:0=f"}, True),
        ({"l3CacheSchema": "L3:0=0F;1=7ff", "memBwSchema": "MB:1=50"}, True),
        ({"l3CacheSchema": "L3:0=e"}, False),
        ({"memBwSchema": "MB:0=50"}, False),
        ({"l3CacheSchema": "L2:0=f"}, False),
        ({"schemata": ["L3:0=1"]}, True),
    ],
)
def test_class_that_is_there_is_compared(rdt, fits):
    """With the two older members; the newer one is written."""
    machine = host("gold", schemata="    L3:0=00f;1=7ff\n    MB:0= 100;1=  50\n")
    if fits:
        assert lines(resctrl(spec({"closID": "gold", **rdt}), machine, Slots()))
    else:
        with pytest.raises(ManifestError, match="the class of RDT gold has other shares"):
            list(resctrl(spec({"closID": "gold", **rdt}), machine, Slots()))


def test_group_for_monitoring():
    """Below the class, named as the container, removed with it; the process is in the class first; exec joins both."""
    rdt = {"closID": "gold", "enableMonitoring": True}
    found = compiled(rdt, "gold")
    group = "/gold/mon_groups/web"
    assert [(one.mount, one.path) for one in found if isinstance(one, (MakeCgroup, RemoveCgroup))] == [(MOUNT, group)] * 2
    joined = [f"{MOUNT}/gold", f"{MOUNT}{group}"]
    assert [one.folder for one in found if isinstance(one, JoinCgroup)] == joined
    assert [one.folder for one in join(spec(rdt), host("gold"), Slots()) if isinstance(one, JoinCgroup)] == joined
    assert [one.path for one in compiled({"enableMonitoring": True}) if isinstance(one, RemoveCgroup)] == ["/web/mon_groups/web", "/web"]
    assert [one.path for one in compiled({"closID": "/", "enableMonitoring": True}) if isinstance(one, MakeCgroup)] == ["/mon_groups/web"]


def test_kernel_without_it():
    """An error, as the specification says."""
    with pytest.raises(HostError, match="intelRdt cannot be had"):
        list(resctrl(spec({"l3CacheSchema": "L3:0=f"}), KERNEL, Slots()))
    assert not list(resctrl(spec(None), KERNEL, Slots()))


def test_exec_and_update():
    """A further process joins; `update` writes other lines."""
    assert [type(one).__name__ for one in join(spec({"closID": "gold"}), host("gold"), Slots())] == [
        "OpenCgroup",
        "OpenTasks",
        "JoinCgroup",
    ]
    plan = change({"closID": "gold"}, {"memBwSchema": "MB:0=20"}, "web", host("gold"))
    assert lines(plan.operations) == [["MB:0=20\n"]]
