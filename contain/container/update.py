"""update: new limits for a container that exists, through the same launcher and the same translation as at its start."""

from __future__ import annotations

import os

from contain.errors import ContainError, ManifestError, StateError, UsageError
from contain.kernel import managers
from contain.kernel.files import word
from contain.launcher import spawn
from contain.plan.compile.update import compile_update
from contain.plan.encode import encode
from contain.spec import defaults, values
from contain.state import files, layout
from contain.state.layout import state_root
from contain.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from contain.state.store import Folder
    from contain.state.summary import Summary

#: option → where it lies in `linux.resources`, and how it is written
OPTIONS = {
    "--memory": ("memory", "limit", "size"),
    "--memory-reservation": ("memory", "reservation", "size"),
    "--memory-swap": ("memory", "swap", "size"),
    "--kernel-memory": ("memory", "kernel", "size"),
    "--kernel-memory-tcp": ("memory", "kernelTCP", "size"),
    "--cpu-share": ("cpu", "shares", "count"),
    "--cpu-shares": ("cpu", "shares", "count"),
    "--cpu-quota": ("cpu", "quota", "count"),
    "--cpu-period": ("cpu", "period", "count"),
    "--cpu-burst": ("cpu", "burst", "count"),
    "--cpu-idle": ("cpu", "idle", "count"),
    "--cpu-rt-runtime": ("cpu", "realtimeRuntime", "count"),
    "--cpu-rt-period": ("cpu", "realtimePeriod", "count"),
    "--cpuset-cpus": ("cpu", "cpus", "text"),
    "--cpuset-mems": ("cpu", "mems", "text"),
    "--pids-limit": ("pids", "limit", "count"),
    "--blkio-weight": ("blockIO", "weight", "count"),
}
#: Not limited any more by kernels: engines still send them.
IGNORED = ("--kernel-memory",)
#: 0 and "" of these are what engines fill in for "as it is"
_UNSAID = {
    "memory": ("limit", "swap", "reservation"),
    "cpu": ("shares", "quota", "period", "cpus", "mems"),
    "blockIO": ("weight", "leafWeight"),
}


def resources_of(given: Mapping[str, str], document: bytes | None) -> dict[str, Any]:
    """The resources that a command line asks for: those of a document (`--resources`), overridden by options."""
    resources = {} if document is None else _read(document)
    for option, text in given.items():
        section, key, kind = OPTIONS[option]
        if option not in IGNORED:
            resources[section] = {**(resources.get(section) or {}), key: _value(option, text, kind)}
    return resources


def _read(text: bytes) -> dict[str, Any]:
    """What a document says, held against the schema of `linux.resources`."""
    import json

    from contain.document import value as documents
    from contain.spec.sources import manifest

    place = "<command line>:--resources"
    try:
        resources = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ManifestError(f"cannot read the resources: {problem}", place=place) from None
    if not isinstance(resources, dict):
        raise ManifestError("the resources must be an object", place=place, remedy="give linux.resources of a config.json")
    config = manifest.require(
        "runtime-config", documents.of({"ociVersion": "1.3.0", "linux": {"resources": resources}}, place), warnings=[]
    )
    defaults.drop_nulls(config)
    found: dict[str, Any] = config["linux"]["resources"]
    return found


def _value(option: str, text: str, kind: str) -> int | str:
    if kind == "text":
        return text
    place = f"<command line>:{option}"
    if kind == "size":
        try:
            return values.size(text)
        except ValueError:
            raise UsageError(f"not a number: {text!r}", place=place, remedy="write 536870912 or 512m") from None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 19:
        raise UsageError(f"not a number: {text!r}", place=place, remedy="write an integer")
    return int(text)


