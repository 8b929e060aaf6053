"""The real kubectl at a pod of ours: its streams are SPDY's (before 1.31 its only way), and containerd serves them as it does a kubelet."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engines.apiserver import Server
from tests.engines.terminal import play
from tests.engines.test_containerd import SLEEPS, Pod, cri, pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["cri", "pod"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.geteuid() != 0, reason="starts engines, so it needs root"),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl: apt-get install kubernetes-client"),
]


def opener(pod: Pod, container: str) -> Callable[[str, dict[str, list[str]]], str]:
    """What an API server and a kubelet make of kubectl's request."""

    def url(verb: str, query: dict[str, list[str]]) -> str:
        flags = {name: query.get(name, ["false"])[0] in {"true", "1"} for name in ("stdin", "stdout", "stderr", "tty")}
        if verb == "attach":
            return str(pod.ask("Attach", container_id=container, **flags).url)
        return str(pod.ask("Exec", container_id=container, cmd=query["command"], **flags).url)

    return url


def words(server: Server, *rest: str) -> list[str]:
    """kubectl's command line."""
    return ["kubectl", "--server", server.url, *rest]


def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the machine's configuration; SPDY, where kubectl would try a websocket first."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}


def test_exec(pod: Pod, tmp_path: Path) -> None:
    """Standard streams of their own, and the code of the program."""
    container = pod.start(*SLEEPS)
    script = "read line; echo out $line; echo err $line >&2; exit 5"
    with Server("web", opener(pod, container)) as server:
        done = subprocess.run(
            words(server, "exec", "-i", "web", "--", "sh", "-c", script),
            input="word\n",
            capture_output=True,
            text=True,
            timeout=100,
            env=environment(tmp_path),
            check=False,
        )
        assert done.stdout == "out word\n", done.stderr
        assert done.stderr.startswith("err word\n")
        assert done.returncode == 5
        assert server.upgrades == ["SPDY/3.1"]


def test_exec_at_a_terminal(pod: Pod, tmp_path: Path) -> None:
    """exec -it: keys, size and ^C of a person."""
    container = pod.start(*SLEEPS)
    with Server("web", opener(pod, container)) as server:
        settings = [f"{name}={value}" for name, value in environment(tmp_path).items()]
        play(["env", "-i", *settings, *words(server, "exec", "-it", "web", "--")])
        assert server.upgrades == ["SPDY/3.1"]


def test_attach(pod: Pod, tmp_path: Path) -> None:
    """attach -i: the standard streams of the container's own program."""
    container = pod.start("sh", "-c", "while read line; do echo got $line; done; sleep 1000", stdin=True)
    with Server("web", opener(pod, container)) as server:
        command = words(server, "attach", "-i", "web")
        with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-3, text=True, env=environment(tmp_path)) as kubectl:
            assert kubectl.stdin
            assert kubectl.stdout
            kubectl.stdin.write("this\n")
            kubectl.stdin.flush()
            assert kubectl.stdout.readline() == "got this\n"
            kubectl.kill()
        assert server.upgrades == ["SPDY/3.1"]
