"""READY=1 of a program, passed on to who waits for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contain.container import notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.runtime import Runtime

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace")]


@pytest.mark.parametrize("how", ["start", "run", "detached run"])
def test_readiness_is_passed_on(
    runtime: Runtime, tmp_path: Path, make_bundle: Callable[..., str], rootfs: str, payload: str, how: str
) -> None:
    """NOTIFY_SOCKET: the program's READY=1 reaches the caller's socket by `start` and `run`, and its pid unless we stay; nothing else does."""
    shutil.copy(payload, f"{rootfs}/bin/payload")
    program = ("/bin/payload", "notify", "STATUS=x", "STATUS=y\nREADY=1\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.bind(str(tmp_path / "caller"))
        caller.settimeout(60)
        waited = {"NOTIFY_SOCKET": str(tmp_path / "caller")}
        if how == "start":
            name = runtime.create(*program, env=waited)
            words = ["start", name]
        else:
            name = runtime.named()
            words = ["run", *(["--detach"] if how == "detached run" else []), "--bundle", make_bundle(*program), name]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*runtime.words(), *words], env={**runtime.environment(), **waited}, **streams) as ours:
            assert caller.recv(100) == b"READY=1\n"
            found = runtime.until(name, "running")
            if how != "run":
                assert caller.recv(100) == b"MAINPID=%d\n" % found["pid"]
                assert ours.wait(60) == 0
            config = json.loads((Path(runtime.root) / name / "config.json").read_text())
            assert runtime("kill", name, "KILL").returncode == 0
    assert runtime("delete", "--force", name).returncode == 0
    assert not os.path.exists(notify.folder_of(config))


def test_readiness_of_a_program_that_dies(runtime: Runtime, tmp_path: Path) -> None:
    """`start` does not wait for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.bind(str(tmp_path / "caller"))
        waited = {"NOTIFY_SOCKET": str(tmp_path / "caller")}
        name = runtime.create("/bin/true", env=waited)
        assert runtime("start", name, env=waited, timeout=60).returncode == 0
        caller.setblocking(False)
        with pytest.raises(BlockingIOError):
            caller.recv(100)
