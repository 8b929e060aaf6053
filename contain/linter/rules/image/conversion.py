"""CNV0: a runtime config beside the image config that it was made from (--image)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.ranges import number
from contain.linter.reading import each, entries, get
from contain.linter.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_PREFIX = "org.opencontainers.image."
#: member of the image config → annotation
_FIELDS = {
    "os": "os",
    "architecture": "architecture",
    "variant": "variant",
    "os.version": "os.version",
    "author": "author",
    "created": "created",
}


@rule
def args(config: Any, image: Any) -> Found:
    """CNV001 converted-args: process.args is the image's Entrypoint followed by its Cmd.

    section: conversion.md / Verbatim Fields
    rows: IX01 IX02
    bad-files: {"image.json": {"config": {"Entrypoint": ["/app"], "Cmd": ["-v"]}}, "config.json": {"process": {"args": ["/app"]}}}
    good-files: {"image.json": {"config": {"Entrypoint": ["/app"], "Cmd": ["-v"]}}, "config.json": {"process": {"args": ["/app", "-v"]}}}
    """
    wanted = [*(get(image, "config", "Entrypoint") or ()), *(get(image, "config", "Cmd") or ())]
    if wanted and get(config, "process", "args") != wanted:
        yield "/process/args", f"the image's Entrypoint and Cmd are {' '.join(wanted)[:80]!r}"


@rule
def cwd(config: Any, image: Any) -> Found:
    """CNV002 converted-cwd: process.cwd is the image's WorkingDir.

    section: conversion.md / Verbatim Fields
    rows: IX01
    bad-files: {"image.json": {"config": {"WorkingDir": "/srv"}}, "config.json": {"process": {"cwd": "/"}}}
    good-files: {"image.json": {"config": {"WorkingDir": "/srv"}}, "config.json": {"process": {"cwd": "/srv"}}}
    """
    wanted = get(image, "config", "WorkingDir")
    if wanted and get(config, "process", "cwd") not in (wanted, None):
        yield "/process/cwd", f"the image's WorkingDir is {wanted[:80]}"


@rule
def environment(config: Any, image: Any) -> Found:
    """CNV003 converted-env: process.env holds the image's Env unchanged.

    section: conversion.md / Verbatim Fields
    rows: IX01
    bad-files: {"image.json": {"config": {"Env": ["A=1"]}}, "config.json": {"process": {"env": ["A=2"]}}}
    good-files: {"image.json": {"config": {"Env": ["A=1"]}}, "config.json": {"process": {"env": ["A=1", "B=2"]}}}
    """
    have = get(config, "process", "env") or ()
    missing = [text.partition("=")[0] for text in get(image, "config", "Env") or () if text not in have]
    if missing:
        yield "/process/env", f"the image's Env is changed or missing: {', '.join(missing)[:120]}"


@rule
def repeated(config: Any, image: Any) -> Found:
    """CNV004 converted-env-repeated: what a converter adds to the environment does not repeat a name of the image's Env.

    section: conversion.md / Verbatim Fields
    severity: warning
    rows: IX03
    bad-files: {"image.json": {"config": {"Env": ["A=1"]}}, "config.json": {"process": {"env": ["A=1", "A=2"]}}}
    good-files: {"image.json": {"config": {"Env": ["A=1"]}}, "config.json": {"process": {"env": ["A=1"]}}}
    """
    names = {text.partition("=")[0] for text in get(image, "config", "Env") or ()}
    seen: set[str] = set()
    for pointer, text in each(config, "process", "env"):
        name = text.partition("=")[0]
        if name in names and name in seen:
            yield pointer, f"{name[:60]} is set by the image already"
        seen.add(name)


@rule
def annotation_fields(config: Any, image: Any) -> Found:
    """CNV005 converted-annotations: os, architecture, author, created and StopSignal of the image are annotations, unless a label says otherwise.

    section: conversion.md / Annotation Fields
    rows: IX04
    bad-files: {"image.json": {"os": "linux", "architecture": "amd64"}, "config.json": {"annotations": {"org.opencontainers.image.os": "linux"}}}
    good-files: {"image.json": {"os": "linux"}, "config.json": {"annotations": {"org.opencontainers.image.os": "linux",
      "org.opencontainers.image.architecture": "amd64"}}}
    """
    have, labels = get(config, "annotations") or {}, get(image, "config", "Labels") or {}
    wanted = {name: image.get(member) for member, name in _FIELDS.items()} | {"stopSignal": get(image, "config", "StopSignal")}
    missing = [name for name, value in wanted.items() if value and have.get(_PREFIX + name) != value and _PREFIX + name not in labels]
    if missing:
        yield (
            "/annotations",
            f"the image's {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not told by org.opencontainers.image annotations",
        )


@rule
def user(config: Any, image: Any) -> Found:
    """CNV006 converted-user: a numeric User of the image is the user of the process.

    section: conversion.md / Parsed Fields
    rows: IX05
    bad-files: {"image.json": {"config": {"User": "1000:1000"}}, "config.json": {"process": {"user": {"uid": 0, "gid": 0}}}}
    good-files: {"image.json": {"config": {"User": "1000:1000"}}, "config.json": {"process": {"user": {"uid": 1000, "gid": 1000}}}}
    """
    uid, _, gid = (get(image, "config", "User") or "").partition(":")
    for name, text in (("uid", uid), ("gid", gid)):
        have = get(config, "process", "user", name)
        if number(text) not in (None, have) and have is not None:
            yield f"/process/user/{name}", f"the image's User says {text}"


@rule
def groups(config: Any, image: Any) -> Found:
    """CNV007 converted-groups: with a numeric user or a group in the image's User there are no additionalGids.

    They follow from the entry of a user that is named.

    section: conversion.md / Config.User
    severity: warning
    rows: IX06
    bad-files: {"image.json": {"config": {"User": "1000"}}, "config.json": {"process": {"user": {"uid": 1000, "gid": 0, "additionalGids": [5]}}}}
    good-files: {"image.json": {"config": {"User": "app"}}, "config.json": {"process": {"user": {"uid": 1000, "gid": 0, "additionalGids": [5]}}}}
    """
    text = get(image, "config", "User") or ""
    if (number(text.partition(":")[0]) is not None or ":" in text) and get(config, "process", "user", "additionalGids"):
        yield "/process/user/additionalGids", f"the image's User {text[:40]!r} gives no further groups"


@rule
def volumes(config: Any, image: Any) -> Found:
    """CNV008 converted-volumes: volumes of the image are mounts.

    section: conversion.md / Optional Fields
    severity: warning
    rows: IX07
    bad-files: {"image.json": {"config": {"Volumes": {"/data": {}}}}, "config.json": {}}
    good-files: {"image.json": {"config": {"Volumes": {"/data": {}}}}, "config.json": {"mounts": [{"destination": "/data", "type": "bind",
      "source": "/srv", "options": ["bind"]}]}}
    """
    places = {(mount.get("destination") or "").rstrip("/") for _, mount in each(config, "mounts")}
    missing = [name for _, name, _ in entries(image, "config", "Volumes") if name.rstrip("/") not in places]
    if missing:
        yield "/mounts", f"no mount is on the image's volume{'s' if len(missing) > 1 else ''} {', '.join(missing)[:120]}"


@rule
def ports(config: Any, image: Any) -> Found:
    """CNV009 converted-ports: the annotation exposedPorts lists the image's ExposedPorts.

    section: conversion.md / Config.ExposedPorts
    severity: warning
    rows: IX08
    bad-files: {"image.json": {"config": {"ExposedPorts": {"80/tcp": {}}}}, "config.json": {}}
    good-files: {"image.json": {"config": {"ExposedPorts": {"80/tcp": {}}}}, "config.json": {"annotations":
      {"org.opencontainers.image.exposedPorts": "80/tcp"}}}
    """
    wanted = {name for _, name, _ in entries(image, "config", "ExposedPorts")}
    have = (get(config, "annotations") or {}).get(_PREFIX + "exposedPorts") or ""
    if wanted and set(have.split(",")) != wanted:
        yield f"/annotations/{_PREFIX}exposedPorts", f"exposedPorts is not {','.join(sorted(wanted))[:120]}"


@rule
def labels(config: Any, image: Any) -> Found:
    """CNV010 converted-labels: labels of the image are annotations, unchanged.

    section: conversion.md / Annotations
    rows: IX09 IX04
    bad-files: {"image.json": {"config": {"Labels": {"com.example.a": "1"}}}, "config.json": {"annotations": {"com.example.a": "2"}}}
    good-files: {"image.json": {"config": {"Labels": {"com.example.a": "1"}}}, "config.json": {"annotations": {"com.example.a": "1"}}}
    """
    have = get(config, "annotations") or {}
    for _, name, value in entries(image, "config", "Labels"):
        if have.get(name, value) != value:
            yield f"/annotations/{name.replace('~', '~0').replace('/', '~1')}", f"the image's label {name[:60]} is {value[:60]!r}"
        elif name not in have:
            yield "/annotations", f"the image's label {name[:60]} is missing"
