"""Plans of networks: what root's and an ordinary user's differ in."""

from __future__ import annotations

import pytest

from contain.errors import HostError
from contain.plan import stage as at
from contain.plan.compile.namespaces import namespaces
from contain.plan.compile.network import compile_network, compile_within
from contain.plan.operations.namespaces import CreateProcess, LoopbackUp, Unshare, WriteIdMap
from contain.plan.operations.network import AddMember, EnterNetwork, LinkHost, SetQueue
from contain.plan.slots import Slots
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
from tests.plan.test_security import host_of, names, one

ROOT, USER = host_of("hybrid-root"), host_of("hybrid-rootless")


def network(host: object) -> list[object]:
    """The operations of the process that holds one."""
    return list(compile_network(host, address="10.0.0.1", prefix=24, folder="/f", hosts="").operations)  # type: ignore[arg-type]


def member(host: object) -> list[object]:
    """The family's operations of a member."""
    config = {"process": {"args": ["x"]}, "linux": {"namespaces": [{"type": kind} for kind in ("user", "pid", "network", "mount")]}}
    spec = Spec(defaults.fill(config), kind="rootfs", bundle="/b", root="/r", run=RunOptions(network="member", userns="auto"))
    return list(namespaces(spec, host, Slots()))  # type: ignore[arg-type]


def uid_map(operations: list[object]) -> list[list[int]]:
    """The lines of the map of users that is written."""
    (found,) = [each for each in operations if isinstance(each, WriteIdMap) and each.file == "uid_map"]
    return [[int(word) for word in line.split()] for line in found.lines.splitlines()]


def test_network_of_root_needs_no_user_namespace() -> None:
    """Its id maps neither."""
    assert one(network(ROOT), CreateProcess).types == "pid network"
    assert names(network(ROOT), WriteIdMap) == []


def test_network_of_an_ordinary_user_maps_his_ids_to_themselves() -> None:
    """So that his members' maps, and what they own, are as without a network."""
    assert one(network(USER), CreateProcess).types == "user pid network"
    maps = [each for each in network(USER) if isinstance(each, WriteIdMap)]
    assert [each.file for each in maps] == ["gid_map", "uid_map"]
    for each in maps:
        assert all(line.split()[0] == line.split()[1] for line in each.lines.splitlines())


def test_root_of_a_container_without_power_over_networks_maps_all_that_there_is() -> None:
    """Its members may be anybody there: their ranges are not in /etc/subuid."""
    host = host_of("in-docker")
    assert not host.can("CAP_NET_ADMIN")
    assert one(network(host), CreateProcess).types == "user pid network"
    outside = uid_map(network(host))
    for _, start, count in uid_map(member(host)):
        assert any(first <= start and start + count <= first + size for first, _, size in outside)


@pytest.mark.parametrize("host", [ROOT, USER], ids=["root", "user"])
def test_members_make_their_user_namespace_below_the_network_s(host: object) -> None:
    """They enter the network, leave it by a link for a namespace of their own, and only then become somebody else."""
    found = member(host)
    joins = [type(each) for each in found if each.stage == at.JOIN]  # type: ignore[attr-defined]
    assert joins == [EnterNetwork, AddMember, Unshare]
    assert "network" not in one(found, CreateProcess).types
    assert names(found, LoopbackUp) == []


def test_ordinary_user_s_monitor_is_in_the_network_s_user_namespace() -> None:
    """There it may write its children's maps without a helper."""
    early = [each for each in member(USER) if each.stage == at.OPEN]  # type: ignore[attr-defined]
    assert [each.types for each in early if isinstance(each, EnterNetwork)] == ["user"]
    assert [each.helper for each in member(USER) if isinstance(each, WriteIdMap)] == ["", ""]
    assert not [each for each in member(ROOT) if isinstance(each, EnterNetwork) and each.stage == at.OPEN]


def test_host_is_root_s_to_link() -> None:
    """An ordinary user is told what he can have."""
    words = {"address": "10.0.0.1", "prefix": 24, "folder": "/f", "hosts": "", "link": ("cn1", "10.0.0.2")}
    found = one(list(compile_network(ROOT, **words).operations), LinkHost)  # type: ignore[arg-type]
    assert found.describe() == "link the host to the network as 10.0.0.2/24 by cn1"
    with pytest.raises(HostError, match="ordinary user") as problem:
        compile_network(USER, **words)  # type: ignore[arg-type]
    assert "connect()" in problem.value.remedy


def test_what_is_done_in_a_network_needs_one_process() -> None:
    """All at the first stage, by the host's own process."""
    plan = compile_within(USER, 5, [SetQueue(link=16)])
    assert [type(each) for each in plan.operations] == [EnterNetwork, SetQueue]
    assert {each.stage for each in plan.operations} == {at.OPEN}
    assert plan.operations[0].describe() == "enter the network's namespaces: user network"
