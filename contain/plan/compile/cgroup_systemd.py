"""The systemd driver: the container's scope, and which limits are systemd's own to set.

systemd writes what it knows of into the scope's cgroup again whenever it is reloaded, so these limits go through its properties; what
it has no property for is written into the files as with the other driver.
"""

from __future__ import annotations

from _json import encode_basestring_ascii as quoted

from contain.errors import ManifestError
from contain.kernel.managers import is_users, service
from contain.plan.compile.cgroup_limits import PERIOD, weight_of_shares

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.spec.model import Spec

    Property = tuple[str, str, Any]

POINTER = "/linux/cgroupsPath"
UNLIMITED = (1 << 64) - 1
ANNOTATION = "org.systemd.property."


class Scope:
    """A transient scope: its unit, its slice, and its cgroup's path below the root of the hierarchies."""

    __slots__ = ("path", "slice", "unit", "user")

    def __init__(self, slice_: str, unit: str, *, root: str, user: bool) -> None:
        """`root` is the manager's own cgroup, "" for the machine's."""
        self.slice = slice_
        self.unit = unit
        self.user = user
        self.path = "/".join([*root.strip("/").split("/"), *_expanded(slice_), unit]).lstrip("/")


def scope_of(spec: Spec, host: Host) -> Scope:
    """From cgroupsPath, `slice:prefix:name`; ManifestError when it is something else."""
    user = is_users(host.euid, host.cgroup.own.get("", ""), initial=host.userns.initial)
    given = spec.config["linux"].get("cgroupsPath") or ""
    parts = given.split(":") if given else ["", "contain", spec.run.name]
    if len(parts) != 3 or not parts[2]:
        raise ManifestError(
            f'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "{given}" instead',
            place=spec.origins.place(POINTER),
            remedy="write system.slice:contain:NAME, or use the driver cgroupfs",
        )
    slice_ = parts[0] or ("user.slice" if user else "system.slice")
    bad = [part for part in (slice_, parts[1], parts[2]) if "/" in part or part.startswith(".")]
    if bad or not slice_.endswith(".slice") or "--" in slice_ or (slice_.startswith("-") and slice_ != "-.slice"):
        raise ManifestError(
            f"invalid slice or scope in cgroupsPath: {given}", place=spec.origins.place(POINTER), remedy="name a slice as a-b.slice"
        )
    unit = f"{parts[1]}-{parts[2]}.scope" if parts[1] else f"{parts[2]}.scope"
    return Scope(slice_, unit, root=_manager_root(host) if user else "", user=user)


def _expanded(slice_: str) -> Iterator[str]:
    """a-b.slice lies in a.slice; -.slice is the root."""
    if slice_ == "-.slice":
        return
    words = slice_.removesuffix(".slice").split("-")
    for count in range(1, len(words) + 1):
        yield "-".join(words[:count]) + ".slice"


def _manager_root(host: Host) -> str:
    """The cgroup of the user's own manager, above which nothing is ours."""
    return service(host.cgroup.own.get("", "")) or f"/user.slice/user-{host.uid}.slice/user@{host.uid}.service"


def base_properties(spec: Spec, scope: Scope) -> list[Property]:
    """What a container's scope is, without its limits."""
    found: list[Property] = [
        ("Description", "s", f"contain container {spec.run.name}"),
        ("Slice", "s", scope.slice),
        ("Delegate", "b", True),
        ("DefaultDependencies", "b", False),
        ("CollectMode", "s", "inactive-or-failed"),
        *((f"{name}Accounting", "b", True) for name in ("Memory", "CPU", "IO", "Tasks")),
    ]
    return found + list(_annotated(spec))


def _annotated(spec: Spec) -> Iterator[Property]:
    """Annotations org.systemd.property.NAME: true, 'text', uint64 5, int32 -1; …Sec in seconds becomes …USec."""
    for key, text in spec.config["annotations"].items():
        name = key.removeprefix(ANNOTATION)
        if name == key:
            continue
        place = f"/annotations/{key.replace('~', '~0').replace('/', '~1')}"
        if not (name[:1].isupper() and name.isalnum() and len(name) > 2):
            raise ManifestError(f"annotation {key} names no property of systemd", place=spec.origins.place(place))
        value = _variant(text)
        if value is None:
            raise ManifestError(
                f"annotation {key} has no value that systemd takes: {text}",
                place=spec.origins.place(place),
                remedy="write true, 'text' or uint64 5",
            )
        if name.endswith("Sec") and not name.endswith("USec") and value[0] != "s":
            name, value = f"{name[:-3]}USec", ("t", int(value[1]) * 1_000_000)
        yield (name, *value)


def _variant(text: str) -> tuple[str, Any] | None:
    if text in {"true", "false"}:
        return "b", text == "true"
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return "s", text[1:-1]
    kind, _, number = text.partition(" ")
    letters = {"uint64": "t", "int64": "x", "uint32": "u", "int32": "i", "uint16": "q", "int16": "n", "byte": "y"}
    if kind in letters and number.lstrip("-").isdecimal():
        return letters[kind], int(number)
    return ("i", int(text)) if text.lstrip("-").isdecimal() else None


