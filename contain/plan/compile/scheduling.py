"""When and where the process runs, and where its memory lies: what few manifests say."""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan import stage as at
from contain.plan.operations.scheduling import SetAffinity, SetIoPriority, SetMemoryPolicy, SetPersonality, SetScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.plan.operation import Operation
    from contain.spec.model import Spec

POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHED_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 1,
    "SCHED_FLAG_RECLAIM": 2,
    "SCHED_FLAG_DL_OVERRUN": 4,
    "SCHED_FLAG_KEEP_POLICY": 8,
    "SCHED_FLAG_KEEP_PARAMS": 16,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 32,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 64,
}
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MEMORY_FLAGS = {"MPOL_F_NUMA_BALANCING": 1 << 13, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_STATIC_NODES": 1 << 15}
PERSONALITIES = {"LINUX": 0x0, "LINUX32": 0x8}


def scheduling(spec: Spec) -> Iterator[Operation]:
    """What needs privileges that go with the ids."""
    config = spec.config["process"]
    scheduler = config.get("scheduler")
    if scheduler:
        numbers = {key: scheduler.get(key) or 0 for key in ("nice", "priority", "runtime", "deadline", "period")}
        flags = sum(_value(spec, SCHED_FLAGS, flag, "/process/scheduler/flags") for flag in scheduler.get("flags") or ())
        policy = scheduler["policy"]
        yield SetScheduler(
            policy=policy,
            number=_value(spec, POLICIES, policy, "/process/scheduler/policy"),
            flags=flags,
            origin="/process/scheduler",
            **numbers,
        )
    priority = config.get("ioPriority")
    if priority:
        number = _value(spec, IO_CLASSES, priority["class"], "/process/ioPriority/class")
        yield SetIoPriority(name=priority["class"], value=number << 13 | (priority.get("priority") or 0), origin="/process/ioPriority")
    linux = spec.config["linux"]
    domain = (linux.get("personality") or {}).get("domain")
    if domain:
        value = _value(spec, PERSONALITIES, domain, "/linux/personality/domain")
        yield SetPersonality(domain=domain, value=value, origin="/linux/personality")
    policy = linux.get("memoryPolicy")
    if policy:
        yield _memory_policy(spec, policy)


def _memory_policy(spec: Spec, policy: dict[str, Any]) -> Operation:
    where = "/linux/memoryPolicy"
    flags = sum(_value(spec, MEMORY_FLAGS, flag, f"{where}/flags") for flag in policy.get("flags") or ())
    mode = policy["mode"]
    number = _value(spec, MEMORY_MODES, mode, f"{where}/mode") | flags
    nodes = mask(spec, policy.get("nodes") or "", f"{where}/nodes", 1024)
    return SetMemoryPolicy(mode=mode, number=number, nodes=nodes, origin=where)


def affinity(spec: Spec, cpus: str, origin: str, stage: int = at.LOCK) -> Operation:
    """The operation that keeps the process on some processors (execCPUAffinity)."""
    return SetAffinity(stage=stage, cpus=cpus, processors=mask(spec, cpus, origin, 8192), origin=origin)


def _value(spec: Spec, table: dict[str, int], name: str, pointer: str) -> int:
    if name not in table:
        raise ManifestError(f"unknown value {name}", place=spec.origins.place(pointer), remedy=f"use one of {', '.join(table)}")
    return table[name]


def mask(spec: Spec, text: str, pointer: str, most: int) -> bytes:
    """A list as of cpuset(7), `0-3,7`, as a bit mask, least significant byte first."""
    bits = 0
    for part in text.split(",") if text.strip() else ():
        first, dash, last = (word.strip() for word in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise ManifestError(f"invalid list {text!r}", place=spec.origins.place(pointer), remedy="write numbers and ranges: 0-3,7")
        if int(last) >= most:
            raise HostError(
                f"{last} is more than contain can say to the kernel", place=spec.origins.place(pointer), remedy=f"stay below {most}"
            )
        bits |= ((1 << int(last) + 1) - 1) ^ ((1 << int(first)) - 1)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
