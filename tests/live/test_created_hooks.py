"""Hooks and a seccomp agent with create, start, delete and run as engines use them: each failure does what the specification demands."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CONFIG
from tests.live.test_security import Agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.runtime import Runtime

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace"),
]

FAILS: list[dict[str, Any]] = [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/dev/null; echo no luck >&2; exit 3"]}]
MISSING: list[dict[str, Any]] = [{"path": "/nonesuch/hook"}]
HANGS: list[dict[str, Any]] = [{"path": "/bin/sh", "args": ["sh", "-c", "sleep 1000"], "env": ["PATH=/usr/bin:/bin"], "timeout": 1}]


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
@pytest.mark.parametrize("hooks", [FAILS, HANGS])
def test_failure_at_create(runtime: Runtime, make_bundle: Callable[..., str], kind: str, hooks: list[dict[str, Any]]) -> None:
    """It ends the creation, poststop hooks have their turn, nothing is left."""
    trail = f"{runtime.root}.trail"
    after = [{"path": "/bin/sh", "args": ["sh", "-c", f"cat > {trail}"], "env": ["PATH=/usr/bin:/bin"]}]
    bundle = make_bundle("/bin/sleep", "100", hooks={kind: hooks, "poststop": after})
    name = runtime.named()
    assert runtime("create", "--bundle", bundle, name).returncode == 1
    assert f"hooks.{kind}[0]" in runtime.logged()
    assert not os.path.exists(f"{runtime.root}/{name}")
    with open(trail, encoding="utf-8") as file:
        assert json.load(file)["status"] == "stopped"


def test_failure_at_start_inside(runtime: Runtime) -> None:
    """startContainer: `start` says it, and the container has stopped without its program."""
    name = runtime.create("/bin/echo", "ran", hooks={"startContainer": FAILS})
    assert runtime("start", name).returncode == 1
    assert "hooks.startContainer[0]" in runtime.logged()
    runtime.until(name, "stopped")
    assert "ran" not in runtime.said()


@pytest.mark.parametrize("hooks", [FAILS, HANGS])
def test_failure_behind_start(runtime: Runtime, hooks: list[dict[str, Any]]) -> None:
    """poststart: an error, and the container is stopped."""
    name = runtime.create("/bin/sleep", "100", hooks={"poststart": hooks})
    assert runtime("start", name).returncode == 1
    assert "hooks.poststart[0]" in runtime.logged()
    runtime.until(name, "stopped")


@pytest.mark.parametrize("hooks", [FAILS, HANGS, MISSING])
def test_failure_at_the_end(runtime: Runtime, hooks: list[dict[str, Any]]) -> None:
    """poststop: a warning in the log; the others run, and the container is gone."""
    trail = f"{runtime.root}.trail"
    after = [{"path": "/bin/sh", "args": ["sh", "-c", f"cat > {trail}"], "env": ["PATH=/usr/bin:/bin"]}]
    name = runtime.create("/bin/true", hooks={"poststop": [*hooks, *after]})
    done = runtime("delete", name)
    assert (done.returncode, done.stderr) == (0, "")
    with open(runtime.log, encoding="utf-8") as file:
        row = json.loads(file.readlines()[-1])
    assert (row["level"], "hooks.poststop[0]" in row["msg"]) == ("warning", True)
    with open(trail, encoding="utf-8") as file:
        assert json.load(file)["status"] == "stopped"
    assert "does not exist" in runtime("state", name).stderr


@pytest.mark.parametrize("kind", ["prestart", "startContainer", "poststart", "poststop"])
def test_a_child_that_a_hook_leaves_behind(runtime: Runtime, tmp_path: Path, kind: str) -> None:
    """It holds the hook's output, and nobody waits for it; the hook itself may write much, and need not read the state."""
    pid = "/tmp/pid" if kind == "startContainer" else str(tmp_path / "pid")
    script = f"sleep 1000 & echo $! > {pid}; head -c 300000 /dev/zero"
    path = "/usr/bin:/bin"
    notes = {"much": "x" * 200000}
    hooks = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": [f"PATH={path}"]}]}
    name = runtime.create("/bin/true" if kind == "poststop" else "/bin/sleep", "100", hooks=hooks, annotations=notes)
    for words in (("start",), ("delete", "--force")) if kind != "poststop" else (("delete",),):
        assert runtime(*words, name, timeout=60).returncode == 0
    if kind != "startContainer":
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("words", [(), ("--detach",)])
def test_failure_behind_run(runtime: Runtime, make_bundle: Callable[..., str], words: tuple[str, ...]) -> None:
    """poststart of `run`: the same."""
    bundle = make_bundle("/bin/sleep", "100", hooks={"poststart": FAILS})
    name = runtime.named()
    assert runtime("run", *words, "--bundle", bundle, name).returncode == 1
    assert "hooks.poststart[0]" in runtime.logged()
    assert not os.path.exists(f"{runtime.root}/{name}")


@pytest.mark.parametrize("verb", ["create", "run"])
def test_seccomp_agent(runtime: Runtime, tmp_path: Path, verb: str) -> None:
    """listenerPath: while `create` or `run` lives, the agent gets the listener with the container process state; and one of each `exec`."""
    agent = Agent(str(tmp_path / "agent"), 28, times=2)
    rules = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]
    seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(tmp_path / "agent"), "listenerMetadata": "words", "syscalls": rules}
    name = runtime.make(verb, "/bin/sh", "-c", "mkdir /tmp/x; sleep 100", linux={**CONFIG["linux"], "seccomp": seccomp})
    if verb == "create":
        assert agent.states[0]["state"]["status"] == "creating"
        assert runtime("start", name).returncode == 0
    runtime.eventually(lambda: "No space left on device" in runtime.said())
    assert "No space left on device" in runtime("exec", name, "mkdir", "/tmp/y").stderr
    agent.close()
    state, of_exec = agent.states
    assert (of_exec["state"]["status"], of_exec["state"]["pid"], of_exec["metadata"]) == ("running", state["pid"], "words")
    assert of_exec["pid"] not in {0, state["pid"]}
    assert (state["ociVersion"], state["fds"], state["metadata"]) == ("1.3.0", ["seccompFd"], "words")
    assert state["pid"] == state["state"]["pid"] == runtime.state(name)["pid"]
    assert (state["state"]["id"], state["state"]["bundle"]) == (name, runtime.state(name)["bundle"])


@pytest.mark.parametrize("kind", ["prestart", "poststart"])
def test_a_hook_that_never_stops_writing(runtime: Runtime, make_bundle: Callable[..., str], kind: str) -> None:
    """Its time ends all the same."""
    hooks = {kind: [{"path": "/usr/bin/yes", "timeout": 1}]}
    name, bundle = runtime.named(), make_bundle("/bin/sleep", "100", hooks=hooks)
    with open(os.devnull, "w") as nowhere:
        made = runtime("create", "--bundle", bundle, name, capture_output=False, stdout=nowhere, stderr=nowhere, timeout=60)
    assert made.returncode == (1 if kind == "prestart" else 0)
    assert kind == "prestart" or runtime("start", name, timeout=60).returncode == 1
    assert "longer than" in runtime.logged()
