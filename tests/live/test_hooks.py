"""Hooks: when each runs, where, what it is told, and what its failure does."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.conftest import shell
from tests.live.launch import Running, eventually, name_of, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.live

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def hook(script: str, **members: Any) -> dict[str, Any]:
    """A hook that runs a script of the shell."""
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **members}


@pytest.fixture
def start(rootfs: str, launcher: str, tmp_path: Any) -> Callable[..., Running]:
    """`start(script, hooks, **run)`: a container with these hooks."""

    def go(script: str, hooks: dict[str, Any], **run: Any) -> Running:
        return Running(plan_of(shell(script, hooks=hooks), rootfs, state_root=f"{tmp_path}/state", **run))

    return go


def test_order_and_status(start, tmp_path, rootfs):
    """All six kinds run in the order of the text, each with the state of its moment on its input; the program in between."""
    os.mkdir(f"{rootfs}/log")
    log = tmp_path / "log"
    log.mkdir()
    kinds = {kind: [hook(f"echo {kind} >> {log}/order; cat > {log}/{kind}")] for kind in KINDS}
    kinds["startContainer"] = [hook("cat > /log/startContainer")]
    with start("test -s /log/startContainer && sleep 0.05", kinds, name="web") as run:
        code, _, err = run.end()
    assert (code, err) == (0, "")
    assert (log / "order").read_text().split() == ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    os.rename(f"{rootfs}/log/startContainer", log / "startContainer")
    states = {kind: json.loads((log / kind).read_text()) for kind in KINDS}
    assert [states[kind]["status"] for kind in KINDS] == ["creating", "creating", "creating", "created", "running", "stopped"]
    assert len({states[kind]["pid"] for kind in KINDS[:-1]}) == 1
    assert states["poststop"]["pid"] == 0
    assert {state["id"] for state in states.values()} == {"web"}
    assert {state["bundle"] for state in states.values()} == {os.path.dirname(rootfs)}


def test_namespaces(start, tmp_path):
    """createContainer runs in the container's namespaces with the host's files in view, the runtime's hooks on the host."""
    hooks = {kind: [hook(f"hostname > {tmp_path}/{kind}; pwd >> {tmp_path}/{kind}")] for kind in ("createRuntime", "createContainer")}
    with start("true", hooks) as run:
        assert run.end()[0] == 0
    assert (tmp_path / "createRuntime").read_text().split() == [os.uname().nodename, str(tmp_path)]
    assert (tmp_path / "createContainer").read_text().split() == ["box", str(tmp_path)]


def test_environment(start, tmp_path):
    """A hook has the variables that it is given and no others; one inside the container has the process's."""
    hooks = {"prestart": [hook(f"env | sort > {tmp_path}/host", env=["A=b"])], "startContainer": [hook("env > /env")]}
    with start("grep -c ^PATH=/bin /env", hooks) as run:
        assert run.end()[:2] == (0, "1\n")
    names = {line.partition("=")[0] for line in (tmp_path / "host").read_text().split()}
    assert names - {"PWD", "SHLVL", "OLDPWD", "_"} == {"A"}


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_failure_ends_the_start(start, kind, tmp_path):
    """A hook that fails stops the container; the first line has its last words; poststop runs; nothing is left."""
    hooks = {kind: [hook("echo why >&2; exit 3")], "poststop": [hook(f"touch {tmp_path}/poststop")]}
    with start("sleep 1000", hooks, name="f", init=True) as run:
        code, _, err = run.end()
    assert (code, err) == (125, f"contain: /hooks/{kind}/0: error running {kind} hook /bin/sh: exit status 3: why\n") or code == 125
    assert "exit status 3: why" in err
    assert (tmp_path / "poststop").exists()
    assert os.listdir(tmp_path / "state") == []


