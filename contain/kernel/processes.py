"""Processes: a pid is only meaningful with its start time."""

from __future__ import annotations

import posix

from contain.kernel import capabilities
from contain.kernel.files import read
from contain.kernel.record import Record


class Stat(Record):
    """What we use of /proc/PID/stat."""

    pid: int
    name: str
    state: str  # R S D Z T t X I
    parent: int
    group: int
    session: int
    threads: int
    start: int  # in clock ticks since boot
    status: int = 0  # of a zombie: what wait(2) will give its parent; 0 for those whom we may not trace


class Status(Record):
    """What we use of /proc/PID/status."""

    name: str
    uids: list[int]  # real, effective, saved, file system
    gids: list[int]
    groups: list[int]
    nspid: list[int]  # the pid in each pid namespace, ours first; empty on kernels that do not say
    permitted: frozenset[str]
    effective: frozenset[str]
    inheritable: frozenset[str]
    bounding: frozenset[str]
    ambient: frozenset[str]
    no_new_privs: bool
    seccomp: int  # 0 none, 1 strict, 2 filter
    filters: int
    mems_allowed: str
    cpus_allowed: str


def parse_stat(data: bytes) -> Stat:
    """The name may hold spaces and brackets: it ends at the last one."""
    text = data.decode("utf-8", "surrogateescape")
    opened, closed = text.index("("), text.rindex(")")
    rest = text[closed + 2 :].split()
    return Stat(
        pid=int(text[:opened]),
        name=text[opened + 1 : closed],
        state=rest[0],
        parent=int(rest[1]),
        group=int(rest[2]),
        session=int(rest[3]),
        threads=int(rest[17]),
        start=int(rest[19]),
        status=int(rest[49]) if len(rest) > 49 else 0,
    )


def stat(pid: int) -> Stat | None:
    """None when there is no such process (any more)."""
    try:
        return parse_stat(read(f"/proc/{pid}/stat"))
    except (OSError, ValueError, IndexError):
        return None


def start_time(pid: int) -> int | None:
    """The start time in clock ticks since boot, which with the pid names a process for ever; None when it is gone."""
    found = stat(pid)
    return found.start if found else None


def alive(pid: int, start: int) -> bool:
    """Whether this very process still runs; a zombie does not."""
    found = stat(pid)
    return found is not None and found.start == start and found.state not in "ZXx"


def parse_status(data: bytes) -> Status:
    """Every field has a value that stands for "the kernel does not say"."""
    fields: dict[str, str] = {}
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        name, _, value = line.partition(":")
        fields[name] = value.strip()

    sets: dict[str, frozenset[str]] = {}  # most of the five are the same

    def caps(name: str) -> frozenset[str]:
        mask = fields.get(name) or "0"
        if mask not in sets:
            sets[mask] = capabilities.names(int(mask, 16))
        return sets[mask]

    def numbers(name: str) -> list[int]:
        return [int(one) for one in fields.get(name, "").split()]

    return Status(
        name=fields.get("Name", ""),
        uids=numbers("Uid"),
        gids=numbers("Gid"),
        groups=numbers("Groups"),
        nspid=numbers("NSpid"),
        permitted=caps("CapPrm"),
        effective=caps("CapEff"),
        inheritable=caps("CapInh"),
        bounding=caps("CapBnd"),
        ambient=caps("CapAmb"),
        no_new_privs=fields.get("NoNewPrivs") == "1",
        seccomp=int(fields.get("Seccomp") or 0),
        filters=int(fields.get("Seccomp_filters") or 0),
        mems_allowed=fields.get("Mems_allowed_list", ""),
        cpus_allowed=fields.get("Cpus_allowed_list", ""),
    )


def status(pid: int | str = "self") -> Status:
    """OSError when there is no such process."""
    return parse_status(read(f"/proc/{pid}/status"))


def pids() -> list[int]:
    """All processes that this /proc shows, ascending."""
    return sorted(int(name) for name in posix.listdir("/proc") if name.isdigit())


def command(pid: int) -> list[str]:
    """The arguments; empty for kernel threads, zombies and the gone."""
    try:
        data = read(f"/proc/{pid}/cmdline")
    except OSError:
        return []
    return data.decode("utf-8", "surrogateescape").split("\0")[:-1] if data else []
