"""Clusters: members that know each other's names from the start, and an end for all of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import contain
from tests.network.conftest import MISSING, SERVER, reaches

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def test_cluster_on_a_network_of_its_own(busybox: str) -> None:
    """Each has its own command, and finds all the others as soon as it starts."""
    box = contain.Sandbox(rootfs=busybox, allow_missing=MISSING)

    def serve(index: int, names: list[str]) -> list[str]:
        return ["sh", "-c", f"echo {names[index]} of {len(names)} >/tmp/name; cat /etc/hosts >/tmp/hosts; exec httpd -f -p 8080 -h /tmp"]

    with contain.Cluster(box, 3, command=serve, ready=[contain.port(8080)]) as cluster:
        assert cluster.names == ["n1", "n2", "n3"]
        assert len(cluster) == len(list(cluster)) == 3
        found = cluster[0].exec(["sh", "-c", "for n in n1 n2 n3; do wget -q -O - http://$n:8080/name; done"], text=True)
        assert found.stdout == "n1 of 3\nn2 of 3\nn3 of 3\n"
        assert cluster[0].get("/tmp/hosts").endswith(b" n1\n10.90.0.3 n2\n10.90.0.4 n3\n")
        network = cluster.network
    with pytest.raises(contain.StateError):
        network.heal() or network.attach()


def test_member_is_started_again(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """At its address; on the sandbox's network, which the cluster leaves as it was."""
    with contain.Cluster(sandbox, 2, command=SERVER, names=["left", "right"], ready=[contain.port(8080)]) as cluster:
        assert cluster.network is network
        before = cluster[1].member
        again = cluster.restart(1)
        assert before is not None
        assert again.member is not None
        assert again.member.address == before.address
        again.wait_for(contain.port(8080))
        assert reaches(cluster[0], "right")
    assert sandbox.run(["true"]).ok


def test_each_has_a_volume_that_outlives_it(busybox: str, tmp_path: Path) -> None:
    """A member that is killed and started again finds what it has written, and no other member's."""
    box = contain.Sandbox(rootfs=busybox, allow_missing=MISSING)
    for name in ("n1", "n2"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    words = ["sh", "-c", "hostname >>/data/name; exec httpd -f -p 8080 -h /data"]
    own = {name: [f"{tmp_path}/{name}:/data"] for name in ("n1", "n2")}
    with contain.Cluster(box, 2, command=words, each=lambda _, name: {"volume": own[name]}, ready=[contain.port(8080)]) as cluster:
        cluster[1].kill()
        cluster.restart(1).wait_for(contain.port(8080))
        assert cluster[1].get("/data/name") == b"n2\nn2\n"
    assert (tmp_path / "n1" / "name").read_text() == "n1\n"


def test_nothing_is_left_of_a_cluster_that_does_not_come_up(busybox: str) -> None:
    """One that ends at once is said with its last words."""
    box = contain.Sandbox(rootfs=busybox, allow_missing=MISSING)

    def serve(index: int, names: list[str]) -> list[str]:
        return SERVER if index == 0 else ["sh", "-c", "echo no disk >&2; exit 3"]

    with pytest.raises(contain.Dead, match="exited 3") as problem:
        contain.Cluster(box, 2, command=serve, ready=[contain.port(8080)])
    assert problem.value.log_tail == b"no disk\n"


def test_names_are_of_members(sandbox: contain.Sandbox) -> None:
    """As many, and each once."""
    for names in (["a"], ["a", "a"], []):
        with pytest.raises(contain.UsageError, match="cluster of 2"):
            contain.Cluster(sandbox, 2, command=["true"], names=names)