def update(name: str, resources: dict[str, Any], *, root: str = "", rdt: dict[str, str] | None = None) -> None:
    """Changes the limits of a container that has not ended; ContainError in the launcher's words when the kernel refuses one.

    The container's own copy of the configuration follows, so that whoever reads it sees the limits that hold.
    """
    import json

    with Store(state_root(root)) as store, store.open(name) as folder, folder.turn():
        summary = folder.summary()
        status = folder.status(summary)
        if status in {layout.STOPPED, layout.CREATING}:
            raise StateError("container not running", cause=f"its status is {status}")
        config = json.loads(folder.text(layout.CONFIG) or "{}")
        if defaults.zero_is_none(config.get("ociVersion")) and (resources.get("pids") or {}).get("limit") == 0:
            del resources["pids"]  # likewise, as runc's update has it
        resources = _given(resources)
        if summary.systemd:
            _tell_systemd(summary, resources)
        if rdt:
            _update_class(folder, config, rdt)
        launch(encode(compile_update(resources, summary.cgroups, lambda group, file: word(f"{group}/{file}"))))
        _remember(folder, config, resources)


def _update_class(folder: Folder, config: dict[str, Any], rdt: dict[str, str]) -> None:
    """New shares of cache and memory bandwidth (`l3CacheSchema`, `memBwSchema`), for a container that has a class of its own."""
    from contain.host.probe import Wanted, probe
    from contain.plan.compile.resctrl import change

    held = config.get("linux", {}).get("intelRdt")
    if not held:
        raise UsageError(
            "the container is in no class of RDT",
            place="<command line>:--l3-cache-schema" if "l3CacheSchema" in rdt else "<command line>:--mem-bw-schema",
            remedy="give it linux.intelRdt when it is created",
        )
    launch(encode(change(held, rdt, folder.id, probe(Wanted(root="/")))))


def _tell_systemd(summary: Summary, resources: dict[str, Any]) -> None:
    """What systemd has properties for, lest it writes the old values again when it is reloaded."""
    from contain.container.systemd import Refused, Systemd, as_sent
    from contain.plan.compile.cgroup_systemd import device_properties, limit_properties

    user = managers.asks_user()
    rows = limit_properties(resources, v2="memory" not in summary.cgroups)
    rows += device_properties(resources["devices"]) if resources.get("devices") and not user else []
    properties = [(name, signature, as_sent(signature, value)) for name, signature, value in rows]
    manager = Systemd(user=user)
    try:
        manager.limit(summary.systemd, properties)
    except (Refused, OSError) as problem:
        raise ContainError(f"cannot have systemd limit the scope {summary.systemd}: {problem}") from problem
    finally:
        manager.close()


def launch(plan: bytes) -> None:
    """A plan without a process; ContainError in the launcher's words when it fails."""
    read, write = os.pipe()
    with open(read, encoding="utf-8", errors="replace") as said:
        try:
            pid = spawn.spawn(plan, streams=(0, 1, write))
        finally:
            os.close(write)
        text = said.read()
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            raise ContainError(text.split("\n", 1)[0].removeprefix("contain: ") or "the launcher failed without a word")


def _given(resources: dict[str, Any]) -> dict[str, Any]:
    """Without kernel memory, which the kernel limits no more and engines still send, and without what they write for "as it is"."""
    found = {}
    for section, value in resources.items():
        unsaid = _UNSAID.get(section, ())
        found[section] = (
            {key: member for key, member in value.items() if key != "kernel" and (member or key not in unsaid)}
            if isinstance(value, dict)
            else value
        )
    return found


def _remember(folder: Folder, config: dict[str, Any], resources: dict[str, Any]) -> None:
    import json

    held = config.setdefault("linux", {}).setdefault("resources", {})
    for section, value in resources.items():
        held[section] = {**(held.get(section) or {}), **value} if isinstance(value, dict) else value
    memory = held.get("memory") or {}
    if memory.get("limit", 0) < 0 < memory.get("swap", 0):
        memory["swap"] = -1  # went with it
    files.store(folder.fd, layout.CONFIG, json.dumps(config), token=folder.token)
