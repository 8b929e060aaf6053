"""What resctrl tells of a class and of the processes in a group, in the shape of runc's `events --stats`."""

from __future__ import annotations

import os

from contain.kernel.files import number, text, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def usage(mount: str, name: str, group: str) -> dict[str, Any]:
    """Of class `name` (folder below the mount, "" is everybody's), counted in `group`, a folder below the mount as well."""
    found: dict[str, Any] = {}
    l3, bandwidth = f"{mount}/info/L3", f"{mount}/info/MB"
    if os.path.isdir(l3):
        info = {key: number(f"{l3}/{key}") or 0 for key in ("min_cbm_bits", "num_closids")}
        found["l3_cache_info"] = {"cbm_mask": word(f"{l3}/cbm_mask"), **info}
    if os.path.isdir(bandwidth):
        keys = ("bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids")
        found["mem_bw_info"] = {key: number(f"{bandwidth}/{key}") or 0 for key in keys}
    for key, prefix in (("l3_cache_schema", "L3:"), ("mem_bw_schema", "MB:")):
        for suffix, folder in (("_root", mount), ("", f"{mount}/{name}")):
            line = next((line.strip() for line in text(f"{folder}/schemata").splitlines() if line.strip().startswith(prefix)), "")
            found |= {f"{key}{suffix}": line} if line else {}
    return {**found, **_counted(f"{mount}/{group}/mon_data")}


def _counted(folder: str) -> dict[str, Any]:
    """By cache, in the order of their numbers: mon_L3_00, mon_L3_01."""
    try:
        caches = sorted(name for name in os.listdir(folder) if name.startswith("mon_L3_"))
    except OSError:
        return {}
    found: dict[str, Any] = {}
    for key, files in (("mbm_stats", ("mbm_total_bytes", "mbm_local_bytes")), ("cmt_stats", ("llc_occupancy",))):
        rows = [{file: value for file in files if (value := number(f"{folder}/{cache}/{file}")) is not None} for cache in caches]
        if any(rows):
            found[key] = rows
    return found
