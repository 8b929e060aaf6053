"""Isolation: which layers held for a run, read from its plan: what is not in the plan was not on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from contain.plan.operation import Operation
    from contain.plan.plan import Plan

#: class of an operation → the layer that it is a part of
_LAYERS = {
    "WriteIdMap": "ids",
    "SetIds": "user",
    "SetCapabilities": "capabilities",
    "DropBounding": "bounding",
    "NoNewPrivileges": "no_new_privs",
    "LoadSeccomp": "seccomp",
    "SetExecLabel": "lsm",
    "JoinKeyring": "keyring",
    "PivotRoot": "root",
    "SetRootReadonly": "root",
    "OverlayMount": "root",
    "WriteDeviceRules": "devices",
    "AttachDeviceProgram": "devices",
    "LimitProcessorTime": "processor_time",
}
#: the first word of a cgroup's file → the layer
_LIMITS = {"memory": "memory", "pids": "pids", "cpu": "cpus", "cpuset": "cpuset", "blkio": "io", "io": "io"}


class Isolation:
    """The layers of a run by name, each with what it says: `"seccomp" in result.isolation`, `result.isolation["memory"]`.

    Names: `namespaces`, `ids`, `user`, `capabilities`, `bounding`, `no_new_privs`, `seccomp`, `lsm`, `keyring`, `root`, `devices`, `masks`,
    the limits `memory`, `pids`, `cpus`, `cpuset`, `io`, `processor_time`, `time` and `ulimits`. `missing` has what was asked for, could
    not be had here, and was allowed to be missing.
    """

    __slots__ = ("layers", "missing")

    def __init__(self, layers: dict[str, str], missing: Sequence[str] = ()) -> None:
        """Layer → what it says."""
        self.layers = layers
        self.missing = tuple(missing)

    def __contains__(self, layer: object) -> bool:
        """Whether a layer was on."""
        return layer in self.layers

    def __getitem__(self, layer: str) -> str:
        """What a layer says; KeyError when it was not on."""
        return self.layers[layer]

    def __iter__(self) -> Iterator[str]:
        """The names of the layers."""
        return iter(self.layers)

    def __eq__(self, other: object) -> bool:
        """The same layers, saying the same."""
        return isinstance(other, Isolation) and (self.layers, self.missing) == (other.layers, other.missing)

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, str | list[str]]:
        """Plain values."""
        return {**self.layers, "missing": list(self.missing)}

    def __repr__(self) -> str:
        """The names."""
        return f"Isolation({', '.join(self.layers)})"


def isolation_of(plan: Plan, missing: Sequence[str] = ()) -> Isolation:
    """The layers of a plan."""
    found: dict[str, list[str]] = {}
    for operation in plan.operations:
        for layer, text in _rows(operation):
            row = found.setdefault(layer, [])
            if text not in row:
                row.append(text)
    return Isolation({layer: ", ".join(texts) for layer, texts in sorted(found.items())}, missing)


def _rows(operation: Operation) -> Iterator[tuple[str, str]]:
    values = operation.values()
    name = type(operation).__name__
    if name in {"CreateProcess", "Unshare"}:
        if values["types"]:
            yield "namespaces", values["types"]
    elif name == "WriteCgroup":
        layer = _LIMITS.get(values["file"].partition(".")[0])
        if layer:
            yield layer, f"{values['file']} {' '.join(values['lines'])}"
    elif name == "LimitResource":
        own = values["name"] == "RLIMIT_NPROC" and not operation.origin  # contain's own limit of all processes (compile/process_limit.py)
        yield "pids" if own else "ulimits", f"{values['name']} {values['soft']}"
    elif name in {"MaskPath", "ReadonlyPath"}:
        yield "masks", values["path"]
    elif name == "Supervise":
        if values["timeout"]:
            yield "time", f"{values['timeout'] / 1000:g} s"
    elif name == "LoadSeccomp":
        yield "seccomp", values["summary"]
    elif name in _LAYERS:
        yield _LAYERS[name], operation.describe()
