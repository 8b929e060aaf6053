"""containerd runs on contain: by ctr, and by its CRI plugin over gRPC, as a kubelet drives it."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.conftest import runner, runtime, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.conftest import Engine

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="starts engines, so it needs root")]
IMAGE = "docker.io/library/bb:latest"


@pytest.fixture
def ctr(containerd: str) -> Engine:
    """`ctr(*words)`."""
    return runner(["ctr", "-a", f"{containerd}/sock"])


def test_ctr_run(ctr: Engine) -> None:
    """Output and code of a container in the foreground."""
    done = ctr(
        "run",
        "--rm",
        "--snapshotter",
        "native",
        "--runc-binary",
        runtime(),
        IMAGE,
        f"r{uuid.uuid4().hex}",
        "sh",
        "-c",
        "echo hello; exit 3",
    )
    assert (done.returncode, done.stdout) == (3, "hello\n")


def test_ctr_tasks(ctr: Engine) -> None:
    """exec, pause, resume, metrics and kill of a detached one."""
    name = f"t{uuid.uuid4().hex}"
    ctr("run", "-d", "--snapshotter", "native", "--runc-binary", runtime(), IMAGE, name, "sleep", "1000", check=True)
    assert ctr("tasks", "exec", "--exec-id", "e1", name, "echo", "inside").stdout == "inside\n"
    ctr("tasks", "pause", name, check=True)
    assert "PAUSED" in ctr("tasks", "ls").stdout
    ctr("tasks", "resume", name, check=True)
    assert "memory" in ctr("tasks", "metrics", name).stdout
    ctr("tasks", "kill", "-s", "KILL", name, check=True)
    wait_for(lambda: "STOPPED" in ctr("tasks", "ls").stdout, "the end of the task")
    ctr("tasks", "delete", name)
    ctr("containers", "delete", name, check=True)


@pytest.fixture
def cri(containerd: str) -> Iterator[tuple[Any, Any]]:
    """(the runtime service, its messages)."""
    grpc = pytest.importorskip("grpc")
    stubs = pytest.importorskip("cri_api.v1.api_pb2_grpc")
    messages = pytest.importorskip("cri_api.v1.api_pb2")
    with grpc.insecure_channel(f"unix://{containerd}/sock") as channel:
        yield stubs.RuntimeServiceStub(channel), messages


def test_a_pod_as_a_kubelet_runs_it(cri: tuple[Any, Any], containerd: str) -> None:
    """Sandbox, container, ExecSync, stats, update, stop, removal, with the handler of a RuntimeClass."""
    service, m = cri
    identifier = uuid.uuid4().hex
    pod = m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(name="pod", uid=identifier, namespace="default"),
        hostname="pod-host",
        log_directory=f"{containerd}/logs",
        linux=m.LinuxPodSandboxConfig(cgroup_parent=f"/contain-cri-{identifier}"),
    )
    sandbox = service.RunPodSandbox(m.RunPodSandboxRequest(config=pod, runtime_handler="contain"), timeout=100).pod_sandbox_id
    try:
        config = m.ContainerConfig(
            metadata=m.ContainerMetadata(name="box"),
            image=m.ImageSpec(image=IMAGE),
            command=["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"],
            log_path="box.log",
            linux=m.LinuxContainerConfig(resources=m.LinuxContainerResources(memory_limit_in_bytes=64 << 20)),
        )
        request = m.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod)
        container = service.CreateContainer(request, timeout=100).container_id
        service.StartContainer(m.StartContainerRequest(container_id=container), timeout=100)
        said = service.ExecSync(
            m.ExecSyncRequest(container_id=container, cmd=["sh", "-c", "hostname; ip -o link | wc -l; exit 4"], timeout=60), timeout=100
        )
        assert (said.stdout.split(), said.exit_code) == ([b"pod-host", b"2"], 4)
        stats = service.ContainerStats(m.ContainerStatsRequest(container_id=container), timeout=100).stats
        assert stats.memory.working_set_bytes.value > 0
        update = m.UpdateContainerResourcesRequest(container_id=container, linux=m.LinuxContainerResources(memory_limit_in_bytes=32 << 20))
        service.UpdateContainerResources(update, timeout=100)
        service.StopContainer(m.StopContainerRequest(container_id=container, timeout=30), timeout=100)
        status = service.ContainerStatus(m.ContainerStatusRequest(container_id=container), timeout=100).status
        assert status.exit_code == 7
        service.RemoveContainer(m.RemoveContainerRequest(container_id=container), timeout=100)
    finally:
        service.StopPodSandbox(m.StopPodSandboxRequest(pod_sandbox_id=sandbox), timeout=100)
        service.RemovePodSandbox(m.RemovePodSandboxRequest(pod_sandbox_id=sandbox), timeout=100)
