"""containerd runs on contain: by ctr, and by its CRI plugin over gRPC, as a kubelet drives it."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.conftest import runner, runtime, wait_for
from tests.engines.websocket import STDERR, STDIN, STDOUT, Stream, exit_code

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


class Pod:
    """A sandbox of the handler `contain`, and what a kubelet asks of it."""

    def __init__(self, service: Any, messages: Any, folder: str) -> None:
        self.service, self.m = service, messages
        identifier = uuid.uuid4().hex
        self.config = messages.PodSandboxConfig(
            metadata=messages.PodSandboxMetadata(name="pod", uid=identifier, namespace="default"),
            hostname="pod-host",
            log_directory=f"{folder}/logs",
            linux=messages.LinuxPodSandboxConfig(cgroup_parent=f"/contain-cri-{identifier}"),
        )
        self.sandbox = self.ask("RunPodSandbox", config=self.config, runtime_handler="contain").pod_sandbox_id

    def ask(self, call: str, **fields: Any) -> Any:
        """One call of the runtime service, by its name."""
        return getattr(self.service, call)(getattr(self.m, f"{call}Request")(**fields), timeout=100)

    def start(self, *command: str, **fields: Any) -> str:
        """A container that runs; its id."""
        m = self.m
        resources = m.LinuxContainerResources(memory_limit_in_bytes=64 << 20, cpu_shares=512)
        config = m.ContainerConfig(
            metadata=m.ContainerMetadata(name=f"c{uuid.uuid4().hex}"),
            image=m.ImageSpec(image=IMAGE),
            command=command,
            log_path="box.log",
            linux=m.LinuxContainerConfig(resources=resources),
            **fields,
        )
        made = self.ask("CreateContainer", pod_sandbox_id=self.sandbox, config=config, sandbox_config=self.config).container_id
        self.ask("StartContainer", container_id=made)
        return str(made)

    def run(self, container: str, *command: str) -> tuple[int, str]:
        """ExecSync: code and output."""
        done = self.ask("ExecSync", container_id=container, cmd=command, timeout=60)
        return done.exit_code, (done.stdout + done.stderr).decode()


@pytest.fixture
def pod(cri: tuple[Any, Any], containerd: str) -> Iterator[Pod]:
    """Stopped and removed at the end."""
    one = Pod(*cri, containerd)
    yield one
    one.ask("StopPodSandbox", pod_sandbox_id=one.sandbox)
    one.ask("RemovePodSandbox", pod_sandbox_id=one.sandbox)


SLEEPS = ("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")


def test_a_pod_as_a_kubelet_runs_it(pod: Pod) -> None:
    """Sandbox, container, ExecSync, stats, stop, removal, with the handler of a RuntimeClass."""
    assert pod.ask("PodSandboxStatus", pod_sandbox_id=pod.sandbox).status.runtime_handler == "contain"
    container = pod.start(*SLEEPS)
    assert pod.run(container, "sh", "-c", "hostname; ip -o link | wc -l; exit 4") == (4, "pod-host\n2\n")
    stats = pod.ask("ContainerStats", container_id=container).stats
    assert stats.memory.working_set_bytes.value > 0
    assert stats.cpu.usage_core_nano_seconds.value > 0
    listed = pod.ask("ListContainerStats", filter=pod.m.ContainerStatsFilter(pod_sandbox_id=pod.sandbox)).stats
    assert [row.attributes.id for row in listed] == [container]
    pod.ask("StopContainer", container_id=container, timeout=30)
    assert pod.ask("ContainerStatus", container_id=container).status.exit_code == 7
    pod.ask("RemoveContainer", container_id=container)
    assert not pod.ask("ListContainers", filter=pod.m.ContainerFilter(id=container)).containers


def test_resources_are_updated(pod: Pod) -> None:
    """The new limits stand in the container's cgroup, as the container sees it."""
    container = pod.start(*SLEEPS)
    new = pod.m.LinuxContainerResources(memory_limit_in_bytes=32 << 20, cpu_quota=20000, cpu_period=100000)
    pod.ask("UpdateContainerResources", container_id=container, linux=new)
    v2 = "cat memory.max cpu.max"
    v1 = "cat memory/memory.limit_in_bytes; echo $(cat cpu/cpu.cfs_quota_us) $(cat cpu/cpu.cfs_period_us)"
    script = f"cd /sys/fs/cgroup; if [ -e cgroup.controllers ]; then {v2}; else {v1}; fi"
    assert pod.run(container, "sh", "-c", script) == (0, f"{32 << 20}\n20000 100000\n")


