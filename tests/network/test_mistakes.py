"""What one may get wrong with a network: said at once, with nothing changed."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest

import contain
from tests.network.conftest import SERVER

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
NAMES = ["a", "b"]


@pytest.mark.parametrize(
    "mistake",
    [
        lambda network: network.partition(),
        lambda network: network.partition([]),
        lambda network: network.partition(["a"], []),
        lambda network: network.partition("a", "a"),
        lambda network: network.partition("nobody"),
        lambda network: network.cut("a", "a"),
        lambda network: network.loss("a", 0),
        lambda network: network.loss("a", 1.1),
        lambda network: network.loss("a", "0.5"),
        lambda network: network.loss("a", float("nan")),
        lambda network: network.rate("a", 0),
        lambda network: network.rate("a", "1m"),
        lambda network: network.rate("a", float("inf")),
        lambda network: network.delay("a", -1),
        lambda network: network.delay("a", 0.1, 0.2),
        lambda network: network.delay("a", "0.1"),
        lambda network: network.connect("nobody", 80),
        lambda network: network.reserve("localhost"),
        lambda network: network.reserve("a b"),
        lambda network: network.reserve("x" * 64),
        lambda network: network.reserve(3),
        lambda network: network.partition(3),
        lambda network: network.connect("a", "80"),
        lambda network: network.connect("a", 80, timeout="x"),
        lambda network: network.publish("a", 80, "x"),
        lambda network: contain.Network(host="no"),
        lambda network: contain.Cluster("x", 2, command=["true"]),
        lambda network: contain.Cluster(contain.Sandbox(), "2", command=["true"]),
    ],
)
def test_mistake(network: contain.Network, mistake: Callable[[contain.Network], Any]) -> None:
    """A UsageError, and no fault that holds."""
    network.reserve(*NAMES)
    with pytest.raises(contain.UsageError):
        mistake(network)
    assert network.faults == ()


@pytest.mark.parametrize("subnet", ["x", "fd00::/64", "10.0.0.0/30", "10.0.0.0", 5])
def test_subnets(subnet: Any) -> None:
    """That are none, or none of ours."""
    with pytest.raises(contain.UsageError, match="subnet|too small"):
        contain.Network(subnet=subnet)


def test_network_is_of_one_process(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """Neither it nor a sandbox on it goes elsewhere by pickle."""
    for one in (network, sandbox):
        with pytest.raises(contain.StateError, match="cannot be pickled"):
            pickle.dumps(one)


def test_clusters(sandbox: contain.Sandbox) -> None:
    """One condition needs no list; names are the cluster's."""
    with contain.Cluster(sandbox, 2, command=SERVER, ready=contain.port(8080)) as cluster:
        assert [one.member.name for one in cluster if one.member] == ["n1", "n2"]
    with pytest.raises(contain.UsageError, match="names"):
        contain.Cluster(sandbox, 2, command=SERVER, member="x")
    with pytest.raises(contain.UsageError, match="cluster of 0"):
        contain.Cluster(sandbox, 0, command=SERVER)
