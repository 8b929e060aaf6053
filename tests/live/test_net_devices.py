"""linux.netDevices: an interface of the host moves into the container, with its address and under another name."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.getuid() != 0 or not shutil.which("ip"), reason="needs root and iproute2"),
]


@pytest.fixture
def device() -> Iterator[str]:
    """An interface of the host with an address."""
    name = f"ct{os.urandom(4).hex()}"
    made = subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no veth here")
    subprocess.run(["ip", "addr", "add", "10.93.0.1/24", "dev", name], check=True)
    yield name
    subprocess.run(["ip", "link", "del", f"{name}p"], check=False, capture_output=True)


def test_interface_moves_with_its_address(
    device: str, make_bundle: Callable[..., str], contain: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Renamed, up, and no longer the host's."""

    def add(config: dict[str, Any]) -> None:
        config["linux"]["netDevices"] = {device: {"name": "moved"}}

    found = contain("run", make_bundle("ip", "addr", "show", "dev", "moved", change=add))
    assert found.returncode == 0, found.stderr
    assert "inet 10.93.0.1/24" in found.stdout
    assert "UP" in found.stdout.splitlines()[0]
