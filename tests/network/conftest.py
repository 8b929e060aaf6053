"""Members that answer, and who reaches whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import contain

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = ["pids", "memory", "swap"]
#: says its own name to whoever asks
SERVER = ["sh", "-c", "hostname >/tmp/name; exec httpd -f -p 8080 -h /tmp"]
#: until a positive answer; a negative one is believed after a moment
PATIENCE, MOMENT = 30, 1


@pytest.fixture
def network() -> Iterator[contain.Network]:
    """One for each test."""
    with contain.Network() as made:
        yield made


@pytest.fixture
def sandbox(busybox: str, network: contain.Network) -> contain.Sandbox:
    """Whose containers are its members."""
    return contain.Sandbox(rootfs=busybox, network=network, allow_missing=MISSING)


def ask(one: contain.Container, other: str, within: float = PATIENCE) -> str:
    """What a member's server says to another one, "" for nothing."""
    found = one.exec(["timeout", str(within), "wget", "-q", "-O", "-", f"http://{other}:8080/name"], text=True)
    return str(found.stdout).strip()


def reaches(one: contain.Container, other: str) -> bool:
    """Whether it does, as it should."""
    return ask(one, other) == other


def is_cut(one: contain.Container, other: str) -> bool:
    """Whether it does not, as it should not."""
    return ask(one, other, MOMENT) == ""
