"""A host's facts as JSON, and back: `contain doctor --json`, `contain plan --host`."""

from __future__ import annotations

from contain.host.model import CgroupLayout, Host, Root, Userns
from contain.host.paths import Device, Entry, Source
from contain.kernel.idmaps import IdMap, Range
from contain.kernel.mounts import Mount
from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Fields whose values are records, by class; the second says how they are held.
_NESTED: dict[type[Record], dict[str, tuple[type[Record], str]]] = {
    Host: {
        "cgroup": (CgroupLayout, "one"),
        "userns": (Userns, "one"),
        "root": (Root, "one"),
        "sources": (Source, "dict"),
        "mounts": (Mount, "list"),
        "top": (Entry, "list"),
        "devices": (Device, "list"),
    },
    Userns: {"uid_map": (IdMap, "list"), "gid_map": (IdMap, "list"), "subuid": (Range, "list"), "subgid": (Range, "list")},
}


def plain(value: Any) -> Any:
    """Plain values; what equals its default is left out."""
    if isinstance(value, Record):
        default = value._defaults  # noqa: SLF001  a record and its functions are one
        return {name: plain(field) for name, field in value.values().items() if name not in default or default[name] != field}
    if isinstance(value, dict):
        return {key: plain(field) for key, field in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [plain(field) for field in value]
    return value


def built(cls: type[Any], data: dict[str, Any]) -> Any:
    """The record of plain values."""
    values = dict(data)
    for name, (kind, held) in _NESTED.get(cls, {}).items():
        if name not in values:
            continue
        if held == "one":
            values[name] = built(kind, values[name])
        elif held == "list":
            values[name] = [built(kind, one) for one in values[name]]
        else:
            values[name] = {key: built(kind, one) for key, one in values[name].items()}
    if cls is Host:
        for name in ("caps", "bounding"):
            values[name] = frozenset(values.get(name, ()))
        values["kernel"] = tuple(values.get("kernel", (0, 0)))
    return cls(**values)
