"""What outlives a session fails it, and nothing else does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def test_leaks_without_fixtures(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str) -> None:
    """A container of one's own sandbox and a network are found too; what was closed is not."""
    text = """
import contain
KEPT = []

def test_closed():
    with contain.Network() as network, contain.Sandbox(rootfs={0!r}, network=network).start(["sleep", "1000"]):
        pass
    contain.Sandbox(rootfs={0!r}).start(["sleep", "1000"]).stop(0.1)
"""
    done = suite(text.format(busybox))
    assert (done.returncode, "outlived" in done.stdout) == (0, False), done.stdout + done.stderr
    done = suite(
        (text + "    KEPT.append(contain.Network())\n    KEPT.append(contain.Sandbox(rootfs={0!r}).start(['sleep', '1000']))\n").format(
            busybox
        )
    )
    assert (done.returncode, done.stdout.count("made without a fixture")) == (1, 2), done.stdout + done.stderr


@pytest.mark.parametrize("below", [[], ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]], ids=["anywhere", "pid 1"])
def test_a_sandbox_that_lives_on(suite: Callable[..., subprocess.CompletedProcess[str]], busybox: str, below: list[str]) -> None:
    """The pool that many runs have made is none of the containers that were left, also where all that is nobody's child becomes ours."""
    text = f"""
import contain
BOX = contain.Sandbox(rootfs={busybox!r})

def test_many():
    for _ in range(8):
        BOX.run(["true"], check=True)
"""
    done = suite(text, below=below)
    assert (done.returncode, "outlived" in done.stdout) == (0, False), done.stdout + done.stderr