def limit_properties(resources: dict[str, Any], *, v2: bool) -> list[Property]:
    """The limits that systemd sets itself; v1 has other names for some."""
    return [*_memory(resources.get("memory") or {}, v2=v2), *_cpu(resources.get("cpu") or {}, v2=v2), *_others(resources, v2=v2)]


def _number(value: int) -> int:
    return UNLIMITED if value < 0 else value


def _memory(memory: dict[str, Any], *, v2: bool) -> Iterator[Property]:
    limit, swap, low = memory.get("limit"), memory.get("swap"), memory.get("reservation")
    if limit:
        yield "MemoryMax" if v2 else "MemoryLimit", "t", _number(limit)
    if low and v2:
        yield "MemoryLow", "t", _number(low)
    if swap and v2:
        yield "MemorySwapMax", "t", _number(swap if swap < 0 or not limit or limit < 0 else max(0, swap - limit))


def _cpu(cpu: dict[str, Any], *, v2: bool) -> Iterator[Property]:
    if cpu.get("shares"):
        yield ("CPUWeight", "t", weight_of_shares(cpu["shares"])) if v2 else ("CPUShares", "t", cpu["shares"])
    quota, period = cpu.get("quota"), cpu.get("period") or PERIOD
    if cpu.get("period"):
        yield "CPUQuotaPeriodUSec", "t", period
    if quota:
        share = quota * 1_000_000 // period
        yield "CPUQuotaPerSecUSec", "t", UNLIMITED if quota < 0 else -(-share // 10_000) * 10_000  # systemd knows whole percents
    for key, name in (("cpus", "AllowedCPUs"), ("mems", "AllowedMemoryNodes")):
        if cpu.get(key) and v2:
            yield name, "ay", _bits(cpu[key])


def _others(resources: dict[str, Any], *, v2: bool) -> Iterator[Property]:
    limit = (resources.get("pids") or {}).get("limit")
    if limit is not None:
        yield "TasksMax", "t", max(1, _number(limit))  # 0 means something else to systemd
    weight = (resources.get("blockIO") or {}).get("weight")
    if weight and not v2:
        yield "BlockIOWeight", "t", weight
    for key, name in (("memory.high", "MemoryHigh"), ("memory.min", "MemoryMin")):
        text = (resources.get("unified") or {}).get(key, "").strip()
        if text == "max" or text.isdecimal():
            yield name, "t", UNLIMITED if text == "max" else int(text)


def everything() -> list[Property]:
    """All devices, as long as we set up; that it has rules at all makes systemd use the hierarchy."""
    return [("DeviceAllow", "a(ss)", [["char-*", "rwm"], ["block-*", "rwm"]])]


def device_properties(rows: list[dict[str, Any]]) -> list[Property]:
    """The devices of `rows`: without them systemd would allow all again on v1 whenever it is reloaded.

    What it cannot express, exceptions from all, it leaves alone; what it is given must not be narrower than our own rules, since both count.
    """
    from contain.plan.compile.cgroup_devices import rules, v1_lines

    try:
        allow_all, lines = v1_lines(rules(rows))
    except ValueError:
        allow_all, lines = True, []
    if allow_all:
        return [("DevicePolicy", "s", "auto"), ("DeviceAllow", "a(ss)", [])]
    allowed = [(_device(*line.split(" ")[:2]), line.split(" ")[2]) for line in lines]
    return [("DevicePolicy", "s", "strict"), ("DeviceAllow", "a(ss)", []), ("DeviceAllow", "a(ss)", allowed)]


def _device(kind: str, numbers: str) -> str:
    """`c 1:3` is /dev/char/1:3 whether there is such a file or not; `c 136:*` is a whole group."""
    name = "char" if kind == "c" else "block"
    major, _, minor = numbers.partition(":")
    return f"{name}-{major}" if minor == "*" else f"/dev/{name}/{numbers}"


def _bits(text: str) -> list[int]:
    """`0-2,8` as the bytes of a mask, lowest bit first."""
    mask = 0
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        for number in range(int(first), int(last or first) + 1):
            mask |= 1 << number
    return list(mask.to_bytes((mask.bit_length() + 7) // 8 or 1, "little"))


def request(scope: Scope, properties: list[Property]) -> str:
    """As the helper reads it; json itself is not imported on the hot path."""
    rows = ", ".join(f"[{quoted(name)}, {quoted(kind)}, {_json(value)}]" for name, kind, value in properties)
    return f'{{"unit": {quoted(scope.unit)}, "user": {_json(scope.user)}, "properties": [{rows}]}}'


def _json(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_json, value))}]"
    return quoted(value) if isinstance(value, str) else repr(value)
