"""The family process: limits, scheduling and memory policy before the ids change; descriptors, environment and execve at the end."""

from __future__ import annotations

from contain.errors import ManifestError
from contain.linux import RLIMITS
from contain.plan import stage as at
from contain.plan.compile.capabilities import capability_masks
from contain.plan.compile.cgroup import pids_without_cgroup
from contain.plan.compile.seccomp import seccomp
from contain.plan.compile.users import user_of
from contain.plan.operations.process import (
    Execute,
    FindProgram,
    LeaveHost,
    LimitResource,
    SetOomScore,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: where programs are looked for when the environment has no PATH
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UMASK = 0o022

#: RLIM_INFINITY; values of 2**63 and more mean the same to the kernel
_INFINITY = (1 << 63) - 1


def process(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family."""
    config = spec.config["process"]
    yield from _oom_score(spec, host)
    linux = spec.config["linux"]
    if config.get("scheduler") or config.get("ioPriority") or linux.get("personality") or linux.get("memoryPolicy"):
        from contain.plan.compile.scheduling import scheduling

        yield from scheduling(spec)
    yield from _limits(spec, host)
    yield LeaveHost(umask=_umask(config), preserve=spec.run.preserve_fds, origin="/process/user/umask" if "umask" in config["user"] else "")
    args, env = arguments(spec), environment(spec, host)
    yield FindProgram(stage=at.GO, name=args[0], path=search_path(env), origin="/process/args")
    yield from seccomp(spec, host, slots, capability_masks(spec, host, quiet=True)["bounding"], late=True)
    yield Execute(args=args, env=env, origin="/process/args")


def arguments(spec: Spec) -> list[str]:
    """The program and its words."""
    args: list[str] = spec.config["process"]["args"]
    if not args:
        raise ManifestError(
            "process.args is empty: there is nothing to run", place=spec.origins.place("/process/args"), remedy="name the program"
        )
    return args


def environment(spec: Spec, host: Host) -> list[str]:
    """The variables: of duplicates the last one; HOME as the container's passwd has it when it is not given, or empty."""
    found: dict[str, str] = {}
    for index, row in enumerate(spec.config["process"]["env"]):
        name, equals, value = row.partition("=")
        if not equals or not name:
            raise ManifestError(
                f"invalid environment variable {row!r}", place=spec.origins.place(f"/process/env/{index}"), remedy="write NAME=VALUE"
            )
        found[name] = value
    if not found.get("HOME"):
        found["HOME"] = user_of(spec, host).home
    return [f"{name}={value}" for name, value in found.items()]


def search_path(env: list[str]) -> str:
    """PATH of an environment."""
    return next((row[5:] for row in env if row.startswith("PATH=")), PATH)


def _umask(config: dict[str, Any]) -> int:
    umask: int | None = config["user"].get("umask")
    return UMASK if umask is None else umask


def _limits(spec: Spec, host: Host) -> Iterator[Operation]:
    """Lowering is done by init itself at the end; raising needs the host's privileges, and waits until our own set-up is done."""
    rows = spec.config["process"].get("rlimits") or ()
    processes = pids_without_cgroup(spec, host)
    if processes is not None and not any(row["type"] == "RLIMIT_NPROC" for row in rows):
        soft, hard = (min(processes, own) if own != -1 else processes for own in host.rlimits.get("RLIMIT_NPROC", [-1, -1]))
        yield LimitResource(stage=at.GO, name="RLIMIT_NPROC", number=RLIMITS.index("RLIMIT_NPROC"), soft=soft, hard=hard)
    for index, row in enumerate(rows):
        origin = f"/process/rlimits/{index}"
        name = row["type"]
        if name not in RLIMITS:
            raise ManifestError(
                f"unknown resource limit {name}", place=spec.origins.place(origin), remedy="use one of getrlimit(2)'s names"
            )
        soft, hard = (-1 if row[key] > _INFINITY else row[key] for key in ("soft", "hard"))
        own = host.rlimits.get(name, [-1, -1])[1]
        raises = own != -1 and (hard == -1 or hard > own)
        yield LimitResource(
            stage=at.HOST_HOOKS if raises else at.GO, name=name, number=RLIMITS.index(name), soft=soft, hard=hard, origin=origin
        )


def _oom_score(spec: Spec, host: Host) -> Iterator[Operation]:
    """Lowering is root's to do: of a bundle that an ordinary user runs it is told, for an engine it is an error, as in runc."""
    score = spec.config["process"].get("oomScoreAdj")
    if score is None or score == host.oom_score_adj:
        return
    origin = "/process/oomScoreAdj"
    if score < host.oom_score_adj and host.euid != 0 and not host.can("CAP_SYS_RESOURCE") and not spec.run.runc:
        spec.warn(f"oomScoreAdj stays {host.oom_score_adj}: an ordinary user cannot lower it", origin)
        return
    yield SetOomScore(value=score, origin=origin)
