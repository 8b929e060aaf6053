"""What a container uses, read from its cgroups, in the shape of runc's `events --stats` (times in nanoseconds, sizes in bytes)."""

from __future__ import annotations

import os

from contain.kernel.files import number, text, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: No limit, as the engines decode it.
UNLIMITED = (1 << 64) - 1


def usage(cgroups: dict[str, str]) -> dict[str, Any]:
    """`cgroups`: controller → folder, "" for the unified hierarchy, which serves whatever has no v1 folder."""
    unified = cgroups.get("", "")
    found: dict[str, Any] = {}
    if "cpuacct" in cgroups or "cpu" in cgroups:
        found["cpu"] = _cpu_v1(cgroups.get("cpuacct", ""), cgroups.get("cpu", ""))
    elif unified:
        found["cpu"] = _cpu_v2(unified)
    if "cpuset" in cgroups:
        found["cpuset"] = _cpuset_v1(cgroups["cpuset"])
    if "memory" in cgroups:
        found["memory"] = _memory_v1(cgroups["memory"])
    elif unified:
        found["memory"] = _memory_v2(unified)
    pids = cgroups.get("pids", unified)
    if pids:
        found["pids"] = {"current": number(f"{pids}/pids.current") or 0, "limit": number(f"{pids}/pids.max") or 0}
    if "blkio" in cgroups:
        found["blkio"] = _blkio_v1(cgroups["blkio"])
    elif unified:
        found["blkio"] = _io_v2(unified)
    hugetlb = cgroups.get("hugetlb", unified)
    found["hugetlb"] = _hugetlb(hugetlb) if hugetlb else {}
    return found


