"""What a type checker sees (mypy reads this file, `make lint` runs it), and that it is so when a program runs."""

from __future__ import annotations

import os
from typing import assert_type

import pytest

import contain
from contain import aio
from contain.testing import marked

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def test_bytes_or_text(busybox: str) -> None:
    """By the options."""
    box = contain.Sandbox(rootfs=busybox)
    assert assert_type(box.run(["echo"]).stdout, bytes) == b"\n"
    assert assert_type(box.run(["echo"], text=True, check=True).stdout, str) == "\n"
    assert assert_type(box.run(["echo"], encoding="utf-8").check().stderr, str) == ""
    assert assert_type(contain.run(["echo"], rootfs=busybox, memory=None).stdout, bytes) == b"\n"
    assert assert_type(contain.run(["echo"], rootfs=busybox, text=True, hostname="x").stdout, str) == "\n"
    with box.start(["sleep", "1000"]) as container:
        assert assert_type(container.exec(["echo"]).stdout, bytes) == b"\n"
        assert assert_type(container.exec(["echo"], text=True, user="0").stdout, str) == "\n"


async def awaited(busybox: str) -> None:
    """The same with contain.aio; only a type checker reads it."""
    assert_type(await aio.run(["echo"], rootfs=busybox), contain.Result[bytes])
    assert_type(await aio.Sandbox(rootfs=busybox).run(["echo"], text=True), contain.Result[str])


def test_result_is_itself() -> None:
    """A name for annotations that costs nothing."""
    assert contain.Result[str] is contain.Result


def source(unknown: str) -> None:
    """run_python's keywords are checked too; only a type checker reads it."""
    contain.run_python("", timeout=5, memory="64m", packages=["click"])
    contain.run_python("", tiemout=5)  # type: ignore[call-arg]
    contain.run([unknown], spec={"root": {"path": "/x"}}, text=True)
    contain.run([unknown], rootfs={"path": "/x"})  # type: ignore[call-overload]
    contain.run([unknown], rootfs="/x", memroy="1m")  # type: ignore[call-overload]
    marked(rootfs="/x", memory="1m")
    marked(memroy="1m")  # type: ignore[call-arg]
