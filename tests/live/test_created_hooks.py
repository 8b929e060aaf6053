"""Hooks and a seccomp agent with create, start, delete and run as engines use them: each failure does what the specification demands."""

from __future__ import annotations

import json
import os
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


def test_failure_at_the_end(runtime: Runtime) -> None:
    """poststop: a warning; the others run, and the container is gone."""
    name = runtime.create("/bin/true", hooks={"poststop": FAILS})
    done = runtime("delete", name)
    assert (done.returncode, "hooks.poststop[0]" in done.stderr) == (0, True)
    assert "does not exist" in runtime("state", name).stderr


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
    """listenerPath: while `create` or `run` lives, the agent gets the listener with the container process state."""
    agent = Agent(str(tmp_path / "agent"), 28)
    rules = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]
    seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(tmp_path / "agent"), "listenerMetadata": "words", "syscalls": rules}
    name = runtime.make(verb, "/bin/sh", "-c", "mkdir /tmp/x; sleep 100", linux={**CONFIG["linux"], "seccomp": seccomp})
    if verb == "create":
        assert agent.states[0]["state"]["status"] == "creating"
        assert runtime("start", name).returncode == 0
    agent.close()
    (state,) = agent.states
    assert (state["ociVersion"], state["fds"], state["metadata"]) == ("1.3.0", ["seccompFd"], "words")
    assert state["pid"] == state["state"]["pid"] == runtime.state(name)["pid"]
    assert (state["state"]["id"], state["state"]["bundle"]) == (name, runtime.state(name)["bundle"])
    runtime.eventually(lambda: "No space left on device" in runtime.said())
