"""Real engines with contain as their runtime: a dockerd, Podman and containerd of the tests' own, with nothing of the machine's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Engine = Callable[..., subprocess.CompletedProcess[str]]

PATIENCE = 120  # seconds that one command of an engine may take on a busy machine


def runtime() -> str:
    """The installed `contain`, which engines are given by path."""
    path = os.path.join(os.path.dirname(sys.executable), "contain")
    if not os.path.exists(path):
        pytest.skip("contain is not installed beside this Python: make build")
    return path


def runner(base: list[str]) -> Engine:
    """`engine(*words, check=True)`: one command of an engine, its output as text."""

    def run(*words: str, check: bool = False, **options: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*base, *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False, **options
        )  # type: ignore[call-overload]
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done  # type: ignore[no-any-return]

    return run


def wait_for(ready: Callable[[], bool], what: str) -> None:
    """Until `ready`, or a failure that names what did not come."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, f"{what} did not come up"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def image_tar(busybox: str) -> Iterator[str]:
    """A tar of the busybox root, for `import`."""
    folder = tempfile.mkdtemp(prefix="image.", dir="/var/tmp")
    subprocess.run(["tar", "-C", busybox, "-cf", f"{folder}/bb.tar", "."], check=True)
    yield f"{folder}/bb.tar"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def docker(image_tar: str) -> Iterator[Engine]:
    """`docker(*words)` against a dockerd whose runtime `contain` is ours; the image is called bb."""
    if not shutil.which("dockerd") or not shutil.which("docker"):
        pytest.skip("no dockerd: apt-get install docker.io")
    folder = tempfile.mkdtemp(prefix="docker.", dir="/var/tmp")
    words = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "-H", f"unix://{folder}/sock"]
    words += ["--iptables=false", "--bridge=none", "--storage-driver", "vfs", "--add-runtime", f"contain={runtime()}"]
    with open(f"{folder}/log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(["dockerd", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    engine = runner(["docker", "-H", f"unix://{folder}/sock"])
    try:
        wait_for(lambda: engine("info").returncode == 0, "dockerd")
        engine("import", image_tar, "bb", check=True)
        yield engine
        left = engine("ps", "-aq").stdout.split()
        if left:
            engine("rm", "-f", *left)
    finally:
        daemon.terminate()
        daemon.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def podman(image_tar: str) -> Iterator[Engine]:
    """`podman(*words)` with storage of its own; the image is called bb."""
    if not shutil.which("podman"):
        pytest.skip("no podman: apt-get install podman")
    folder = tempfile.mkdtemp(prefix="pm.", dir="/var/tmp")  # podman allows its paths 50 characters
    base = ["podman", "--storage-driver", "vfs", "--root", f"{folder}/root", "--runroot", f"{folder}/run"]
    engine = runner([*base, "--runtime", runtime(), "--cgroup-manager", "cgroupfs"])
    try:
        engine("import", image_tar, "bb", check=True)
        yield engine
        engine("rm", "-fa", "-t", "0")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
