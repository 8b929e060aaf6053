"""RUN5: cgroups and their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.ranges import is_list
from contain.linter.reading import each, entries, get
from contain.linter.registry import about, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_RESOURCES = ("linux", "resources")
_AT = "/linux/resources"
#: file of cgroup v2 → path of the typed field below resources that sets it
_TYPED = {
    "memory.max": ("memory", "limit"),
    "memory.low": ("memory", "reservation"),
    "memory.swap.max": ("memory", "swap"),
    "pids.max": ("pids", "limit"),
    "cpu.weight": ("cpu", "shares"),
    "cpu.max": ("cpu", "quota"),
    "cpu.max.burst": ("cpu", "burst"),
    "cpu.idle": ("cpu", "idle"),
    "cpuset.cpus": ("cpu", "cpus"),
    "cpuset.mems": ("cpu", "mems"),
    "io.weight": ("blockIO", "weight"),
    "io.bfq.weight": ("blockIO", "weight"),
    "rdma.max": ("rdma",),
}


@rule
@about("linux/cgroupsPath")
def cgroups_path(config: Any) -> Found:
    """RUN515 cgroups-path: cgroupsPath climbs nowhere, and the form of systemd has three parts.

    A `..` could leave the place that was delegated. With systemd's driver it is SLICE:PREFIX:NAME.

    section: config-linux.md / Cgroups Path
    blocking: yes
    rows: RL17
    bad: {"linux": {"cgroupsPath": "/box/../../other"}}
    good: {"linux": {"cgroupsPath": "system.slice:box:one"}}
    """
    path = get(config, "linux", "cgroupsPath")
    if not path:
        return
    if ".." in path.split("/"):
        yield "/linux/cgroupsPath", f"cgroupsPath {path[:80]!r} climbs with .."
    elif ":" in path and not path.startswith("/") and path.count(":") != 2:
        yield "/linux/cgroupsPath", f"cgroupsPath {path[:80]!r} is not SLICE:PREFIX:NAME"


@rule
@about("linux/resources/devices", only="linux/resources")
def rule_order(config: Any) -> Found:
    """RUN516 device-rule-order: no device rule that denies all stands behind rules that allow.

    Rules are applied in order, so it undoes them all.

    section: config-linux.md / Allowed Device list
    severity: warning
    rows: RL20
    bad: {"linux": {"resources": {"devices": [{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}, {"allow": false, "access":
      "rwm"}]}}}
    good: {"linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3, "access":
      "rw"}]}}}
    """
    allowed = False
    for pointer, item in each(config, *_RESOURCES, "devices"):
        everything = item.get("type") in (None, "a") and item.get("major") in (None, -1) and item.get("minor") in (None, -1)
        if allowed and everything and item.get("allow") is False and set(item.get("access") or "rwm") == set("rwm"):
            yield pointer, "this rule denies all devices, and so undoes the rules before it"
            allowed = False
        allowed = allowed or item.get("allow") is True


@rule
@about("linux/resources/memory", only="linux/resources")
def swap_below_limit(config: Any) -> Found:
    """RUN517 swap-below-limit: memory.swap is not below memory.limit.

    It counts memory and swap together; the kernel or the runtime refuses less.

    section: config-linux.md / Memory
    blocking: yes
    rows: RL22
    bad: {"linux": {"resources": {"memory": {"limit": 2097152, "swap": 1048576}}}}
    good: {"linux": {"resources": {"memory": {"limit": 2097152, "swap": 2097152}}}}
    """
    limit, swap = get(config, *_RESOURCES, "memory", "limit"), get(config, *_RESOURCES, "memory", "swap")
    if limit is not None and swap is not None and 0 < swap < limit:
        yield f"{_AT}/memory/swap", f"swap {swap} counts memory too, so it cannot be below limit {limit}"


@rule
@about("linux/resources/memory", only="linux/resources")
def reservation_above_limit(config: Any) -> Found:
    """RUN518 reservation-above-limit: memory.reservation is not above memory.limit.

    The limit is met first.

    section: config-linux.md / Memory
    severity: warning
    rows: RL22
    bad: {"linux": {"resources": {"memory": {"limit": 1048576, "reservation": 2097152}}}}
    good: {"linux": {"resources": {"memory": {"limit": 2097152, "reservation": 1048576}}}}
    """
    limit, reservation = get(config, *_RESOURCES, "memory", "limit"), get(config, *_RESOURCES, "memory", "reservation")
    if limit is not None and reservation is not None and 0 < limit < reservation:
        yield f"{_AT}/memory/reservation", f"reservation {reservation} is above limit {limit}"


@rule
@about("linux/resources/memory", only="linux/resources")
def swap_without_limit(config: Any) -> Found:
    """RUN519 swap-without-limit: memory.swap comes with memory.limit.

    Swap counts memory and swap together; with no limit of memory the runtimes refuse it or guess.

    section: config-linux.md / Memory
    blocking: yes
    rows: RL22
    bad: {"linux": {"resources": {"memory": {"swap": 1048576}}}}
    good: {"linux": {"resources": {"memory": {"swap": -1}}}}
    """
    memory = get(config, *_RESOURCES, "memory") or {}
    if (memory.get("swap") or 0) > 0 and (memory.get("limit") or 0) <= 0:
        yield f"{_AT}/memory/swap", "swap means nothing without a limit"


@rule
@about("linux/resources/memory", only="linux/resources")
def kernel_memory(config: Any) -> Found:
    """RUN520 kernel-memory: memory.kernel and memory.kernelTCP are not used.

    Kernels since 5.4 ignore them or warn, and cgroup v2 has none.

    section: config-linux.md / Memory
    severity: warning
    rows: RL23
    bad: {"linux": {"resources": {"memory": {"kernel": 1048576}}}}
    good: {"linux": {"resources": {"memory": {"limit": 1048576}}}}
    """
    for name in ("kernel", "kernelTCP"):
        if get(config, *_RESOURCES, "memory", name):
            yield f"{_AT}/memory/{name}", f"memory.{name} is not recommended: kernels ignore it"


@rule
@about("linux/resources/memory", only="linux/resources")
def oom_killer(config: Any) -> Found:
    """RUN521 oom-killer-without-limit: disableOOMKiller comes with a memory limit.

    Without one the processes stop when the whole host has no memory left.

    section: config-linux.md / Memory
    severity: warning
    rows: RL25
    bad: {"linux": {"resources": {"memory": {"disableOOMKiller": true}}}}
    good: {"linux": {"resources": {"memory": {"disableOOMKiller": true, "limit": 1048576}}}}
    """
    memory = get(config, *_RESOURCES, "memory") or {}
    if memory.get("disableOOMKiller") and (memory.get("limit") or -1) <= 0:
        yield f"{_AT}/memory/disableOOMKiller", "disableOOMKiller without a limit can stop the whole host"


@rule
@about("linux/resources/cpu", only="linux/resources")
def burst(config: Any) -> Found:
    """RUN522 cpu-burst: cpu.burst is not above a positive cpu.quota.

    The kernel refuses it.

    section: config-linux.md / CPU
    blocking: yes
    rows: RL26
    bad: {"ociVersion": "1.1.0", "linux": {"resources": {"cpu": {"quota": 10000, "burst": 20000, "period": 100000}}}}
    good: {"ociVersion": "1.1.0", "linux": {"resources": {"cpu": {"quota": 20000, "burst": 10000, "period": 100000}}}}
    """
    quota, value = get(config, *_RESOURCES, "cpu", "quota"), get(config, *_RESOURCES, "cpu", "burst")
    if quota is not None and value is not None and 0 < quota < value:
        yield f"{_AT}/cpu/burst", f"burst {value} is above quota {quota}"


@rule
@about("linux/resources/cpu", only="linux/resources")
def quota_range(config: Any) -> Found:
    """RUN523 cpu-quota-range: cpu.quota is at least 1,000 microseconds or -1, and cpu.period from 1,000 to 1,000,000.

    The kernel refuses others.

    section: config-linux.md / CPU
    blocking: yes
    rows: RL27
    bad: {"linux": {"resources": {"cpu": {"quota": 10, "period": 100000}}}}
    good: {"linux": {"resources": {"cpu": {"quota": 10000, "period": 100000}}}}
    """
    cpu = get(config, *_RESOURCES, "cpu") or {}
    quota, period = cpu.get("quota"), cpu.get("period")
    if quota is not None and 0 < quota < 1000:
        yield f"{_AT}/cpu/quota", f"quota {quota} is below the 1000 microseconds that the kernel takes"
    if period and not 1000 <= period <= 1000000:
        yield f"{_AT}/cpu/period", f"period must be from 1000 to 1000000 microseconds, not {period}"


@rule
@about("linux/resources/cpu", only="linux/resources")
def shares_range(config: Any) -> Found:
    """RUN524 cpu-shares-range: cpu.shares is from 2 to 262,144.

    The kernel moves others to the nearest end.

    section: config-linux.md / CPU
    severity: warning
    rows: RL28
    bad: {"linux": {"resources": {"cpu": {"shares": 1}}}}
    good: {"linux": {"resources": {"cpu": {"shares": 1024}}}}
    """
    shares = get(config, *_RESOURCES, "cpu", "shares")
    if shares and not 2 <= shares <= 262144:
        yield f"{_AT}/cpu/shares", f"shares must be from 2 to 262144, not {shares}"


@rule
@about("linux/resources/cpu", only="linux/resources")
def cpu_lists(config: Any) -> Found:
    """RUN525 cpu-list: cpus and mems are lists such as 0-3,7.

    section: config-linux.md / CPU
    blocking: yes
    rows: RL30
    bad: {"linux": {"resources": {"cpu": {"cpus": "0..3"}}}}
    good: {"linux": {"resources": {"cpu": {"cpus": "0-3"}}}}
    """
    for name in ("cpus", "mems"):
        text = get(config, *_RESOURCES, "cpu", name)
        if text and not is_list(text):
            yield f"{_AT}/cpu/{name}", f"{name}: {text[:40]!r} is no list such as 0-3,7"


@rule
@about("linux/resources/cpu", only="linux/resources")
def realtime(config: Any) -> Found:
    """RUN526 realtime-order: cpu.realtimeRuntime is not above cpu.realtimePeriod.

    section: config-linux.md / CPU
    blocking: yes
    rows: RL31
    bad: {"linux": {"resources": {"cpu": {"realtimeRuntime": 20000, "realtimePeriod": 10000}}}}
    good: {"linux": {"resources": {"cpu": {"realtimeRuntime": 10000, "realtimePeriod": 20000}}}}
    """
    cpu = get(config, *_RESOURCES, "cpu") or {}
    runtime, period = cpu.get("realtimeRuntime"), cpu.get("realtimePeriod")
    if runtime and period and runtime > period:
        yield f"{_AT}/cpu/realtimeRuntime", f"realtimeRuntime {runtime} is above realtimePeriod {period}"


@rule
@about("linux/resources/blockIO", only="linux/resources")
def weights(config: Any) -> Found:
    """RUN527 block-io-weight: weights of blockIO are from 10 to 1,000.

    The kernel refuses others.

    section: config-linux.md / Block IO
    blocking: yes
    rows: RL32
    bad: {"linux": {"resources": {"blockIO": {"weight": 5}}}}
    good: {"linux": {"resources": {"blockIO": {"weight": 500}}}}
    """
    places = [(f"{_AT}/blockIO", get(config, *_RESOURCES, "blockIO") or {}), *each(config, *_RESOURCES, "blockIO", "weightDevice")]
    for pointer, item in places:
        for name in ("weight", "leafWeight"):
            if item.get(name) and not 10 <= item[name] <= 1000:
                yield f"{pointer}/{name}", f"{name} must be from 10 to 1000, not {item[name]}"


@rule
@about("linux/resources/blockIO", only="linux/resources")
def empty_weight(config: Any) -> Found:
    """RUN528 weight-device-empty: a weightDevice has a weight or a leafWeight.

    section: config-linux.md / Block IO
    rows: RL33
    bad: {"linux": {"resources": {"blockIO": {"weightDevice": [{"major": 8, "minor": 0}]}}}}
    good: {"linux": {"resources": {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 500}]}}}}
    """
    for pointer, item in each(config, *_RESOURCES, "blockIO", "weightDevice"):
        if "weight" not in item and "leafWeight" not in item:
            yield f"{pointer}/weight", "a weightDevice has a weight or a leafWeight"


@rule
@about("linux/resources/hugepageLimits", only="linux/resources")
def hugepage_twice(config: Any) -> Found:
    """RUN529 hugepage-twice: a page size is limited once.

    section: config-linux.md / Huge page limits
    blocking: yes
    rows: RL35
    bad: {"linux": {"resources": {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}, {"pageSize": "2MB", "limit": 1}]}}}
    good: {"linux": {"resources": {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}, {"pageSize": "1GB", "limit": 1}]}}}
    """
    seen: set[str] = set()
    for pointer, item in each(config, *_RESOURCES, "hugepageLimits"):
        size = item.get("pageSize")
        if size in seen:
            yield pointer, f"{size} is limited twice"
        seen.add(size or "")


@rule
@about("linux/resources/rdma", only="linux/resources")
def empty_rdma(config: Any) -> Found:
    """RUN530 rdma-empty: an entry of rdma limits handles or objects.

    section: config-linux.md / RDMA
    rows: RL39
    bad: {"linux": {"resources": {"rdma": {"mlx5_1": {}}}}}
    good: {"linux": {"resources": {"rdma": {"mlx5_1": {"hcaObjects": 100}}}}}
    """
    for pointer, name, item in entries(config, *_RESOURCES, "rdma"):
        if "hcaHandles" not in item and "hcaObjects" not in item:
            yield pointer, f"rdma for {name[:40]} limits neither handles nor objects"


@rule
@about("linux/resources/unified", only="linux/resources")
def unified_names(config: Any) -> Found:
    """RUN531 unified-name: keys of unified are names of files of cgroup v2.

    CONTROLLER.FILE, without a slash.

    section: config-linux.md / Unified
    blocking: yes
    rows: RL40
    bad: {"ociVersion": "1.1.0", "linux": {"resources": {"unified": {"../memory.max": "max"}}}}
    good: {"ociVersion": "1.1.0", "linux": {"resources": {"unified": {"memory.high": "1048576"}}}}
    """
    for pointer, name, _ in entries(config, *_RESOURCES, "unified"):
        if "/" in name or "." not in name.strip("."):
            yield pointer, f"{name[:60]!r} is no file of cgroup v2"


@rule
@about("linux/resources/unified", only="linux/resources")
def unified_overlap(config: Any) -> Found:
    """RUN532 unified-overlap: what unified sets is not set by a typed field too.

    Which of the two is written last differs between runtimes.

    section: config-linux.md / Unified
    severity: warning
    rows: RL41
    bad: {"ociVersion": "1.1.0", "linux": {"resources": {"unified": {"pids.max": "10"}, "pids": {"limit": 20}}}}
    good: {"ociVersion": "1.1.0", "linux": {"resources": {"unified": {"memory.high": "1048576"}, "pids": {"limit": 20}}}}
    """
    for pointer, name, _ in entries(config, *_RESOURCES, "unified"):
        typed = _TYPED.get(name)
        if typed and get(config, *_RESOURCES, *typed) is not None:
            yield pointer, f"{name} is set by {'.'.join(typed)} as well"


@rule
@about("linux/resources/pids", only="linux/resources")
def pids_zero(config: Any) -> Found:
    """RUN533 pids-limit-zero: a limit of 0 processes is not meant as none.

    Runtimes differ: for some it is no limit, for others a limit that lets nothing start. -1 is no limit.

    section: config-linux.md / PIDs
    severity: warning
    rows: RL38
    bad: {"linux": {"resources": {"pids": {"limit": 0}}}}
    good: {"linux": {"resources": {"pids": {"limit": 100}}}}
    """
    if get(config, *_RESOURCES, "pids", "limit") == 0:
        yield f"{_AT}/pids/limit", "pids.limit 0 is a limit for some runtimes and none for others; -1 is no limit"


@rule
@about("linux/resources/devices", only="linux/resources")
def rule_without_access(config: Any) -> Found:
    """RUN534 device-rule-access: a device rule says what it is about.

    Without access it changes nothing, and runc refuses it, but where it denies all devices.

    section: config-linux.md / Allowed Device list
    blocking: yes
    bad: {"linux": {"resources": {"devices": [{"allow": true, "type": "c", "major": 1, "minor": 3}]}}}
    good: {"linux": {"resources": {"devices": [{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "r"}]}}}
    """
    for pointer, item in each(config, *_RESOURCES, "devices"):
        if not item.get("access") and (item.get("allow") or item.get("type") not in (None, "a")):
            yield pointer, "a device rule without access changes nothing"
