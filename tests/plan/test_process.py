"""Environment, program, limits, scheduling: as plans."""

from __future__ import annotations

from typing import Any

import pytest

from contain.errors import ManifestError
from contain.plan import stage
from contain.plan.compile.exec import Target, compile_exec
from contain.plan.operations.process import Execute, FindProgram, LeaveHost, LimitResource, SetOomScore
from contain.plan.operations.scheduling import SetAffinity, SetIoPriority, SetMemoryPolicy, SetPersonality, SetScheduler
from tests.plan.test_security import host_of, one, plan_of, spec_of


def test_of_duplicate_variables_the_last_one_wins() -> None:
    """At the place of the first; HOME is the container's when it is not given or empty."""
    operations = plan_of(spec_of(env=["PATH=/a", "A=1", "B=2", "A=3", "HOME="]))
    assert one(operations, Execute).env == ["PATH=/a", "A=3", "B=2", "HOME=/root"]
    assert {each.path for each in operations if type(each) is FindProgram} == {"/a"}


def test_home_that_is_given_stays() -> None:
    """What the manifest says is obeyed."""
    assert one(plan_of(spec_of(env=["HOME=/x"])), Execute).env == ["HOME=/x"]


def test_path_without_one() -> None:
    """The usual folders are searched, as execvp does."""
    assert all("/usr/bin" in each.path for each in plan_of(spec_of(env=[])) if type(each) is FindProgram)


@pytest.mark.parametrize("row", ["NOVALUE", "=x"])
def test_variables_that_are_none(row: str) -> None:
    """Named; runc refuses them too."""
    with pytest.raises(ManifestError, match="invalid environment variable"):
        plan_of(spec_of(env=[row]))


def test_nothing_to_run() -> None:
    """An empty args is said, not passed to execve."""
    with pytest.raises(ManifestError, match="there is nothing to run"):
        plan_of(spec_of(args=[]))


def test_words_that_engines_match() -> None:
    """Both look-ups, at create and at start, begin as Go's os/exec does, and so does execve."""
    operations = [each for each in plan_of(spec_of(args=["prog", "x"])) if type(each) in {FindProgram, Execute}]
    assert [each.words() for each in operations] == ['exec: "prog"'] * 3
    assert [each.stage for each in operations] == [stage.LOCK, stage.GO, stage.GO]


def test_umask() -> None:
    """As given; 0022 otherwise, whatever the caller's is."""
    assert one(plan_of(spec_of(user={"umask": 0o77})), LeaveHost).umask == 0o77
    assert one(plan_of(spec_of()), LeaveHost).umask == 0o22


def limits(*rows: tuple[str, int, int], **facts: Any) -> list[LimitResource]:
    """The operations for these limits."""
    wanted = [{"type": name, "soft": soft, "hard": hard} for name, soft, hard in rows]
    return [each for each in plan_of(spec_of(rlimits=wanted), host_of(**facts)) if type(each) is LimitResource]


def test_limits() -> None:
    """Lowering is init's own last work; raising needs the host, when the set-up is done; huge numbers mean unlimited."""
    rlimits = {"RLIMIT_NOFILE": [1024, 4096], "RLIMIT_CORE": [0, -1]}
    rows = (("RLIMIT_NOFILE", 100, 4096), ("RLIMIT_NOFILE", 100, 4097), ("RLIMIT_CORE", 5, 2**64 - 1), ("RLIMIT_NOFILE", -1, -1))
    found = {(one_.soft, one_.hard): one_.stage for one_ in limits(*rows, rlimits=rlimits)}
    assert found == {(100, 4096): stage.GO, (100, 4097): stage.HOST_HOOKS, (5, -1): stage.GO, (-1, -1): stage.HOST_HOOKS}


def test_unknown_limit() -> None:
    """Named, with its place in the manifest."""
    with pytest.raises(ManifestError, match="unknown resource limit RLIMIT_FUN"):
        limits(("RLIMIT_FUN", 1, 1))


