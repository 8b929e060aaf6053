"""The plans of `update`: which files, in which order; nothing is read from this machine."""

from __future__ import annotations

import pytest

from contain.container.update import resources_of
from contain.errors import HostError, ManifestError, UsageError
from contain.plan.compile.update import compile_update
from contain.plan.operations.cgroup import WriteCgroup

V1 = {"memory": "/m", "cpu": "/c", "pids": "/p", "blkio": "/b"}
V2 = {"": "/u"}


def files(resources, groups, **now):
    """[(file, line)] in the order of writing; `now`: file with _ for . → what it holds."""
    held = {"cgroup.controllers": "cpu memory pids io", **{name.replace("__", "."): text for name, text in now.items()}}
    plan = compile_update(resources, groups, lambda _, file: held.get(file, ""))
    return [(one.file, one.lines[0]) for one in plan.operations if isinstance(one, WriteCgroup)]


def test_memory_and_swap_move_in_the_order_that_the_kernel_takes():
    """Up: both first; down: memory first."""
    up = files({"memory": {"limit": 200, "swap": 300}}, V1, memory__limit_in_bytes="100")
    assert up == [("memory.memsw.limit_in_bytes", "300"), ("memory.limit_in_bytes", "200")]
    down = files({"memory": {"limit": 50, "swap": 60}}, V1, memory__limit_in_bytes="100")
    assert down == [("memory.limit_in_bytes", "50"), ("memory.memsw.limit_in_bytes", "60")]
    assert files({"memory": {"limit": -1}}, V1, memory__limit_in_bytes="100")[0] == ("memory.memsw.limit_in_bytes", "-1")


def test_swap_alone_on_v2_is_counted_from_the_limit_that_holds():
    """memory.swap.max holds swap only."""
    assert files({"memory": {"swap": 300}}, V2, memory__max="100") == [("memory.max", "100"), ("memory.swap.max", "200")]
    with pytest.raises(ManifestError, match=r"needs memory.limit"):
        files({"memory": {"swap": 300}}, V2, memory__max="max")
    with pytest.raises(ManifestError, match=r"less than"):
        files({"memory": {"limit": 5, "swap": 3}}, V2)


def test_quota_and_period():
    """v1 never has a greater share in between; v2 keeps the half that is not given."""
    assert files({"cpu": {"quota": 10, "period": 20}}, V1, cpu__cfs_period_us="100")[0][0] == "cpu.cfs_quota_us"
    assert files({"cpu": {"quota": 10, "period": 200}}, V1, cpu__cfs_period_us="100")[0][0] == "cpu.cfs_period_us"
    assert files({"cpu": {"quota": 10}}, V2, cpu__max="max 50000") == [("cpu.max", "10 50000")]
    assert files({"cpu": {"quota": 10, "burst": 5}}, V2, cpu__max="90 100", cpu__max__burst="80")[0][0] == "cpu.max.burst"


def test_zero_is_what_engines_send_for_not_set():
    """Docker and containerd fill every field; a limit of no processes is a limit."""
    sent = {"memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": ""}, "blockIO": {"weight": 0}}
    assert files(sent, V2) == []
    assert files({"pids": {"limit": 0}}, V1) == [("pids.max", "0")]


def test_what_the_container_has_no_cgroup_for():
    """Said before anything is written."""
    with pytest.raises(HostError, match=r"memory.limit cannot be set"):
        files({"memory": {"limit": 5}}, {"pids": "/p"})
    with pytest.raises(HostError, match=r"cpu.cpus cannot be set"):
        files({"cpu": {"cpus": "0"}}, V2)


def test_options_go_over_the_document():
    """Sizes as people write them; kernel memory is accepted and dropped."""
    given = {"--memory": "2m", "--pids-limit": "-1", "--kernel-memory": "1"}
    assert resources_of(given, b'{"memory": {"limit": 5, "swap": 9}}') == {"memory": {"limit": 2 << 20, "swap": 9}, "pids": {"limit": -1}}
    with pytest.raises(UsageError, match=r"--memory: not a number"):
        resources_of({"--memory": "much"}, None)
    with pytest.raises(ManifestError, match="cannot read the resources"):
        resources_of({}, b"{")
