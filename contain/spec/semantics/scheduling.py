"""Scheduling of the process: policy, priorities, memory policy."""

from __future__ import annotations

from contain.spec.semantics import Finding
from contain.spec.semantics.limits import is_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.spec.model import Spec

_NICE = ("SCHED_OTHER", "SCHED_BATCH")
_PRIORITY = ("SCHED_FIFO", "SCHED_RR")


def scheduling(spec: Spec) -> Iterator[Finding]:
    """sched_setattr(2), ioprio_set(2)."""
    row: dict[str, Any] = spec.config["process"].get("scheduler") or {}
    policy, at = row.get("policy", ""), "/process/scheduler"
    if row.get("nice") and (policy not in _NICE or not -20 <= row["nice"] <= 19):
        yield Finding(
            "RUN230", f"{at}/nice", f"nice {row['nice']} cannot be had with {policy}", "nice is -20 to 19, for SCHED_OTHER and SCHED_BATCH"
        )
    if row.get("priority") and policy not in _PRIORITY:
        yield Finding("RUN230", f"{at}/priority", f"{policy} has no priority", "priority is for SCHED_FIFO and SCHED_RR")
    if policy in _PRIORITY and not 1 <= row.get("priority", 0) <= 99:
        yield Finding("RUN230", f"{at}/priority", f"{policy} needs a priority from 1 to 99", "write one")
    for key in ("runtime", "deadline", "period"):
        if row.get(key) and policy != "SCHED_DEADLINE":
            yield Finding("RUN230", f"{at}/{key}", f"{policy} has no {key}", "it is for SCHED_DEADLINE")
    if policy == "SCHED_DEADLINE":
        runtime, deadline, period = (row.get(key) or 0 for key in ("runtime", "deadline", "period"))
        if not 0 < runtime <= deadline <= (period or deadline):
            yield Finding(
                "RUN230", f"{at}/runtime", "SCHED_DEADLINE needs 0 < runtime <= deadline <= period", "write all three, in nanoseconds"
            )
    priority = spec.config["process"].get("ioPriority") or {}
    if priority and not 0 <= priority.get("priority", 0) <= 7:
        yield Finding("RUN209", "/process/ioPriority/priority", f"{priority['priority']} is no priority", "write 0 (highest) to 7")
    policy_row = spec.config["linux"].get("memoryPolicy") or {}
    mode, nodes = policy_row.get("mode", ""), policy_row.get("nodes")
    if nodes and not is_list(nodes):
        yield Finding("RUN712", "/linux/memoryPolicy/nodes", f"{nodes!r} is not a list of nodes", "write numbers and ranges, as 0-3,5")
    elif nodes and mode in ("MPOL_DEFAULT", "MPOL_LOCAL"):
        yield Finding("RUN712", "/linux/memoryPolicy/nodes", f"{mode} takes no nodes", "remove them, or choose MPOL_BIND")
    if not nodes and mode in ("MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED_MANY"):
        yield Finding("RUN712", "/linux/memoryPolicy/nodes", f"{mode} needs nodes", 'add "nodes": "0"')
    if {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"} <= set(policy_row.get("flags") or ()):
        yield Finding("RUN711", "/linux/memoryPolicy/flags", "static and relative nodes exclude each other", "keep one of the two flags")


RULES = (scheduling,)
