"""The worked examples of docs/network.md on real servers: etcd, whose leader is cut off and killed, and a Redis Cluster, whose master is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import contain
from tests.network import beside

if TYPE_CHECKING:
    from tests.conftest import User

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.any_kernel]
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.abspath(contain.__file__)))


def example(name: str, package: str, user: User | None) -> dict[str, Any]:
    """What it reports, run as root or as an ordinary user."""
    program = {"etcd": "etcd", "redis": "redis-server"}[name]
    if not shutil.which(program):
        pytest.skip(f"no {program}: apt-get install {package}")
    with open(f"{HERE}/{name}.py", encoding="utf-8") as file:
        source = file.read()
    if user is not None:
        found = user.run([user.python, "-c", source])
    else:
        environment = {**os.environ, "PYTHONPATH": TOP}
        found = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False, timeout=100, env=environment)
    assert found.returncode == 0, found.stderr
    report: dict[str, Any] = json.loads(found.stdout)
    print(name, "as root" if user is None else "as an ordinary user", report)
    return report


@pytest.mark.parametrize("rootless", [False, True], ids=["root", "rootless"])
def test_etcd_loses_no_acknowledged_write(request: pytest.FixtureRequest, rootless: bool) -> None:
    """Whether its leader is cut off or killed: there is a new one, and every write that was acknowledged is there."""
    report = example("etcd", "etcd-server", request.getfixturevalue("user") if rootless else None)
    assert report["lost"] == 0
    assert 250 <= report["acknowledged"] <= report["written"]


@pytest.mark.parametrize("rootless", [False, True], ids=["root", "rootless"])
def test_redis_replica_takes_over(request: pytest.FixtureRequest, rootless: bool) -> None:
    """Its slots are served again; what was acknowledged may be lost, and is counted."""
    report = example("redis", "redis-server", request.getfixturevalue("user") if rootless else None)
    assert report["acknowledged"] == 300
    assert report["lost"] <= 300


@pytest.mark.parametrize("engine", sorted(beside.ENGINES))
def test_the_same_by_an_engine(engine: str) -> None:
    """On the host's network, each member at a port of its own: the figures beside ours, and the same promise kept."""
    if os.getuid() != 0 or not all(shutil.which(program) for program in (engine, *beside.PROGRAMS)):
        pytest.skip(f"needs root, {engine}, etcd-server and redis-server")
    report = beside.measure(engine)
    print(engine, report)
    assert report["etcd"]["lost"] == 0
    assert report["redis"]["acknowledged"] == 300
