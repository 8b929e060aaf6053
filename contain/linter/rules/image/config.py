"""IMG3: the image config."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from contain.linter.names import GOARCH, GOOS, is_signal
from contain.linter.ranges import number
from contain.linter.reading import each, entries, get
from contain.linter.registry import rule
from contain.linter.rules.image.index import VARIANTS
from contain.linter.times import is_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
def architecture(config: Any) -> Found:
    """IMG306 image-architecture: architecture is a value of GOARCH, with a variant of the table.

    section: config.md / Properties
    severity: warning
    rows: IC02
    bad: {"architecture": "x86_64"}
    good: {"architecture": "arm", "variant": "v7"}
    """
    name, variant = config.get("architecture"), config.get("variant")
    if name is not None and name not in (*GOARCH, "unknown"):
        yield "/architecture", f"{name[:40]!r} is no value of GOARCH"
    elif variant and name in VARIANTS and variant not in VARIANTS[name]:
        yield "/variant", f"{variant[:40]!r} is no variant of {name}"


@rule
def system(config: Any) -> Found:
    """IMG307 image-os: os is a value of GOOS.

    section: config.md / Properties
    severity: warning
    rows: IC04 IC05
    bad: {"os": "Linux"}
    good: {"os": "linux"}
    """
    name = config.get("os")
    if name is not None and name not in (*GOOS, "unknown"):
        yield "/os", f"{name[:40]!r} is no value of GOOS"


@rule
def created(config: Any) -> Found:
    """IMG308 image-created: created is a time of RFC 3339.

    section: config.md / Properties
    rows: IC06 IC20
    bad: {"created": "yesterday"}
    good: {"created": "2026-01-01T00:00:00Z"}
    """
    text = config.get("created")
    if text and not is_time(text):
        yield "/created", f"{text[:40]!r} is no time of RFC 3339"
    for pointer, item in each(config, "history"):
        if item.get("created") and not is_time(item["created"]):
            yield f"{pointer}/created", f"{item['created'][:40]!r} is no time of RFC 3339"


@rule
def user(config: Any) -> Found:
    """IMG309 image-user: User is USER, UID, or either with :GROUP or :GID.

    section: config.md / config.User
    rows: IC07
    bad: {"config": {"User": "1000:1000:1000"}}
    good: {"config": {"User": "app:1000"}}
    """
    text = get(config, "config", "User")
    if text and (text.count(":") > 1 or not all(text.split(":")) or any(letter.isspace() for letter in text)):
        yield "/config/User", f"{text[:40]!r} is not USER or USER:GROUP"


@rule
def ports(config: Any) -> Found:
    """IMG310 exposed-port: keys of ExposedPorts are PORT, PORT/tcp or PORT/udp.

    sctp is in use too.

    section: config.md / config.ExposedPorts
    rows: IC08
    bad: {"config": {"ExposedPorts": {"http": {}}}}
    good: {"config": {"ExposedPorts": {"80/tcp": {}}}}
    """
    for pointer, name, _ in entries(config, "config", "ExposedPorts"):
        port, slash, protocol = name.partition("/")
        first, _, last = port.partition("-")
        numbers = [number(text) or 0 for text in (first, last) if text]
        sound = numbers and all(0 < port < 65536 for port in numbers) and (not slash or protocol in ("tcp", "udp", "sctp"))
        if not sound:
            yield pointer, f"{name[:40]!r} is not PORT, PORT/tcp or PORT/udp"


@rule
def environment(config: Any) -> Found:
    """IMG311 image-env: an environment entry is NAME=value, and a name is given once.

    section: config.md / config.Env
    rows: IC09
    bad: {"config": {"Env": ["PATH"]}}
    good: {"config": {"Env": ["PATH=/bin"]}}
    """
    seen: set[str] = set()
    for pointer, text in each(config, "config", "Env"):
        name = text.partition("=")[0]
        if text.find("=") < 1:
            yield pointer, f"the environment entry {text[:40]!r} is not NAME=value"
        elif name in seen:
            yield pointer, f"{name[:60]} is in the environment already"
        seen.add(name)


@rule
def volumes(config: Any) -> Found:
    """IMG312 image-volume: keys of Volumes are absolute paths.

    section: config.md / config.Volumes
    rows: IC11
    bad: {"config": {"Volumes": {"data": {}}}}
    good: {"config": {"Volumes": {"/data": {}}}}
    """
    for pointer, name, _ in entries(config, "config", "Volumes"):
        if not name.startswith("/") and config.get("os") != "windows":
            yield pointer, f"the volume {name[:60]!r} is no absolute path"


@rule
def working_folder(config: Any) -> Found:
    """IMG313 image-working-dir: WorkingDir is an absolute path.

    It becomes process.cwd, which must be one.

    section: conversion.md / Verbatim Fields
    rows: IC12
    bad: {"config": {"WorkingDir": "app"}}
    good: {"config": {"WorkingDir": "/app"}}
    """
    path = get(config, "config", "WorkingDir")
    if path and not path.startswith("/") and config.get("os") != "windows":
        yield "/config/WorkingDir", f"WorkingDir {path[:60]!r} is no absolute path"


@rule
def stop_signal(config: Any) -> Found:
    """IMG314 image-stop-signal: StopSignal is SIGNAME, a number, or SIGRTMIN+n.

    section: config.md / config.StopSignal
    rows: IC14
    bad: {"config": {"StopSignal": "TERM"}}
    good: {"config": {"StopSignal": "SIGRTMIN+3"}}
    """
    text = get(config, "config", "StopSignal")
    if text and not is_signal(text):
        yield "/config/StopSignal", f"{text[:40]!r} is no signal such as SIGTERM"


@rule
def args_escaped(config: Any) -> Found:
    """IMG315 args-escaped: ArgsEscaped is not used.

    It is deprecated, and only Windows ever had it.

    section: config.md / config.ArgsEscaped
    severity: warning
    rows: IC15
    bad: {"config": {"ArgsEscaped": true}}
    good: {"config": {"Cmd": ["sh"]}}
    """
    if get(config, "config", "ArgsEscaped"):
        yield "/config/ArgsEscaped", "ArgsEscaped is deprecated"


@rule
def reserved(config: Any) -> Found:
    """IMG316 reserved-member: Memory, MemorySwap, CpuShares and Healthcheck are not used.

    They are reserved, and runtimes ignore them.

    section: config.md / Properties
    severity: info
    rows: IC16
    bad: {"config": {"Memory": 1048576}}
    good: {"config": {"Cmd": ["sh"]}}
    """
    for name in ("Memory", "MemorySwap", "CpuShares"):
        if get(config, "config", name):
            yield f"/config/{name}", f"{name} is reserved and has no effect"


@rule
def history_count(config: Any) -> Found:
    """IMG317 history-count: as many entries of history made a layer as there are diff_ids.

    section: config.md / Properties (history)
    severity: warning
    rows: IC19
    bad: {"history": [{"created_by": "a"}, {"created_by": "b"}, {"created_by": "c"}]}
    good: {"history": [{"created_by": "a"}, {"created_by": "b", "empty_layer": true}]}
    """
    history, layers = config.get("history"), get(config, "rootfs", "diff_ids")
    if history and layers is not None:
        made = sum(not item.get("empty_layer") for item in history)
        if made != len(layers):
            yield "/history", f"{made} entries of history made a layer, and there are {len(layers)} diff_ids"


@rule
def no_command(config: Any) -> Found:
    """IMG318 no-command: an image has an Entrypoint or a Cmd.

    Without one every container of it must name its program.

    section: config.md / config.Cmd
    severity: info
    rows: IC21
    bad: {"config": {"Cmd": []}}
    good: {"config": {"Entrypoint": ["/app"]}}
    """
    if not get(config, "config", "Cmd") and not get(config, "config", "Entrypoint") and "config" in config:
        yield "/config/Cmd", "neither Entrypoint nor Cmd: the image runs nothing by itself"


@rule
def diff_id_length(config: Any) -> Found:
    """IMG319 diff-id-length: a diff_id has the letters and length of its algorithm.

    section: config.md / Layer DiffID
    rows: IC18
    bad: {"rootfs": {"diff_ids": ["sha256:abc"]}}
    good: {"rootfs": {"diff_ids": ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}}
    """
    for pointer, text in each(config, "rootfs", "diff_ids"):
        name, _, encoded = text.partition(":")
        length = {"sha256": 64, "sha512": 128, "blake3": 64}.get(name)
        if length and (len(encoded) != length or encoded.strip("0123456789abcdef")):
            yield pointer, f"a digest by {name} has {length} lower-case hex digits"


@rule
def path_variable(config: Any) -> Found:
    """IMG320 image-path: an image whose program is looked up has a PATH.

    Runtimes take a default of their own, which is not the same everywhere.

    section: config.md / config.Env
    severity: info
    rows: IC09
    bad: {"config": {"Env": [], "Cmd": ["app"]}}
    good: {"config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["app"]}}
    """
    command = (get(config, "config", "Entrypoint") or get(config, "config", "Cmd") or [""])[0]
    names = {text.partition("=")[0] for text in get(config, "config", "Env") or ()}
    if command and posixpath.basename(command) == command and "PATH" not in names and config.get("os") != "windows":
        yield "/config/Env", f"{command[:40]} is looked up, and PATH is not set"
