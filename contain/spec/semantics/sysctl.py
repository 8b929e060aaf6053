"""What is set in a namespace: time offsets, sysctls."""

from __future__ import annotations

from contain.spec.model import token
from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec

_IPC_SYSCTLS = (
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/shm_rmid_forced",
)


def time(spec: Spec) -> Iterator[Finding]:
    """Offsets are set before the first process enters, so only in a namespace of our own."""
    offsets, path = spec.config["linux"].get("timeOffsets") or {}, spec.namespaces().get("time")
    if offsets and path is None:
        yield Finding("RUN416", "/linux/timeOffsets", "time offsets without a time namespace", 'add {"type": "time"} to linux.namespaces')
    if offsets and path:
        yield Finding(
            "RUN416",
            "/linux/timeOffsets",
            f"the offsets of {path} cannot be changed",
            "remove timeOffsets or the path",
            cause="somebody lives in that namespace",
        )
    for clock, row in offsets.items():
        if clock not in ("boottime", "monotonic"):
            yield Finding("RUN403", f"/linux/timeOffsets/{token(clock)}", f"unknown clock {clock!r}", "boottime or monotonic")
        elif not 0 <= row.get("nanosecs", 0) < 1_000_000_000:
            yield Finding(
                "RUN417",
                f"/linux/timeOffsets/{clock}/nanosecs",
                f"{row['nanosecs']} is not below 1,000,000,000",
                "move whole seconds to secs",
            )


def sysctl(spec: Spec) -> Iterator[Finding]:
    """Only what belongs to a namespace of the container's own; all else would change the host."""
    have = spec.namespaces()
    for key in spec.config["linux"].get("sysctl") or ():
        pointer, path = f"/linux/sysctl/{token(key)}", sysctl_path(key)
        kind = _sysctl_kind(path)
        if {"", ".", ".."} & set(path.split("/")):  # it would climb out of what the first part promises
            yield Finding("RUN714", pointer, f"{key} is not the name of a sysctl", "write it as sysctl(8) does")
        elif path == "kernel/hostname":
            yield Finding("RUN714", pointer, "kernel.hostname is not set by sysctl", 'write "hostname" at the top of the manifest')
        elif not kind:
            yield Finding("RUN714", pointer, f"{key} belongs to no namespace: it would change the host", "remove it, or set it on the host")
        elif kind not in have:
            yield Finding(
                "RUN713",
                pointer,
                f"{key} would change the host's",
                f'add {{"type": "{kind}"}} to linux.namespaces',
                cause=f"there is no {kind} namespace",
            )


def sysctl_path(key: str) -> str:
    """`net.ipv4.ip_forward` → `net/ipv4/ip_forward`; when a slash comes first, dots belong to the names (sysctl.d(5))."""
    dot, slash = key.find("."), key.find("/")
    return key if slash >= 0 and (dot < 0 or slash < dot) else key.translate(str.maketrans("./", "/."))


def _sysctl_kind(path: str) -> str:
    """The namespace that a sysctl belongs to, "" for none."""
    if path in _IPC_SYSCTLS or path.startswith("fs/mqueue/"):
        return "ipc"
    if path.startswith("net/"):
        return "network"
    if path in ("kernel/domainname", "kernel/hostname"):
        return "uts"
    return "user" if path.startswith("user/") else ""


RULES = (time, sysctl)
