"""Options that limit the container as a whole."""

from __future__ import annotations

from contain.errors import UsageError
from contain.spec import presets
from contain.spec.options import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.spec.model import Spec
    from contain.spec.options import Options

_LEAST_MEMORY = 1 << 20
_PERIOD = 100_000


def _resources(spec: Spec, name: str) -> dict[str, Any]:
    found: dict[str, Any] = spec.config["linux"].setdefault("resources", {}).setdefault(name, {})
    return found


def memory(spec: Spec, options: Options) -> None:
    """--memory and --memory-swap; without the latter as much swap as memory, docker's rule, but then nobody asked for it."""
    limit, swap = options.get("memory"), options.get("memory_swap")
    resource = _resources(spec, "memory")
    if limit is not None:
        if 0 <= limit < _LEAST_MEMORY:
            raise UsageError(
                f"{limit} bytes are too little to start anything",
                place=place(options.name("memory")),
                remedy="give at least 1m; a unit may be missing",
            )
        resource["limit"] = limit
        resource.pop("swap", None)
        spec.origins.set("/linux/resources/memory/limit", options.name("memory"))
        if limit > 0 and swap is None:
            resource["swap"] = limit * 2
            spec.origins.set("/linux/resources/memory/swap", "")
    if swap is not None:
        if resource.get("limit", -1) < 0:
            raise UsageError("needs a memory limit", place=place(options.name("memory_swap")), remedy="give --memory too")
        if 0 <= swap < resource["limit"]:
            raise UsageError(
                "is less than --memory",
                place=place(options.name("memory_swap")),
                cause="it counts memory and swap together",
                remedy=f"give at least {resource['limit']}",
            )
        resource["swap"] = swap
        spec.origins.set("/linux/resources/memory/swap", options.name("memory_swap"))


def cpus(spec: Spec, options: Options) -> None:
    """--cpus as quota over a period of 100 ms."""
    resource = _resources(spec, "cpu")
    resource["period"] = _PERIOD
    resource["quota"] = max(int(options.get("cpus") * _PERIOD), 1000)
    spec.origins.set("/linux/resources/cpu/quota", options.name("cpus"))
    spec.origins.set("/linux/resources/cpu/period", options.name("cpus"))


def cpuset(spec: Spec, options: Options) -> None:
    """--cpuset-cpus."""
    text = options.get("cpuset_cpus")
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(first) > int(last)):
            raise UsageError(f"{text!r} is not a list of processors", place=place(options.name("cpuset_cpus")), remedy="write it as 0-2,4")
    _resources(spec, "cpu")["cpus"] = text
    spec.origins.set("/linux/resources/cpu/cpus", options.name("cpuset_cpus"))


def pids(spec: Spec, options: Options) -> None:
    """--pids-limit; -1 and 0 mean no limit, as in docker."""
    limit = options.get("pids_limit")
    resources = spec.config["linux"].setdefault("resources", {})
    resources.pop("pids", None)
    if limit > 0:
        resources["pids"] = {"limit": limit}
    spec.origins.set("/linux/resources/pids", options.name("pids_limit"))


def plain(spec: Spec, options: Options) -> None:
    """--timeout, --cpu-time, --disk, --cgroup-parent: facts of the run."""
    for keyword in ("timeout", "cpu_time", "disk", "cgroup_parent"):
        if keyword in options.values:
            setattr(spec.run, keyword, options.get(keyword))
    disk = spec.run.disk
    if "disk" in options.values and disk is not None and disk < 1 << 16:
        raise UsageError(
            f"{disk} bytes are too little for a file system",
            place=place(options.name("disk")),
            remedy="give at least 64k; a unit may be missing",
        )
    if disk is not None and spec.kind in {"rootfs", "host"}:
        presets.bound_tmp(spec.config["mounts"], disk)
    parent = spec.run.cgroup_parent
    if ".." in parent.split("/"):
        raise UsageError(
            f"{parent} leads out of the cgroup tree", place=place(options.name("cgroup_parent")), remedy="write the path without .."
        )


HANDLERS = (
    (("memory", "memory_swap"), memory),
    (("cpus",), cpus),
    (("cpuset_cpus",), cpuset),
    (("pids_limit",), pids),
    (("timeout", "cpu_time", "disk", "cgroup_parent"), plain),
)
