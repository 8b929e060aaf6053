"""Who ends a container while somebody else deletes it: one after the other, and nobody touches what has its names by then."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.live.launch import eventually, guardian_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.runtime import Runtime

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace"),
]


@pytest.mark.parametrize("again", [False, True])
def test_a_guardian_that_comes_late(runtime: Runtime, make_bundle: Callable[..., str], again: bool) -> None:
    """It waits for its turn; when the container has been deleted meanwhile, and its id been taken again, it leaves all to the new one."""
    bundle = make_bundle("/bin/sleep", "1000")
    name, run = running(runtime, bundle)
    guardian = os.pidfd_open(guardian_of(run.pid))
    with open(f"{runtime.root}/{name}/turn", "rb+") as turn:  # we are the one who deletes it
        fcntl.flock(turn, fcntl.LOCK_EX)
        run.kill()
        run.wait()
        init = runtime.state(name)["pid"]
        eventually(lambda: not init or not os.path.exists(f"/proc/{init}/root"), "the end of init")
        if again:
            os.rename(f"{runtime.root}/{name}", f"{runtime.root}/.dead-{'0' * 32}")
            for path in glob.glob(f"/sys/fs/cgroup/**/contain-{name}", recursive=True):  # memory's lies below our own
                eventually(lambda path=path: removed(path), "the end of all in its cgroup")  # type: ignore[misc]
            made = runtime("create", "--bundle", bundle, name, capture_output=False, stdout=-3, stderr=-3)
            assert made.returncode == 0
    eventually(lambda: not is_alive(guardian), "the end of the guardian")
    os.close(guardian)
    if again:
        assert runtime("start", name).returncode == 0
        assert runtime.state(name)["status"] == "running"
        assert runtime("exec", name, "true").returncode == 0
    else:
        assert not os.path.exists(f"{runtime.root}/{name}")


def removed(cgroup: str) -> bool:
    """Removes it; not while init, whose root has gone first, still dies in it."""
    try:
        os.rmdir(cgroup)
    except OSError as problem:
        if problem.errno != errno.EBUSY:
            raise
        return False
    return True


def running(runtime: Runtime, bundle: str) -> tuple[str, subprocess.Popen[bytes]]:
    """A container in the foreground, once its program runs, and who watches it."""
    name, words = runtime.named(), [*runtime.words(), "run", "--bundle", bundle]
    run = subprocess.Popen([*words, name], stdin=-3, stdout=-3, stderr=-3, env=runtime.environment())
    eventually(lambda: os.path.exists(f"{runtime.root}/{name}") and runtime.state(name)["status"] == "running", "running")
    return name, run


def is_alive(pidfd: int) -> bool:
    """Whether the process has not ended; who reaps it is not our matter."""
    import select

    return not select.select([pidfd], [], [], 0)[0]


def test_delete_of_one_that_ends(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """`delete --force` while the monitor tears down: no error, and nothing is left."""
    bundle = make_bundle("/bin/sleep", "1000")
    for _ in range(5):
        name, run = running(runtime, bundle)
        os.kill(runtime.state(name)["pid"], signal.SIGKILL)
        assert runtime("delete", "--force", name).returncode == 0
        run.wait(60)
        assert not os.path.exists(f"{runtime.root}/{name}")
