"""Real engines with contain as their runtime: a dockerd, Podman and containerd of the tests' own, with nothing of the machine's."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
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


def on_v2() -> bool:
    """Whether this machine has cgroup v2 alone."""
    return os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def runner(base: list[str]) -> Engine:
    """`engine(*words, check=True)`: one command of an engine, its output as text; `engine.base` are the words before."""

    def run(*words: str, check: bool = False, **options: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*base, *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False, **options
        )  # type: ignore[call-overload]
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done  # type: ignore[no-any-return]

    run.base = base  # type: ignore[attr-defined]
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


CONTAINERD = """version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "{folder}/sock"
[ttrpc]
address = "{folder}/ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/bb:latest"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
default_runtime_name = "contain"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.contain]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.contain.options]
BinaryName = "{runtime}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{folder}/cni"
"""

CNI = """{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipam":
 {"type": "host-local", "dataDir": "%s/ipam", "ranges": [[{"subnet": "10.251.77.0/24"}]]}}]}"""


def docker_archive(rootfs_tar: str, folder: str) -> str:
    """An image bb:latest that sleeps, as `docker save` writes it."""
    with open(rootfs_tar, "rb") as file:
        layer = file.read()
    config = {
        "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
        "os": "linux",
        "config": {"Cmd": ["/bin/sleep", "100000"], "Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": ["docker.io/library/bb:latest"], "Layers": ["layer.tar"]}]
    with tarfile.open(f"{folder}/bb-image.tar", "w") as archive:
        for name, data in (
            ("config.json", json.dumps(config).encode()),
            ("layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return f"{folder}/bb-image.tar"


@pytest.fixture(scope="module")
def containerd(image_tar: str) -> Iterator[str]:
    """The folder of a containerd of ours (socket `sock`), whose CRI plugin has the handler `contain`; the image bb is in both namespaces."""
    if not shutil.which("containerd") or not os.path.exists("/usr/lib/cni/ptp"):
        pytest.skip("no containerd with CNI plugins: apt-get install containerd containernetworking-plugins")
    folder = tempfile.mkdtemp(prefix="cd.", dir="/var/tmp")
    os.mkdir(f"{folder}/cni")
    for path, text in (
        (f"{folder}/config.toml", CONTAINERD.format(folder=folder, runtime=runtime())),
        (f"{folder}/cni/10-pods.conflist", CNI % folder),
    ):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    with open(f"{folder}/log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(
            ["containerd", "-c", f"{folder}/config.toml"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    ctr = runner(["ctr", "-a", f"{folder}/sock"])
    try:
        wait_for(lambda: ctr("version").returncode == 0, "containerd")
        image = docker_archive(image_tar, folder)
        for namespace in ("default", "k8s.io"):
            ctr("-n", namespace, "images", "import", "--snapshotter", "native", image, check=True)
        yield folder
    finally:
        daemon.terminate()
        daemon.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)
