"""The plans of a pool of cgroups: what a run leaves out, what the holder has, and who has no pool. Pure, for machines that are not this one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from contain.host.model import Host
from contain.plan.compile import compile_run
from contain.plan.compile.pool import pooled
from contain.spec import sources
from contain.spec.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from contain.plan.operation import Operation
    from contain.plan.plan import Plan

HOSTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts")
UNDOING = {"KeepNote", "NoteInit", "EndNote", "KillCgroup", "RemoveCgroup", "MakeCgroup"}


def plan(folder: Path, machine: str = "v2-root", **options: Any) -> Plan:
    """The plan of a run that is measured, on one of the saved machines."""
    with open(f"{HOSTS}/{machine}.json", encoding="utf-8") as file:
        host = Host.from_json(json.load(file))
    spec = sources.read(str(folder), Options(command=["/bin/true"], **options), "rootfs")
    spec.run.measure = True
    return compile_run(spec, host)


def of(plan: Plan, name: str) -> list[Any]:
    """The operations of a class."""
    return [operation for operation in plan.operations if type(operation).__name__ == name]


def rest(operations: list[Operation]) -> list[str]:
    """What all runs of the sandbox do."""
    known = {*UNDOING, "Supervise", "TakeCgroup", "ReadCgroupUsage"}
    return [operation.describe() for operation in operations if type(operation).__name__ not in known]


@pytest.mark.parametrize("machine", ["v2-root", "hybrid-root"])
def test_a_run_undoes_nothing(machine: str, tmp_path: Path) -> None:
    """It has neither a note nor a guardian, takes what the other makes, and is the same in all else."""
    fresh = plan(tmp_path, machine, memory=64 << 20, pids_limit=9)
    found = pooled(fresh, 0)
    assert found
    run = found.of_run("pool")
    assert not UNDOING & {type(operation).__name__ for operation in run.operations}
    assert not of(run, "Supervise")[0].guardian
    assert [(one.mount, one.slot) for one in of(run, "TakeCgroup")] == [(one.mount, one.slot) for one in of(fresh, "MakeCgroup")]
    assert {one.path.rpartition("/")[2] for one in of(run, "TakeCgroup")} == {"pool"}
    assert {one.slot for one in of(run, "ReadCgroupUsage")} <= {one.slot for one in of(run, "TakeCgroup")}
    assert rest(run.operations) == rest(fresh.operations)


@pytest.mark.parametrize(("machine", "files"), [("v2-root", ["pids.max", "memory.swap.max", "memory.max"]), ("hybrid-root", ["pids.max"])])
def test_limits_are_lifted_while_it_is_set_up(machine: str, files: list[str], tmp_path: Path) -> None:
    """The last one first: v1 holds memory.limit_in_bytes below memory.memsw.limit_in_bytes."""
    found = pooled(plan(tmp_path, machine, memory=64 << 20, pids_limit=9), 0)
    assert found
    taken = of(found.of_run("pool"), "TakeCgroup")
    assert [one.limits for one in taken if "pids.max" in one.limits] == [files]
    if machine == "hybrid-root":
        assert [one.limits for one in taken if one.memory] == [["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]]
    assert any(one.cpu for one in taken)
    assert any(one.memory for one in taken)


def test_holder(tmp_path: Path) -> None:
    """It makes and removes the pool's own folders, below which v2 hands the controllers on."""
    found = pooled(plan(tmp_path, memory=64 << 20), 0)
    assert found
    holder = found.of_holder("pool")
    names = [type(operation).__name__ for operation in holder.operations]
    assert names[0] == "Supervise"
    assert (
        names.index("KeepNote")
        < names.index("MakeCgroup")
        < names.index("HoldCgroups")
        < names.index("RemoveCgroup")
        < names.index("EndNote")
    )
    assert {one.lines[0] for one in of(holder, "WriteCgroup")} >= {"+memory", "+pids"}
    assert {one.path.rpartition("/")[2] for one in [*of(holder, "MakeCgroup"), *of(holder, "RemoveCgroup")]} == {"pool"}
    assert not of(holder, "CreateProcess")


@pytest.mark.parametrize(
    "options",
    [
        {"cpus": 1.0},
        {"name": "known"},
        {"label": ["a=b"]},
        {"userns": "host"},
        {"init": False},
        {"cpuset_cpus": "0"},
        {"pid_file": "/tmp/pid"},
        {"cap_add": ["SYS_ADMIN"]},
        {"security_opt": ["seccomp=unconfined"]},
        {"seccomp_action": "log"},
        {"volume": ["/sys:/mnt"]},
        {"volume": ["/sys/fs/cgroup/x:/mnt"]},
    ],
)
def test_who_has_none(options: dict[str, Any], tmp_path: Path) -> None:
    """Whose next run would feel the last one, or who has more on the host than cgroups."""
    assert pooled(plan(tmp_path, **options), 0) is None


def test_an_ordinary_user_has_none(tmp_path: Path) -> None:
    """The cgroup's files are his, and he is root inside."""
    assert pooled(plan(tmp_path, "v2-rootless-delegated"), 1000) is None
    assert pooled(plan(tmp_path), 65534) is None


def test_pools_are_shared_by_equal_places(tmp_path: Path) -> None:
    """By sandboxes that differ in their limits alone."""
    one, other, third = (
        pooled(plan(tmp_path, **given), 0) for given in ({"memory": 64 << 20}, {"memory": 32 << 20}, {"cgroup_parent": "/x"})
    )
    assert one
    assert other
    assert third
    assert one.key == other.key != third.key
