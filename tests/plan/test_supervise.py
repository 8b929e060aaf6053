"""What watches a container and what is written down about it, by its plan alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contain.errors import ContainError, HostError, ManifestError, UsageError
from contain.host.model import CgroupLayout, Host
from contain.plan import stage
from contain.plan.compile import compile_run
from contain.plan.operations.hooks import RunHook
from contain.plan.operations.notes import KeepNote, NoteInit
from contain.plan.operations.state import ClaimState, EndState, PublishState, RemoveFile, WritePidFile
from contain.plan.operations.supervise import LimitProcessorTime, Supervise
from contain.plan.operations.terminal import EmptyInput, OpenTerminal, TakeTerminal
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
from contain.state import layout
from contain.state.summary import fill, parse
from tests.live.conftest import config_of

HOST = Host(uid=0, gid=0, euid=0, egid=0, caps=frozenset(["CAP_SYS_ADMIN"]), kernel=(6, 1))


def operations(run: dict[str, Any] | None = None, host: Host = HOST, **members: Any) -> list[Any]:
    """The operations for a configuration and options."""
    spec = Spec(defaults.fill(config_of("true", **members)), kind="oci", bundle="/b", root="/b/rootfs", run=RunOptions(**(run or {})))
    return compile_run(spec, host).operations


def only(found: list[Any], kind: type) -> Any:
    """The one operation of a class."""
    (one,) = [operation for operation in found if isinstance(operation, kind)]
    return one


def refused(**values: Any) -> ContainError:
    """The error of a plan that cannot be."""
    with pytest.raises(ContainError) as caught:
        operations(**values)
    return caught.value


@pytest.mark.parametrize(("run", "kind"), [({"pidfd_socket": "/s"}, "SendPidfd"), ({"labels": {"a": "b"}}, "ClaimState")])
def test_what_needs_a_state_folder_has_one(run, kind):
    """Where no cgroup and no name makes one anyhow: the option would have no effect, and nobody be told."""
    found = operations({"init": True, **run})
    assert kind in {type(one).__name__ for one in found}
    if "labels" in run:
        assert parse(only(found, ClaimState).summary).labels == {"a": "b"}


def test_nothing_is_written_without_need():
    """A run without a name, a cgroup, hooks or files has no state folder, and no note."""
    assert not any(isinstance(one, (ClaimState, PublishState, EndState, KeepNote)) for one in operations({"init": True}))


@pytest.mark.parametrize("run", [{"name": "a"}, {"keep": True}, {"detach": True}, {"pid_file": "/p"}, {"temporary": ["/t"]}])
def test_state_when_asked_for(run):
    """Each of these needs the folder or a note, which stands before all else but the watch."""
    found = operations(run)
    assert [type(one) for one in found[:2]] == [Supervise, KeepNote if "pid_file" in run or "temporary" in run else ClaimState]


def test_state_is_what_the_page_says():
    """Template and summary, their holes filled as the launcher does it, are what readers expect."""
    claim = only(operations({"name": "web", "labels": {"a": "b\nc"}}, annotations={"x": 'q"\n'}), ClaimState)
    values = {"pid": "7", "status": "running", "created": "2026-01-01T00:00:00.000000000Z", "token": "t", "start": "9"}
    state = json.loads(fill(claim.template, values))
    assert (state["id"], state["pid"], state["status"], state["annotations"]) == ("web", 7, "running", {"x": 'q"\n'})
    summary = parse(fill(claim.summary, values))
    assert summary
    assert (summary.id, summary.pid, summary.status, summary.token, summary.labels) == ("web", 7, "running", "t", {"a": "b\nc"})
    assert summary.process("init") == (7, 9)
    assert json.loads(claim.config)["process"]["args"] == ["true"]


def test_a_name_of_the_launchers_own():
    """Without a name the id is a hole."""
    claim = only(operations({"keep": True}), ClaimState)
    assert claim.id == ""
    assert layout.hole("id") in claim.template


def test_order_of_the_end():
    """The state folder goes after all that it could tell to undo, and poststop comes last."""
    found = operations({"name": "a", "pid_file": "/p"}, hooks={"poststop": [{"path": "/x"}]})
    assert [type(one) for one in found if one.stage == stage.TEARDOWN][-3:] == [RemoveFile, EndState, RunHook]


def test_create_leaves_hooks_to_later_verbs():
    """What start and delete run is named in the summary; poststop is in the plan for a creation that fails, poststart is not."""
    hooks = {kind: [{"path": "/x"}] for kind in ("prestart", "poststart", "poststop")}
    found = operations({"name": "a", "contract": "create", "runc": True, "pid_file": "/p"}, hooks=hooks)
    assert [one.kind for one in found if isinstance(one, RunHook)] == ["prestart", "poststop"]
    claim = only(found, ClaimState)
    summary = parse(claim.summary)
    assert summary
    assert summary.hooks == ["poststart", "poststop"]
    assert [(one.status, one.release) for one in found if isinstance(one, PublishState)] == [("created", True)]
    assert only(found, WritePidFile).undo == 0
    assert only(found, Supervise).failure_code == 1


def test_hooks_say_where_and_when():
    """Stage, time limit in milliseconds, and the folder of each kind."""
    hooks = {"createRuntime": [{"path": "/x", "timeout": 2}], "startContainer": [{"path": "/y", "args": ["y", "z"]}]}
    host, inside = [one for one in operations(hooks=hooks) if isinstance(one, RunHook)]
    assert (host.stage, host.timeout, host.cwd, host.args, host.env) == (stage.HOST_HOOKS, 2000, "/b", ["/x"], [])
    assert (inside.stage, inside.cwd, inside.args) == (stage.GO, "/", ["y", "z"])
    assert inside.env[0].startswith("PATH=")
    assert host.origin == "/hooks/createRuntime/0"


def test_terminal():
    """With our own init the program takes it, else PID 1 does; without one standard input may be empty."""
    assert only(operations({"tty": True}), TakeTerminal).stage == stage.PREPARE
    assert only(operations({"tty": True, "init": True}), TakeTerminal).stage == stage.GO
    opened = only(operations(process={"terminal": True, "consoleSize": {"width": 5, "height": 6}}), OpenTerminal)
    assert (opened.width, opened.height, opened.socket) == (5, 6, 0)
    assert only(operations({"interactive": False}), EmptyInput)


def test_refusals():
    """What cannot be is said before anything is touched."""
    assert isinstance(refused(run={"tty": True, "detach": True}), UsageError)
    assert isinstance(refused(run={"console_socket": "/s"}), UsageError)
    assert isinstance(refused(run={"init": True}, linux={"namespaces": [{"type": "mount"}, {"type": "uts"}]}), HostError)
    assert isinstance(refused(linux={"namespaces": [{"type": "mount"}]}), ManifestError)
    assert isinstance(refused(run={"name": "a"}, annotations={"x": "y" * 1_000_001}), ManifestError)


def test_processor_time_needs_a_cgroup():
    """Without one it is refused, or when that may be missing each process is limited alone."""
    assert isinstance(refused(run={"cpu_time": 2.0}), HostError)
    found = operations({"cpu_time": 1.5, "allow_missing": ["cpu-time"]})
    assert [(one.number, one.soft) for one in found if type(one).__name__ == "LimitResource"] == [(0, 2)]
    assert type([one for one in found if one.stage <= stage.GO][-1]).__name__ == "Execute"  # what stands behind it is never done
    v2 = CgroupLayout(
        mode="v2", unified="/sys/fs/cgroup", own={"": "/"}, here={"": "/sys/fs/cgroup"}, base={"": "/sys/fs/cgroup"}, delegated=True
    )
    limit = only(operations({"cpu_time": 1.5}, Host(**{**HOST.values(), "cgroup": v2})), LimitProcessorTime)
    assert (limit.milliseconds, limit.v2) == (1500, True)


def test_cgroup_of_a_run_without_a_name_is_found_later() -> None:
    """The id that the launcher makes stands in the summary's folders too, as a hole that it fills."""
    groups = CgroupLayout(
        mode="v1",
        hierarchies={"pids": "/sys/fs/cgroup/pids"},
        own={"pids": "/"},
        here={"pids": "/g"},
        base={"pids": "/g"},
        controllers=["pids"],
        delegated=True,
    )
    host = Host(uid=0, gid=0, euid=0, egid=0, caps=frozenset(["CAP_SYS_ADMIN"]), kernel=(6, 1), cgroup=groups)
    found = only(
        operations(
            {"keep": True},
            host,
            linux={
                "namespaces": [{"type": name} for name in ("mount", "pid", "uts", "network", "ipc")],
                "resources": {"pids": {"limit": 5}},
            },
        ),
        ClaimState,
    )
    assert f"/contain-{layout.hole('id')}\n" in found.summary


def test_who_can_be_asked_for_has_a_folder_the_others_a_note() -> None:
    """A note is enough for the sweep; hooks are told the state, a joiner makes init late."""

    def kept(run: dict[str, object], **config: object) -> list[str]:
        kinds = {"ClaimState", "PublishState", "EndState", "KeepNote", "NoteInit", "EndNote"}
        return [type(one).__name__ for one in operations({"pid_file": "/p", **run}, **config) if type(one).__name__ in kinds]

    assert kept({}) == ["KeepNote", "NoteInit", "EndNote"]
    assert kept({"name": "web"}) == ["ClaimState", "PublishState", "PublishState", "EndState"]
    assert kept({}, hooks={"poststop": [{"path": "/x"}]}) == ["ClaimState", "PublishState", "EndState"]
    noted = only(operations({"pid_file": "/p"}), NoteInit)
    joined = [{"type": "mount"}, {"type": "uts"}, {"type": "pid", "path": "/proc/1/ns/pid"}]
    late = only(operations({"pid_file": "/p"}, linux={"namespaces": joined}), NoteInit)
    assert (noted.stage, late.stage) == (stage.MAP, stage.PUBLISH)
