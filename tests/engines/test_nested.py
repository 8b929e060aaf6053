"""contain inside a container of Docker or Podman: as they are by default it says exactly what is missing, and with that it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="starts engines, so it needs root"),
]
RUN = ["/usr/bin/python3", "-m", "contain", "run"]
HELLO = ["/busybox", "--", "/bin/echo", "hello from inside"]


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A root that shows the host's /usr, where Python is."""
    root = tmp_path / "root"
    for name in ("usr", "etc", "proc", "sys", "dev", "tmp", "run", "src", "busybox", "var/tmp"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return root


@pytest.fixture
def volumes(top: str, busybox: str, launcher: str) -> list[str]:
    """The host's /usr, contain itself and a root file system, all read-only."""
    pairs = {"/usr": "/usr", top: "/src", busybox: "/busybox"}
    return ["--env=PYTHONPATH=/src", *(f"--volume={source}:{target}:ro" for source, target in pairs.items())]


@pytest.fixture
def podman(system: Path, volumes: list[str]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """`podman(options, command)`: a container of Podman by runc."""
    if not shutil.which("podman") or not shutil.which("runc"):
        pytest.skip("no podman with runc: apt-get install podman runc")
    state = tempfile.mkdtemp(prefix="podman.", dir="/var/tmp")  # podman allows its paths 50 characters
    base = [
        "podman",
        "--storage-driver=vfs",
        f"--root={state}/root",
        f"--runroot={state}/run",
        "--cgroup-manager=cgroupfs",
        "--runtime=runc",
    ]
    limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000", "--network=none"]

    def run(options: list[str], command: list[str]) -> subprocess.CompletedProcess[str]:
        words = [*base, "run", "--rm", *limits, *volumes, *options, "--rootfs", str(system), *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)

    yield run
    subprocess.run([*base, "system", "reset", "--force"], capture_output=True, check=False, timeout=60)
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def docker(system: Path, volumes: list[str]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """`docker(options, command)`: a container of a Docker daemon of our own."""
    if not shutil.which("dockerd") or not shutil.which("docker"):
        pytest.skip("no docker: apt-get install docker.io")
    state = tempfile.mkdtemp(prefix="docker.", dir="/var/tmp")  # its sockets' paths may have 107 characters
    client = ["docker", "-H", f"unix://{state}/sock"]
    words = ["dockerd", f"--data-root={state}/data", f"--exec-root={state}/exec", f"--pidfile={state}/pid", "-H", f"unix://{state}/sock"]
    with open(f"{state}/log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen([*words, "--iptables=false", "--bridge=none", "--storage-driver=vfs"], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while subprocess.run([*client, "version"], capture_output=True, check=False).returncode != 0:
            assert daemon.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)  # it has no descriptor that tells when it listens
        archive = subprocess.run(["tar", "-C", str(system), "-c", "."], capture_output=True, check=True).stdout
        subprocess.run([*client, "import", "-", "system"], input=archive, capture_output=True, check=True)

        def run(options: list[str], command: list[str]) -> subprocess.CompletedProcess[str]:
            words = [*client, "run", "--rm", "--network=none", *volumes, *options, "system", *command]
            return subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)

        yield run
    finally:
        daemon.terminate()
        daemon.wait(60)
        subprocess.run(["umount", "--recursive", "--lazy", f"{state}/data"], capture_output=True, check=False)
        shutil.rmtree(state, ignore_errors=True)


def test_podman(podman: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Its default covers parts of /proc; uncovered, contain runs, a root file system as well as the view of the host."""
    refused = podman([], [*RUN, *HELLO])
    assert refused.returncode == 125
    assert refused.stderr.startswith("cannot mount a new proc on /proc: parts of the /proc that we see are hidden")
    assert "podman run --security-opt unmask=ALL" in refused.stderr
    for words in (HELLO, ["--", "/bin/echo", "hello from inside"]):
        done = podman(["--security-opt=unmask=ALL"], [*RUN, *words])
        assert (done.returncode, done.stdout) == (0, "hello from inside\n"), done.stderr


def test_docker(docker: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Its default also forbids user namespaces; Podman's profile, given to Docker, allows them."""
    refused = docker([], [*RUN, *HELLO])
    assert refused.returncode == 125
    assert "docker run --security-opt systempaths=unconfined" in refused.stderr
    confined = docker(["--security-opt=systempaths=unconfined"], [*RUN, *HELLO])
    assert confined.returncode == 125
    assert "cannot create the process in new namespaces" in confined.stderr
    profile = "/usr/share/containers/seccomp.json"
    if not os.path.exists(profile):
        pytest.skip(f"no {profile}: apt-get install golang-github-containers-common")
    done = docker(["--security-opt=systempaths=unconfined", f"--security-opt=seccomp={profile}"], [*RUN, *HELLO])
    assert (done.returncode, done.stdout) == (0, "hello from inside\n"), done.stderr