def pairs(path: str) -> dict[str, int]:
    """A file of lines `name number`."""
    rows = [line.split() for line in text(path).splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _cpu_v1(account: str, limits: str) -> dict[str, Any]:
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    split = pairs(f"{account}/cpuacct.stat")
    each = [line.split() for line in text(f"{account}/cpuacct.usage_all").splitlines()[1:]]  # cpu user system
    throttled = pairs(f"{limits}/cpu.stat")
    return {
        "usage": {
            "total": number(f"{account}/cpuacct.usage") or 0,
            "percpu": [int(one) for one in word(f"{account}/cpuacct.usage_percpu").split()],
            "percpu_kernel": [int(row[2]) for row in each if len(row) == 3],
            "percpu_user": [int(row[1]) for row in each if len(row) == 3],
            "kernel": split.get("system", 0) * tick,
            "user": split.get("user", 0) * tick,
        },
        "throttling": {
            "periods": throttled.get("nr_periods", 0),
            "throttledPeriods": throttled.get("nr_throttled", 0),
            "throttledTime": throttled.get("throttled_time", 0),
        },
    }


def _cpu_v2(folder: str) -> dict[str, Any]:
    stat = pairs(f"{folder}/cpu.stat")
    return {
        "usage": {
            "total": stat.get("usage_usec", 0) * 1000,
            "kernel": stat.get("system_usec", 0) * 1000,
            "user": stat.get("user_usec", 0) * 1000,
        },
        "throttling": {
            "periods": stat.get("nr_periods", 0),
            "throttledPeriods": stat.get("nr_throttled", 0),
            "throttledTime": stat.get("throttled_usec", 0) * 1000,
        },
        **_pressure(f"{folder}/cpu.pressure"),
    }


def _cpuset_v1(folder: str) -> dict[str, Any]:
    names = ["cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab"]
    names += ["memory_pressure", "sched_load_balance", "sched_relax_domain_level"]
    found = {name: number(f"{folder}/cpuset.{name}") or 0 for name in names}
    return {**{name: listed(word(f"{folder}/cpuset.{name}")) for name in ("cpus", "mems")}, **found}


def listed(text_: str) -> list[int]:
    """`0-2,8` → each of them."""
    ranges = (part.partition("-") for part in text_.split(",") if part)
    return [one for first, _, last in ranges for one in range(int(first), int(last or first) + 1)]


def _pressure(path: str) -> dict[str, Any]:
    """PSI, where the kernel counts it: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, for the member psi."""
    found: dict[str, dict[str, float]] = {}
    for line in text(path).splitlines():
        kind, *fields = line.split()
        rows = (field.partition("=") for field in fields)
        found[kind] = {name: int(value) if name == "total" else float(value) for name, _, value in rows}
    return {"psi": found} if found else {}


def _limit(path: str) -> int:
    value = word(path)
    return int(value) if value.isdigit() else UNLIMITED


def _memory_v1(folder: str) -> dict[str, Any]:
    def entry(name: str) -> dict[str, int]:
        return {
            "limit": number(f"{folder}/{name}.limit_in_bytes") or 0,
            "usage": number(f"{folder}/{name}.usage_in_bytes") or 0,
            "max": number(f"{folder}/{name}.max_usage_in_bytes") or 0,
            "failcnt": number(f"{folder}/{name}.failcnt") or 0,
        }

    stat = pairs(f"{folder}/memory.stat")
    return {
        "cache": stat.get("cache", 0),
        "usage": entry("memory"),
        "swap": entry("memory.memsw"),
        "kernel": entry("memory.kmem"),
        "kernelTCP": entry("memory.kmem.tcp"),
        "raw": stat,
    }


def _memory_v2(folder: str) -> dict[str, Any]:
    """Swap counts memory too, as version 1 does: engines subtract it again."""
    stat = pairs(f"{folder}/memory.stat")
    used, limit = number(f"{folder}/memory.current") or 0, _limit(f"{folder}/memory.max")
    swap_limit = _limit(f"{folder}/memory.swap.max")
    events = pairs(f"{folder}/memory.events")
    nothing = {"limit": 0, "usage": 0, "max": 0, "failcnt": 0}
    return {
        "cache": stat.get("file", 0),
        "usage": {"limit": limit, "usage": used, "max": number(f"{folder}/memory.peak") or 0, "failcnt": events.get("max", 0)},
        "swap": {
            "limit": UNLIMITED if UNLIMITED in {limit, swap_limit} else swap_limit + limit,
            "usage": used + (number(f"{folder}/memory.swap.current") or 0),
            "max": 0,
            "failcnt": 0,
        },
        "kernel": nothing,
        "kernelTCP": nothing,
        "raw": stat,
        **_pressure(f"{folder}/memory.pressure"),
    }


def _blkio_v1(folder: str) -> dict[str, Any]:
    """CFQ's and BFQ's files where they are, else what throttling counts."""
    names = {
        "ioServiceBytesRecursive": ("blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive"),
        "ioServicedRecursive": ("blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"),
        "ioQueuedRecursive": ("blkio.bfq.io_queued_recursive",),
        "ioServiceTimeRecursive": ("blkio.bfq.io_service_time_recursive",),
        "ioWaitTimeRecursive": ("blkio.bfq.io_wait_time_recursive",),
        "ioMergedRecursive": ("blkio.bfq.io_merged_recursive",),
        "ioTimeRecursive": ("blkio.bfq.time_recursive",),
        "sectorsRecursive": ("blkio.bfq.sectors_recursive",),
    }
    found = {}
    for name, files in names.items():
        rows = next((rows for file in files if (rows := _blkio_rows(f"{folder}/{file}"))), [])
        if rows:
            found[name] = rows
    return found


def _blkio_rows(path: str) -> list[dict[str, Any]]:
    """Lines `8:0 Read 4096`; the line of totals has no device."""
    rows = []
    for line in text(path).splitlines():
        device, _, rest = line.partition(" ")
        major, colon, minor = device.partition(":")
        operation, _, value = rest.rpartition(" ")
        if colon and value.isdigit():
            rows.append({"major": int(major), "minor": int(minor), "op": operation, "value": int(value)})
    return rows


def _io_v2(folder: str) -> dict[str, Any]:
    """io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`."""
    columns = {
        "rbytes": ("ioServiceBytesRecursive", "Read"),
        "wbytes": ("ioServiceBytesRecursive", "Write"),
        "dbytes": ("ioServiceBytesRecursive", "Discard"),
        "rios": ("ioServicedRecursive", "Read"),
        "wios": ("ioServicedRecursive", "Write"),
        "dios": ("ioServicedRecursive", "Discard"),
    }
    found: dict[str, Any] = _pressure(f"{folder}/io.pressure")
    for line in text(f"{folder}/io.stat").splitlines():
        device, _, rest = line.partition(" ")
        major, colon, minor = device.partition(":")
        for field in rest.split() if colon and major.isdigit() and minor.isdigit() else []:
            name, _, value = field.partition("=")
            if name in columns and value.isdigit():
                table, operation = columns[name]
                found.setdefault(table, []).append({"major": int(major), "minor": int(minor), "op": operation, "value": int(value)})
    return found


def _hugetlb(folder: str) -> dict[str, Any]:
    """By page size: 2MB, 1GB."""
    found = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    for name in sorted(names):
        size = name.removeprefix("hugetlb.").partition(".")[0]
        if name == f"hugetlb.{size}.usage_in_bytes":
            base = f"{folder}/hugetlb.{size}"
            found[size] = {
                "usage": number(f"{base}.usage_in_bytes") or 0,
                "max": number(f"{base}.max_usage_in_bytes") or 0,
                "failcnt": number(f"{base}.failcnt") or 0,
            }
        elif name == f"hugetlb.{size}.current":
            base = f"{folder}/hugetlb.{size}"
            found[size] = {"usage": number(f"{base}.current") or 0, "max": 0, "failcnt": pairs(f"{base}.events").get("max", 0)}
    return found
