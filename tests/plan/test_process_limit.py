"""Who holds contain's own default limit of processes: RLIMIT_NPROC where it counts the container and nobody else, a cgroup where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contain.plan.compile import compile_run
from contain.plan.operations.cgroup import MakeCgroup, WriteCgroup
from contain.plan.operations.process import LimitResource
from contain.spec import semantics, sources
from contain.spec.options import Options
from tests.plan.test_machines import host_of

if TYPE_CHECKING:
    from pathlib import Path

    from contain.host.model import Host

MACHINES = ("v2-root", "hybrid-root", "v2-rootless-delegated")


def held(folder: Path, host: Host, *, target: str = "rootfs", prepare: Any = None, **given: Any) -> str:
    """What holds the limit: the operation's class, or both."""
    (folder / "rootfs").mkdir(exist_ok=True)
    spec = sources.read(target, Options(cwd=str(folder), environ={"HOME": "/home/me", "PATH": "/bin"}, command=["true"], **given))
    if prepare:
        prepare(spec)
    semantics.require(spec)
    plan = compile_run(spec, host)
    pids = [one for one in plan.operations if isinstance(one, WriteCgroup) and one.file == "pids.max"]
    rlimit = [one for one in plan.operations if isinstance(one, LimitResource) and one.name == "RLIMIT_NPROC" and not one.origin]
    made = any(isinstance(one, MakeCgroup) for one in plan.operations)
    return " ".join([*(["rlimit"] if rlimit else []), *(["cgroup"] if pids and made else [])])


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("target", ["rootfs", ""])
def test_a_run_that_nobody_can_ask_for(machine: str, target: str, tmp_path: Path) -> None:
    """Also with volumes, all capabilities, a network of the host's, a time limit: none of them looks at a cgroup."""
    assert held(tmp_path, host_of(machine), target=target) == "rlimit"
    more = {"volume": ["./rootfs:/a:ro"], "cap_add": ["ALL"], "network": "host", "timeout": 5.0, "ulimit": ["nofile=9"], "env": ["A=1"]}
    assert held(tmp_path, host_of(machine), target=target, **more) == "rlimit"


def measured(spec: Any) -> None:
    """As the library asks for it."""
    spec.run.measure = True


def with_cgroups_inside(spec: Any) -> None:
    """They are to be the container's own."""
    spec.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]})


def mapped_to_root(spec: Any) -> None:
    """The container's root is the host's: the kernel does not limit him."""
    spec.config["linux"]["uidMappings"] = spec.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]


def without_user_namespace(spec: Any) -> None:
    """Counted with all other processes of the user."""
    spec.config["linux"]["namespaces"] = [row for row in spec.config["linux"]["namespaces"] if row["type"] != "user"]


@pytest.mark.parametrize("machine", ["v2-root", "hybrid-root"])
@pytest.mark.parametrize(
    "given",
    [
        {"name": "web"},
        {"label": ["a=b"]},
        {"detach": True},
        {"rm": False, "name": "web"},
        {"pid_file": "pid"},
        {"pidfd_socket": "/s"},
        {"memory": 64 << 20},
        {"cpu_time": 2.0},
        {"pids_limit": 2048},
        {"cgroup_parent": "below"},
        {"init": False},
        {"userns": "host"},
        {"userns": "keep-id"},
        {"ulimit": ["nproc=100"]},
        {"user": "7:8", "cap_add": ["SETUID"]},
        {"prepare": measured},
        {"prepare": with_cgroups_inside},
        {"prepare": mapped_to_root},
        {"prepare": without_user_namespace},
    ],
    ids=lambda given: "-".join(getattr(value, "__name__", str(value)) for value in given.values()) or "plain",
)
def test_what_wants_a_cgroup_has_it(given: dict[str, Any], machine: str, tmp_path: Path) -> None:
    """Somebody may look for it, it was asked for, or the kernel would count others, or not at all."""
    assert held(tmp_path, host_of(machine), **given) == "cgroup"


def test_another_user_who_stays_what_he_is(tmp_path: Path) -> None:
    """A range of ids is mapped, but without CAP_SETUID and with no_new_privs nobody can be counted as somebody else."""
    assert held(tmp_path, host_of("v2-root"), user="7:8") == "rlimit"


def test_kernels_that_count_otherwise(tmp_path: Path) -> None:
    """Before 5.14 by user, whatever the namespace; until 5.17 with mistakes. Nested, what is the host's root cannot be told."""
    host = host_of("v2-root")
    assert held(tmp_path, host.but(kernel=(5, 17))) == "rlimit"
    assert held(tmp_path, host.but(kernel=(5, 16))) == "cgroup"
    assert held(tmp_path, host.but(userns=host.userns.but(initial=False))) == "cgroup"


@pytest.mark.parametrize(("own", "limit"), [([-1, -1], (2048, 2048)), ([900, 5000], (900, 2048)), ([900, 1000], (900, 1000))])
def test_a_lower_limit_of_the_callers_stays(own: list[int], limit: tuple[int, int], tmp_path: Path) -> None:
    """Soft and hard each: the default never gives more than there was."""
    (tmp_path / "rootfs").mkdir()
    spec = sources.read("rootfs", Options(cwd=str(tmp_path), environ={}, command=["true"]))
    plan = compile_run(spec, host_of("v2-root").but(rlimits={"RLIMIT_NPROC": own}))
    assert [(one.soft, one.hard) for one in plan.operations if isinstance(one, LimitResource)] == [limit]
