"""Limits: from `linux.resources` to the files of cgroup v1 and v2. Nobody else translates them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    IsV2 = Callable[[str], bool]

BASE = "/linux/resources"
PERIOD = 100_000  # µs, the kernel's default
FOREVER = -1


class Setting:
    """One file to be written, or, with `lacking`, a limit for which this version of cgroups has no file, and why."""

    __slots__ = ("alternative", "alternative_lines", "controller", "file", "lacking", "lines", "name", "optional", "pointer")

    def __init__(self, controller: str, file: str, *lines: object, pointer: str, name: str = "", lacking: str = "") -> None:
        """`pointer` is relative to the resources; `name` is what --allow-missing calls it."""
        self.controller = controller
        self.file = file
        self.lines = [str(line) for line in lines]
        self.pointer = BASE + pointer
        self.name = name or controller
        self.lacking = lacking
        self.alternative = ""
        self.alternative_lines: list[str] = []
        self.optional = False

    def __repr__(self) -> str:
        """For tests and people."""
        return (
            f"{self.controller}: {self.file} = {self.lines}"
            if not self.lacking
            else f"{self.controller}: {self.pointer} lacks: {self.lacking}"
        )

    @property
    def endless(self) -> bool:
        """Whether this takes a limit away."""
        return bool(self.lines) and all(line == "-1" or line.split(" ")[0] == "max" or line.endswith("=max") for line in self.lines)

    def otherwise(self, file: str, *lines: object) -> Setting:
        """Another file for kernels without the first."""
        self.alternative = file
        self.alternative_lines = [str(line) for line in lines]
        return self


def settings(resources: dict[str, Any], is_v2: IsV2) -> Iterator[Setting]:
    """Everything that `resources` limits but devices, in the order in which it can be written to a fresh cgroup.

    `is_v2(controller)` says through which version a controller is used: both at once on a hybrid machine.
    """
    yield from _memory(resources.get("memory") or {}, v2=is_v2("memory"))
    yield from _cpu(resources.get("cpu") or {}, v2=is_v2("cpu"))
    yield from _cpuset(resources.get("cpu") or {})
    yield from _pids(resources.get("pids") or {})
    block = "io" if is_v2("blkio") else "blkio"
    yield from _block_v2(resources.get("blockIO") or {}) if block == "io" else _block_v1(resources.get("blockIO") or {})
    yield from _hugetlb(resources.get("hugepageLimits") or [], v2=is_v2("hugetlb"))
    yield from _network(resources.get("network") or {}, is_v2)
    yield from _rdma(resources.get("rdma") or {})
    yield from _unified(resources.get("unified") or {}, is_v2)


def weight_of_shares(shares: int) -> int:
    """cpu.shares → cpu.weight by the curve that gives 2 → 1, 1024 → 100, 262144 → 10000 (runc and crun since 2025)."""
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    from math import ceil, log2  # a file of its own in some Pythons, and few plans have a weight

    power = log2(shares)
    return min(10000, ceil(round(10 ** ((power * power + 125 * power) / 612 - 7 / 34), 6)))


def io_weight_of_blkio(weight: int) -> int:
    """blkio's 10…1000 → io.weight's 1…10000."""
    return 1 + (weight - 10) * 9999 // 990


def _limit(value: int) -> str:
    return "max" if value < 0 else str(value)


def _memory(memory: dict[str, Any], *, v2: bool) -> Iterator[Setting]:
    limit, swap, low = memory.get("limit"), memory.get("swap"), memory.get("reservation")
    if limit:  # 0, here and below, is what engines send for "not set"
        yield Setting("memory", "memory.max" if v2 else "memory.limit_in_bytes", _limit(limit) if v2 else limit, pointer="/memory/limit")
    if swap and v2:
        only = _limit(swap if swap < 0 or not limit or limit < 0 else max(0, swap - limit))
        yield Setting("memory", "memory.swap.max", only, pointer="/memory/swap", name="swap")
    elif swap:
        yield Setting("memory", "memory.memsw.limit_in_bytes", swap, pointer="/memory/swap", name="swap")
    if low:
        yield Setting(
            "memory", "memory.low" if v2 else "memory.soft_limit_in_bytes", _limit(low) if v2 else low, pointer="/memory/reservation"
        )
    swappiness = memory.get("swappiness")
    if swappiness is not None:
        lacking = "cgroup v2 has no swappiness of its own" if v2 else ""
        yield Setting("memory", "memory.swappiness", swappiness, pointer="/memory/swappiness", lacking=lacking)
    if memory.get("disableOOMKiller"):
        lacking = "cgroup v2 cannot switch its OOM killer off" if v2 else ""
        yield Setting("memory", "memory.oom_control", 1, pointer="/memory/disableOOMKiller", lacking=lacking)
    if memory.get("kernelTCP") is not None:
        lacking = "cgroup v2 counts TCP buffers as memory" if v2 else ""
        yield Setting("memory", "memory.kmem.tcp.limit_in_bytes", memory["kernelTCP"], pointer="/memory/kernelTCP", lacking=lacking)
    if memory.get("kernel") is not None:
        yield Setting(
            "memory", "", pointer="/memory/kernel", lacking="kernels count kernel memory as memory since 5.16, there is no limit of its own"
        )


def _cpu(cpu: dict[str, Any], *, v2: bool) -> Iterator[Setting]:
    idle = cpu.get("idle")
    if idle is not None:
        yield Setting("cpu", "cpu.idle", idle, pointer="/cpu/idle")
    shares = cpu.get("shares")
    if shares and not idle:  # an idle group has no weight: EINVAL
        yield Setting("cpu", "cpu.weight" if v2 else "cpu.shares", weight_of_shares(shares) if v2 else shares, pointer="/cpu/shares")
    quota, period, burst = cpu.get("quota"), cpu.get("period"), cpu.get("burst")
    if v2 and (quota or period):
        pointer = "/cpu/quota" if quota else "/cpu/period"
        yield Setting("cpu", "cpu.max", f"{quota if quota and quota > 0 else 'max'} {period or PERIOD}", pointer=pointer)
    if not v2 and period:
        yield Setting("cpu", "cpu.cfs_period_us", period, pointer="/cpu/period")
    if not v2 and quota:
        yield Setting("cpu", "cpu.cfs_quota_us", quota if quota > 0 else FOREVER, pointer="/cpu/quota")
    if burst is not None:
        yield Setting("cpu", "cpu.max.burst" if v2 else "cpu.cfs_burst_us", burst, pointer="/cpu/burst")
    for key, file in (("realtimePeriod", "cpu.rt_period_us"), ("realtimeRuntime", "cpu.rt_runtime_us")):
        if cpu.get(key) is not None:
            yield Setting("cpu", file, cpu[key], pointer=f"/cpu/{key}", lacking="cgroup v2 has no realtime budget" if v2 else "")


def _cpuset(cpu: dict[str, Any]) -> Iterator[Setting]:
    for key in ("cpus", "mems"):
        if cpu.get(key):
            yield Setting("cpuset", f"cpuset.{key}", cpu[key], pointer=f"/cpu/{key}")


def _pids(pids: dict[str, Any]) -> Iterator[Setting]:
    limit = pids.get("limit")
    if limit is not None:  # 0 is a limit: nothing may be forked
        yield Setting("pids", "pids.max", _limit(limit), pointer="/pids/limit")


_THROTTLES = (
    ("throttleReadBpsDevice", "read_bps", "rbps"),
    ("throttleWriteBpsDevice", "write_bps", "wbps"),
    ("throttleReadIOPSDevice", "read_iops", "riops"),
    ("throttleWriteIOPSDevice", "write_iops", "wiops"),
)


def _block_v1(block: dict[str, Any]) -> Iterator[Setting]:
    for key, word in (("weight", "weight"), ("leafWeight", "leaf_weight")):
        if block.get(key):
            yield Setting("blkio", f"blkio.{word}", block[key], pointer=f"/blockIO/{key}").otherwise(f"blkio.bfq.{word}", block[key])
    for index, row in enumerate(block.get("weightDevice") or []):
        for key, word in (("weight", "weight_device"), ("leafWeight", "leaf_weight_device")):
            if row.get(key) is not None:
                line = f"{row['major']}:{row['minor']} {row[key]}"
                yield Setting("blkio", f"blkio.{word}", line, pointer=f"/blockIO/weightDevice/{index}").otherwise(f"blkio.bfq.{word}", line)
    for key, word, _ in _THROTTLES:
        for index, row in enumerate(block.get(key) or []):
            line = f"{row['major']}:{row['minor']} {row['rate']}"
            yield Setting("blkio", f"blkio.throttle.{word}_device", line, pointer=f"/blockIO/{key}/{index}")


def _block_v2(block: dict[str, Any]) -> Iterator[Setting]:
    weight = block.get("weight")
    if weight:
        yield Setting("io", "io.bfq.weight", weight, pointer="/blockIO/weight").otherwise(
            "io.weight", f"default {io_weight_of_blkio(weight)}"
        )
    if block.get("leafWeight"):
        yield Setting("io", "", pointer="/blockIO/leafWeight", lacking="cgroup v2 has no leaf weight")
    for index, row in enumerate(block.get("weightDevice") or []):
        pointer, device = f"/blockIO/weightDevice/{index}", f"{row['major']}:{row['minor']}"
        if row.get("weight") is not None:
            other = f"{device} {io_weight_of_blkio(row['weight'])}"
            yield Setting("io", "io.bfq.weight", f"{device} {row['weight']}", pointer=pointer).otherwise("io.weight", other)
        if row.get("leafWeight") is not None:
            yield Setting("io", "", pointer=f"{pointer}/leafWeight", lacking="cgroup v2 has no leaf weight")
    for key, _, word in _THROTTLES:
        for index, row in enumerate(block.get(key) or []):
            rate = row["rate"] or "max"
            yield Setting("io", "io.max", f"{row['major']}:{row['minor']} {word}={rate}", pointer=f"/blockIO/{key}/{index}")


def _hugetlb(rows: list[dict[str, Any]], *, v2: bool) -> Iterator[Setting]:
    word = "max" if v2 else "limit_in_bytes"
    for index, row in enumerate(rows):
        size, pointer = row["pageSize"], f"/hugepageLimits/{index}"
        reserved = Setting("hugetlb", f"hugetlb.{size}.rsvd.{word}", row["limit"], pointer=pointer)
        reserved.optional = True  # since 5.7; accounting of faults is everywhere
        yield reserved
        yield Setting("hugetlb", f"hugetlb.{size}.{word}", row["limit"], pointer=pointer)


def _network(network: dict[str, Any], is_v2: IsV2) -> Iterator[Setting]:
    lacking = "cgroup v2 has no {} controller"
    if network.get("classID") is not None:
        why = lacking.format("net_cls") if is_v2("net_cls") else ""
        yield Setting("net_cls", "net_cls.classid", network["classID"], pointer="/network/classID", lacking=why)
    for index, row in enumerate(network.get("priorities") or []):
        why = lacking.format("net_prio") if is_v2("net_prio") else ""
        yield Setting(
            "net_prio", "net_prio.ifpriomap", f"{row['name']} {row['priority']}", pointer=f"/network/priorities/{index}", lacking=why
        )


def _rdma(rdma: dict[str, Any]) -> Iterator[Setting]:
    for device, row in rdma.items():
        words = [
            f"{word}={row[key]}" for key, word in (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object")) if row.get(key) is not None
        ]
        yield Setting("rdma", "rdma.max", " ".join([device, *words]), pointer=f"/rdma/{device.replace('~', '~0').replace('/', '~1')}")


def _unified(unified: dict[str, str], is_v2: IsV2) -> Iterator[Setting]:
    for key in sorted(unified):
        controller = key.split(".", 1)[0]
        pointer = f"/unified/{key.replace('~', '~0').replace('/', '~1')}"
        why = "" if controller == "cgroup" or is_v2(controller) else f"{controller} is used through cgroup v1 here"
        yield Setting(
            "" if controller == "cgroup" else controller, key, *(unified[key].rstrip("\n").split("\n")), pointer=pointer, lacking=why
        )