def test_oom_score() -> None:
    """Unset, or what it is already: nothing is written."""
    assert one(plan_of(spec_of(oomScoreAdj=100)), SetOomScore).value == 100
    assert SetOomScore not in map(type, plan_of(spec_of(oomScoreAdj=50), host_of(oom_score_adj=50)))
    assert SetOomScore not in map(type, plan_of(spec_of()))


def test_oom_score_of_an_ordinary_user() -> None:
    """Lowering is left out with a warning; raising is not."""
    user = {"uid": 1000, "euid": 1000, "caps": frozenset(), "oom_score_adj": 0}
    linux = {"namespaces": [{"type": "user"}]}
    spec = spec_of(oomScoreAdj=-5, linux=linux)
    assert SetOomScore not in map(type, plan_of(spec, host_of(**user)))
    assert spec.warnings == ["oomScoreAdj stays 0: an ordinary user cannot lower it"]
    assert one(plan_of(spec_of(oomScoreAdj=5, linux=linux), host_of(**user)), SetOomScore).value == 5


def test_scheduler() -> None:
    """Names become the kernel's numbers, before the ids change."""
    deadline = {
        "policy": "SCHED_DEADLINE",
        "runtime": 10,
        "deadline": 20,
        "period": 30,
        "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"],
    }
    operations = plan_of(spec_of(scheduler=deadline))
    found = one(operations, SetScheduler)
    assert (found.number, found.flags, found.runtime, found.deadline, found.period) == (6, 3, 10, 20, 30)
    assert operations.index(found) < [type(each).__name__ for each in operations].index("SetIds")
    assert (
        one(plan_of(spec_of(scheduler={"policy": "SCHED_BATCH", "nice": -5})), SetScheduler).describe()
        == "set the scheduler SCHED_BATCH, nice -5"
    )


def test_io_priority() -> None:
    """Class and level in one number."""
    assert one(plan_of(spec_of(ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 7})), SetIoPriority).value == 3 << 13 | 7


def test_personality() -> None:
    """LINUX32."""
    assert one(plan_of(spec_of(linux={"personality": {"domain": "LINUX32"}})), SetPersonality).value == 8


def test_memory_policy() -> None:
    """Modes, flags, and nodes as a mask."""
    policy = {"mode": "MPOL_INTERLEAVE", "nodes": "0-2,9", "flags": ["MPOL_F_STATIC_NODES"]}
    found = one(plan_of(spec_of(linux={"memoryPolicy": policy})), SetMemoryPolicy)
    assert (found.number, found.nodes) == (3 | 1 << 15, b"\x07\x02")
    assert found.describe() == "set the memory policy MPOL_INTERLEAVE to nodes 0,1,2,9"


@pytest.mark.parametrize("nodes", ["x", "3-1", "1-", "-", "1,,2"])
def test_node_lists_that_are_none(nodes: str) -> None:
    """Refused with an example."""
    with pytest.raises(ManifestError, match="invalid list"):
        plan_of(spec_of(linux={"memoryPolicy": {"mode": "MPOL_BIND", "nodes": nodes}}))


@pytest.mark.parametrize(
    "members",
    [
        {"scheduler": {"policy": "SCHED_WILD"}},
        {"ioPriority": {"class": "IOPRIO_CLASS_BEST", "priority": 1}},
        {"linux": {"personality": {"domain": "MINIX"}}},
        {"linux": {"memoryPolicy": {"mode": "MPOL_ODD"}}},
    ],
)
def test_unknown_names(members: dict[str, Any]) -> None:
    """Each says which names there are."""
    with pytest.raises(ManifestError, match="unknown value"):
        plan_of(spec_of(**members))


def test_affinity_of_exec() -> None:
    """One set of processors until the cgroup is joined, another from then on; not for a container's first process."""
    spec = spec_of(execCPUAffinity={"initial": "0-1", "final": "7"})
    operations = compile_exec(spec, host_of(), Target("/run/contain", "web", {}, maps_root=True)).operations
    found = [each for each in operations if type(each) is SetAffinity]
    assert [(each.stage, each.processors) for each in found] == [(stage.JOIN, b"\x03"), (stage.LOCK, b"\x80")]
    assert SetAffinity not in map(type, plan_of(spec))
