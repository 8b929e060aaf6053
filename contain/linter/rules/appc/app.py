"""ACI2: how an app is run, in an image manifest or a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each
from contain.linter.registry import rule
from contain.linter.rules.appc.image import apps

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
def working_folder(manifest: Any) -> Found:
    """ACI210 aci-working-directory: workingDirectory is absolute.

    section: aci.md / Image Manifest Schema
    rows: AIM12
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "workingDirectory": "srv"}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "workingDirectory": "/srv"}}
    """
    for at, app in apps(manifest):
        path = app.get("workingDirectory")
        if path and not path.startswith("/"):
            yield f"{at}/workingDirectory", f"workingDirectory {path[:60]!r} is not absolute"


@rule
def program(manifest: Any) -> Found:
    """ACI211 aci-exec: exec names a program.

    An empty list runs nothing; a name without a slash is looked up in PATH, nothing is expanded.

    section: aci.md / Image Manifest Schema
    rows: AIM08
    bad: {"app": {"exec": [""], "user": "0", "group": "0"}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0"}}
    """
    for at, app in apps(manifest):
        words = app.get("exec")
        if words is not None and (not words or not words[0]):
            yield f"{at}/exec", "exec names no program"


@rule
def user(manifest: Any) -> Found:
    """ACI212 aci-user-empty: user and group are not empty.

    section: aci.md / Image Manifest Schema
    rows: AIM09
    bad: {"app": {"exec": ["/bin/sh"], "user": "", "group": "0"}}
    good: {"app": {"exec": ["/bin/sh"], "user": "root", "group": "0"}}
    """
    for at, app in apps(manifest):
        for name in ("user", "group"):
            if app.get(name) == "":
                yield f"{at}/{name}", f"{name} is empty"


@rule
def handlers(manifest: Any) -> Found:
    """ACI213 aci-event-handler-twice: there is one handler for each event.

    section: aci.md / Image Manifest Schema
    rows: AIM11
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "eventHandlers": [{"name": "pre-start", "exec": ["/a"]}, {"name": "pre-start",
      "exec": ["/b"]}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "eventHandlers": [{"name": "pre-start", "exec": ["/a"]}, {"name": "post-stop",
      "exec": ["/b"]}]}}
    """
    for at, app in apps(manifest):
        seen: set[str] = set()
        for pointer, item in each(app, "eventHandlers"):
            name = item.get("name") or ""
            if name in seen:
                yield f"{at}{pointer}/name", f"there is a {name} handler already"
            seen.add(name)


@rule
def environment(manifest: Any) -> Found:
    """ACI214 aci-environment-name: names in the environment are letters, digits and underscores, and are given once.

    Dots and dashes are tolerated.

    section: aci.md / Image Manifest Schema
    rows: AIM13
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "environment": [{"name": "A B", "value": "1"}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "environment": [{"name": "A_B", "value": "1"}]}}
    """
    for at, app in apps(manifest):
        seen: set[str] = set()
        for pointer, item in each(app, "environment"):
            name = item.get("name") or ""
            plain = name.replace("_", "").replace(".", "").replace("-", "")
            if not name or not (plain or name).isascii() or (plain and not plain.isalnum()):
                yield f"{at}{pointer}/name", f"{name[:40]!r} is no name of a variable"
            elif name in seen:
                yield f"{at}{pointer}/name", f"{name[:40]} is in the environment already"
            seen.add(name)


@rule
def mount_points(manifest: Any) -> Found:
    """ACI215 aci-mount-point-path: the path of a mount point is absolute, and names and paths are given once.

    section: aci.md / Image Manifest Schema
    rows: AIM15 ACE10
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "mountPoints": [{"name": "data", "path": "data"}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "mountPoints": [{"name": "data", "path": "/data"}]}}
    """
    for at, app in apps(manifest):
        names: set[str] = set()
        paths: list[str] = []
        for pointer, item in each(app, "mountPoints"):
            name, path = item.get("name") or "", (item.get("path") or "").rstrip("/")
            if not path.startswith("/"):
                yield f"{at}{pointer}/path", f"{path[:60]!r} is no absolute path"
            elif any(path == other or path.startswith(other + "/") or other.startswith(path + "/") for other in paths):
                yield f"{at}{pointer}/path", f"{path[:60]} overlaps another mount point"
            if name in names:
                yield f"{at}{pointer}/name", f"there is a mount point {name[:40]} already"
            names.add(name)
            paths.append(path)


@rule
def port_range(manifest: Any) -> Found:
    """ACI216 aci-port-range: a range of ports ends at 65535, and names of ports are given once.

    section: aci.md / Image Manifest Schema
    rows: AIM16
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "ports": [{"name": "x", "protocol": "tcp", "port": 65000, "count": 1000}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "ports": [{"name": "x", "protocol": "tcp", "port": 65000, "count": 100}]}}
    """
    for at, app in apps(manifest):
        seen: set[str] = set()
        for pointer, item in each(app, "ports"):
            last = (item.get("port") or 0) + (item.get("count") or 1) - 1
            if last > 65535:
                yield f"{at}{pointer}/count", f"the range would end at port {last}"
            if item.get("name") in seen:
                yield f"{at}{pointer}/name", f"there is a port {item['name'][:40]} already"
            seen.add(item.get("name") or "")


@rule
def port_protocol(manifest: Any) -> Found:
    """ACI217 aci-port-protocol: the protocol of a port is tcp or udp.

    section: aci.md / Image Manifest Schema
    severity: warning
    rows: AIM16
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "ports": [{"name": "x", "protocol": "http", "port": 80}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "ports": [{"name": "x", "protocol": "tcp", "port": 80}]}}
    """
    for at, app in apps(manifest):
        for pointer, item in each(app, "ports"):
            if item.get("protocol") not in (None, "tcp", "udp"):
                yield f"{at}{pointer}/protocol", f"the protocol {item['protocol'][:20]!r} is neither tcp nor udp"