def test_a_limit_of_memory_is_told(pod: Pod) -> None:
    """The kubelet reads OOMKilled; a container that ends by itself is Completed or Error."""
    container = pod.start("sh", "-c", "head -c 200m /dev/zero | tail; exit $?")
    wait_for(lambda: pod.ask("ContainerStatus", container_id=container).status.finished_at > 0, "the end of the container")
    wait_for(lambda: pod.ask("ContainerStatus", container_id=container).status.reason == "OOMKilled", "the word OOMKilled")
    failing = pod.start("sh", "-c", "exit 3")
    wait_for(lambda: pod.ask("ContainerStatus", container_id=failing).status.finished_at > 0, "the end of the container")
    status = pod.ask("ContainerStatus", container_id=failing).status
    assert (status.exit_code, status.reason) == (3, "Error")


def test_a_program_that_is_not_there(pod: Pod) -> None:
    """The kubelet is told why StartContainer failed, in our words."""
    grpc = pytest.importorskip("grpc")
    with pytest.raises(grpc.RpcError) as refused:
        pod.start("nonesuch")
    assert 'exec: "nonesuch": executable file not found in $PATH' in refused.value.details()


def test_exec_stream(pod: Pod) -> None:
    """kubectl exec: standard input, output and error are streams of their own, and the code comes back."""
    container = pod.start(*SLEEPS)
    script = "read line; echo out $line; echo err $line >&2; exit 5"
    fields = {"container_id": container, "stdin": True, "stdout": True, "stderr": True}
    with Stream(pod.ask("Exec", cmd=["sh", "-c", script], **fields).url) as stream:
        stream.send(STDIN, b"word\n")
        status = stream.end()
        assert (stream.said[STDOUT], stream.said[STDERR], exit_code(status)) == (b"out word\n", b"err word\n", 5)
    with Stream(pod.ask("Exec", cmd=["true"], container_id=container, stdout=True).url) as stream:
        assert exit_code(stream.end()) == 0


def test_exec_stream_with_a_terminal(pod: Pod) -> None:
    """kubectl exec -it: a terminal, which takes the client's size, and its keys: ^C interrupts."""
    container = pod.start(*SLEEPS)
    script = "tty; read line; stty size; trap 'echo interrupted; exit 6' INT; echo waiting; while :; do sleep 0.1; done"
    url = pod.ask("Exec", container_id=container, cmd=["sh", "-c", script], tty=True, stdin=True, stdout=True).url
    with Stream(url) as stream:
        stream.until(STDOUT, b"/dev/pts/")
        stream.resize(123, 45)
        wait_for(lambda: pod.run(container, "sh", "-c", "stty -F /dev/pts/0 size") == (0, "45 123\n"), "the terminal's size")
        stream.send(STDIN, b"\n")
        stream.until(STDOUT, b"45 123\r\nwaiting")
        stream.send(STDIN, b"\x03")
        assert exit_code(stream.end()) == 6
        assert b"interrupted" in stream.said[STDOUT]


def test_attach_stream(pod: Pod) -> None:
    """kubectl attach: to the standard streams of the container's own program."""
    container = pod.start("sh", "-c", "read line; echo got $line; sleep 1000", stdin=True)
    with Stream(pod.ask("Attach", container_id=container, stdin=True, stdout=True, stderr=True).url) as stream:
        stream.send(STDIN, b"this\n")
        stream.until(STDOUT, b"got this\n")