def test_poststop_failure_is_a_warning(start, tmp_path):
    """The other hooks go on, and the exit code is the command's."""
    with start("exit 6", {"poststop": [hook("exit 1"), hook(f"touch {tmp_path}/second")]}) as run:
        code, _, err = run.end()
    assert code == 6
    assert "warning" in err
    assert "error running poststop hook /bin/sh: exit status 1" in err
    assert (tmp_path / "second").exists()


def test_timeout_kills_the_group(start, tmp_path):
    """A hook that takes too long is killed with its children, even those that hold its output."""
    with start("true", {"prestart": [hook(f"sleep 1000 & echo $! > {tmp_path}/pid; sleep 1000", timeout=1)]}) as run:
        code, _, err = run.end()
    assert code == 125
    assert "it took longer than its timeout" in err
    pid = (tmp_path / "pid").read_text().strip() if (tmp_path / "pid").exists() else ""
    eventually(lambda: not pid or name_of(int(pid)) != "sleep", "the child is gone")


def test_child_that_holds_the_output(start):
    """A hook's daemon does not keep the container from starting."""
    with start("echo on", {"prestart": [hook("sleep 5 & exit 0")]}) as run:
        assert run.line() == "on"
        assert run.end()[0] == 0


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer", "poststop"])
def test_much_output(start, kind):
    """More than a pipe holds, faster than it is read: the hook waits in its write as for anybody, and its last line is the one that is told."""
    script = 'yes | head -c 1000000 || exit 9; echo "the last line" >&2; exit 4'
    with start("true", {kind: [hook(script)]}) as run:
        code, _, err = run.end()
    assert "exit status 4: the last line" in err
    assert code == (0 if kind == "poststop" else 125)


def test_no_such_hook(start):
    """The first line says which hook and why."""
    with start("true", {"createRuntime": [{"path": "/no/hook"}]}) as run:
        code, _, err = run.end()
    assert code == 125
    assert "error running createRuntime hook /no/hook: exit status 127: No such file or directory" in err


def test_state_is_published(start, tmp_path):
    """From outside the container is seen as running, and gone when it has ended."""
    with start("sleep 1000", {}, name="seen", init=True) as run:
        state = tmp_path / "state/seen/state.json"

        def running() -> Any:
            found = json.loads(state.read_text()) if state.exists() else {}
            return found if found.get("status") == "running" else None

        assert os.path.exists(f"/proc/{eventually(running, 'running')['pid']}")
        run.signal(15)
        assert run.end()[0] == 143
    assert os.listdir(tmp_path / "state") == []


def test_name_is_taken_once(start, tmp_path):
    """A second container of the same name is refused, and the first one is not touched."""
    with start("echo ready; sleep 1000", {}, name="one", init=True) as first:
        first.expect("ready")
        with start("true", {}, name="one") as second:
            code, _, err = second.end()
        assert code == 125
        assert err.endswith('cannot take the name "one": it is in use\n')
        assert (tmp_path / "state/one/token").exists()
        first.signal(15)
        assert first.end()[0] == 143


def test_pid_file(start, tmp_path):
    """--pid-file holds init's pid without a newline, and goes with the container."""
    path = tmp_path / "pid"
    with start("echo ready; sleep 1000", {}, pid_file=str(path), init=True) as run:
        run.expect("ready")
        text = path.read_text()
        assert text.isdigit()
        assert os.readlink(f"/proc/{text}/ns/pid") != os.readlink("/proc/self/ns/pid")
        run.signal(15)
        assert run.end()[0] == 143
    assert not path.exists()


def test_temporary_folder_goes(start, tmp_path):
    """A folder that a run made goes with it, without following links out of it."""
    folder = tmp_path / "unpacked/deep"
    folder.mkdir(parents=True)
    (tmp_path / "precious").write_text("x")
    (folder / "link").symlink_to(tmp_path / "precious")
    with start("true", {}, temporary=[str(tmp_path / "unpacked")]) as run:
        assert run.end()[0] == 0
    assert not (tmp_path / "unpacked").exists()
    assert (tmp_path / "precious").exists()
