"""From the launcher's record to cause and remedy: what the operation's class knows about the errno."""

from __future__ import annotations

import errno
import importlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.launcher.record import Record
    from contain.plan.operation import Operation

#: Where the class says nothing; no path and no errno's own words, which engines look for.
GENERAL = {
    "ENOMEM": "free memory, or raise the memory limit that holds contain itself",
    "ENOSPC": "free space where this is written, or raise the limit that it has reached",
    "EROFS": "give a place that can be written",
    "EMFILE": "raise the limit of open files: ulimit -n",
    "ENFILE": "raise fs.file-max",
    "EAGAIN": "raise the limit of processes (ulimit -u, or pids.max of the cgroup that holds contain itself)",
    "ENOSYS": "this kernel is too old, or a filter forbids the system call: see `contain doctor`",
    "EPERM": "see `contain doctor` for what this user may do on this host",
}


def operation_class(kind: int) -> type[Operation] | None:
    """The class behind a number of the encoding."""
    from contain.plan.kinds import KINDS
    from contain.plan.operations import FAMILIES

    name = next((name for name, number in KINDS.items() if number == kind), "")
    for family in FAMILIES if name else ():
        found: type[Operation] | None = getattr(importlib.import_module(f"contain.plan.operations.{family}"), name, None)
        if found is not None:
            return found
    return None


def explain(record: Record) -> tuple[str, str]:
    """(cause, remedy), each empty when there is nothing to add to the first line."""
    name = errno.errorcode.get(record.error, "")
    found = operation_class(record.kind) if record.operation else None
    remedies = found.remedies if found is not None else {}
    words = os.strerror(record.error) if record.error else ""
    cause = words if record.detail and words.lower() not in record.detail.lower() else ""
    return cause, remedies.get(name) or remedies.get("") or GENERAL.get(name, "")


def lines(record: Record) -> list[str]:
    """What is printed below the first line; of a run that did not fail, what its filter refused."""
    if record.denied and not record.operation:
        from contain.plan.seccomp.numbers import name

        return [f"contain: refused by the seccomp filter: {name(arch, number)} ({count}x)" for arch, number, _, count in record.denied]
    cause, remedy = explain(record)
    return [*([f"  cause: {cause}"] if cause else []), *([f"  remedy: {remedy}"] if remedy else [])]
