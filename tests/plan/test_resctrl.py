"""linux.intelRdt: pure, since no machine of ours has it."""

from __future__ import annotations

import json
import os

import pytest

from contain.errors import HostError, ManifestError
from contain.host.model import Host, Source
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


def host(*classes):
    """A machine with resctrl and these classes."""
    return Host(
        **{**KERNEL.values(), "resctrl": MOUNT, "sources": {f"{MOUNT}/{name}".rstrip("/"): Source(exists=True) for name in classes}}
    )


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
