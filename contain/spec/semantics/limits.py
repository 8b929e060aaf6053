"""Resources: numbers that contradict each other, names that lead out of the tree."""

from __future__ import annotations

from contain.spec.model import token
from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec

_RESOURCES = "/linux/resources"


def paths(spec: Spec) -> Iterator[Finding]:
    """The cgroup stays below its hierarchy."""
    path = spec.config["linux"].get("cgroupsPath") or ""
    if ".." in path.split("/"):
        yield Finding("RUN515", "/linux/cgroupsPath", f"{path} leads out of the cgroup tree", "write the path without ..")
    if "\0" in path:
        yield Finding("DOC008", "/linux/cgroupsPath", "contains a NUL byte", "remove it: the kernel ends a text there")


def memory(spec: Spec) -> Iterator[Finding]:
    """Swap counts memory and swap together."""
    row = (spec.config["linux"].get("resources") or {}).get("memory") or {}
    limit, swap, reservation = row.get("limit") or 0, row.get("swap") or 0, row.get("reservation") or 0
    if swap > 0 and limit > 0 and swap < limit:
        yield Finding(
            "RUN517",
            f"{_RESOURCES}/memory/swap",
            f"swap {swap} is below the memory limit {limit}",
            f"write at least {limit}",
            cause="it counts memory and swap together",
        )
    if swap > 0 and limit <= 0:
        yield Finding("RUN519", f"{_RESOURCES}/memory/swap", "a swap limit needs a memory limit", "add memory.limit")
    if reservation > 0 and 0 < limit < reservation:
        yield Finding(
            "RUN518",
            f"{_RESOURCES}/memory/reservation",
            f"the reservation {reservation} is above the limit {limit}",
            "lower it",
            error=False,
        )
    swappiness = row.get("swappiness")
    if swappiness is not None and not 0 <= swappiness <= 100:
        yield Finding("RUN505", f"{_RESOURCES}/memory/swappiness", f"{swappiness} is not from 0 to 100", "write a number from 0 to 100")


def cpu(spec: Spec) -> Iterator[Finding]:
    """The kernel's ranges (Documentation/scheduler/sched-bwc.rst)."""
    row = (spec.config["linux"].get("resources") or {}).get("cpu") or {}
    quota, period, burst = row.get("quota") or 0, row.get("period") or 0, row.get("burst") or 0
    if 0 < quota < 1000:
        yield Finding(
            "RUN523",
            f"{_RESOURCES}/cpu/quota",
            f"a quota of {quota} µs is below the least of 1000",
            "write at least 1000, or raise the period too",
        )
    if period and not 1000 <= period <= 1_000_000:
        yield Finding("RUN523", f"{_RESOURCES}/cpu/period", f"a period of {period} µs is not from 1000 to 1000000", "100000 is usual")
    if 0 < quota < burst:
        yield Finding("RUN522", f"{_RESOURCES}/cpu/burst", f"the burst {burst} is above the quota {quota}", "lower it, or set a quota")
    if row.get("realtimeRuntime") and row.get("realtimePeriod") and row["realtimeRuntime"] > row["realtimePeriod"]:
        yield Finding("RUN526", f"{_RESOURCES}/cpu/realtimeRuntime", "the runtime is above its period", "lower it")
    for key in ("cpus", "mems"):
        if row.get(key) and not is_list(row[key]):
            yield Finding("RUN525", f"{_RESOURCES}/cpu/{key}", f"{row[key]!r} is not a list of numbers", "write it as 0-2,4")


def is_list(text: str) -> bool:
    """Numbers and ranges, as the kernel lists processors and nodes."""
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()) or (dash and int(first[:20]) > int(last[:20])):
            return False
    return True


def others(spec: Spec) -> Iterator[Finding]:
    """Names of files of the unified hierarchy, block devices, classes of RDT."""
    linux = spec.config["linux"]
    resources = linux.get("resources") or {}
    for key in resources.get("unified") or ():
        if "/" in key or "." not in key.strip("."):
            yield Finding(
                "RUN531", f"{_RESOURCES}/unified/{token(key)}", f"{key!r} is not a file of a cgroup", "write its name alone, as memory.high"
            )
    block = resources.get("blockIO") or {}
    rows = [(f"{_RESOURCES}/blockIO", block)]
    rows += [(f"{_RESOURCES}/blockIO/weightDevice/{index}", row) for index, row in enumerate(block.get("weightDevice") or ())]
    for pointer, row in rows:
        for key in ("weight", "leafWeight"):
            if row.get(key) and not 10 <= row[key] <= 1000:
                yield Finding("RUN527", f"{pointer}/{key}", f"{row[key]} is not from 10 to 1000", "write a weight in that range")
    sizes: set[str] = set()
    for index, row in enumerate(resources.get("hugepageLimits") or ()):
        if row["pageSize"] in sizes:
            yield Finding("RUN529", f"{_RESOURCES}/hugepageLimits/{index}", f"{row['pageSize']} is limited twice", "keep one of the two")
        sizes.add(row["pageSize"])
    closid = (linux.get("intelRdt") or {}).get("closID") or ""
    if closid in (".", "..") or ("/" in closid and closid != "/"):
        yield Finding("RUN708", "/linux/intelRdt/closID", f"{closid!r} is not the name of a class", "write a plain name")


RULES = (paths, memory, cpu, others)
