"""POD2: what members of a pod have to do with each other."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get
from contain.linter.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
def no_apps(pod: Any) -> Found:
    """POD201 pod-empty: a pod has at least one app.

    section: pods.md / Pod Manifest Schema
    rows: POD02
    bad: {"apps": []}
    good: {"volumes": []}
    """
    if pod.get("apps") == []:
        yield "/apps", "the pod has no app"


@rule
def app_twice(pod: Any) -> Found:
    """POD202 pod-app-twice: names of apps are given once.

    section: pods.md / Pod Manifest Schema
    rows: POD03
    bad: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"}},
      {"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"}}]}
    good: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"}},
      {"name": "db", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"}}]}
    """
    yield from _twice(pod, "apps", "app")


@rule
def volume_twice(pod: Any) -> Found:
    """POD203 pod-volume-twice: names of volumes are given once.

    section: pods.md / Pod Manifest Schema
    rows: POD10
    bad: {"volumes": [{"name": "data", "kind": "empty"}, {"name": "data", "kind": "empty"}]}
    good: {"volumes": [{"name": "data", "kind": "empty"}, {"name": "more", "kind": "empty"}]}
    """
    yield from _twice(pod, "volumes", "volume")


def _twice(pod: Any, name: str, word: str) -> Found:
    seen: set[str] = set()
    for pointer, item in each(pod, name):
        if item.get("name") in seen:
            yield f"{pointer}/name", f"there is {'an' if word == 'app' else 'a'} {word} {item['name'][:40]} already"
        seen.add(item.get("name") or "")


@rule
def mount_volume(pod: Any) -> Found:
    """POD204 pod-mount-volume: a mount names a volume of the pod, or brings its own.

    section: pods.md / Pod Manifest Schema
    rows: POD08
    bad: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "mounts": [{"volume": "data", "path": "/data"}]}]}
    good: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "mounts": [{"volume": "data", "path": "/data"}]}], "volumes": [{"name": "data", "kind": "empty"}]}
    """
    names = {item.get("name") for _, item in each(pod, "volumes")}
    for at, app in each(pod, "apps"):
        for pointer, item in each(app, "mounts"):
            if item.get("volume") and item["volume"] not in names and "appVolume" not in item:
                yield f"{at}{pointer}/volume", f"the pod has no volume {item['volume'][:40]}"


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while "/" in path[1:]:
        path = path.rpartition("/")[0]
        yield path


@rule
def mount_path(pod: Any) -> Found:
    """POD205 pod-mount-path: mounts have absolute paths that do not overlap.

    section: ace.md / Volume Setup
    rows: POD08 ACE10
    bad: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "mounts": [{"volume": "data", "path": "data"}]}], "volumes": [{"name": "data", "kind": "empty"}]}
    good: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "mounts": [{"volume": "data", "path": "/data"}]}], "volumes": [{"name": "data", "kind": "empty"}]}
    """
    for at, app in each(pod, "apps"):
        paths: set[str] = set()
        above: set[str] = set()
        points = {item.get("name"): item.get("path") for _, item in each(app.get("app"), "mountPoints")}
        for pointer, item in each(app, "mounts"):
            # the text lets a mount name a mount point of the app in the place of a path
            path = points.get(item.get("path"), item.get("path") or "").rstrip("/")
            if not path.startswith("/"):
                yield f"{at}{pointer}/path", f"{path[:60]!r} is no absolute path"
                continue
            parents = list(_above(path))
            if path in paths or path in above or not paths.isdisjoint(parents):
                yield f"{at}{pointer}/path", f"{path[:60]} overlaps another mount"
            paths.add(path)
            above.update(parents)


@rule
def volume_members(pod: Any) -> Found:
    """POD206 pod-volume-kind: a host volume has an absolute source, an empty one has none; mode, uid and gid are for empty ones, recursive for host ones.

    section: pods.md / Pod Manifest Schema
    rows: POD11 POD12 POD13
    bad: {"volumes": [{"name": "data", "kind": "host", "source": "srv"}]}
    good: {"volumes": [{"name": "data", "kind": "host", "source": "/srv", "recursive": true}]}
    """
    for pointer, item in each(pod, "volumes"):
        kind, source = item.get("kind"), item.get("source")
        if kind == "host" and not (source or "").startswith("/"):
            yield f"{pointer}/source", "a host volume has an absolute source"
        if kind == "empty" and source:
            yield f"{pointer}/source", "an empty volume has no source"
        for name, owner in (("mode", "empty"), ("uid", "empty"), ("gid", "empty"), ("recursive", "host")):
            if name in item and kind and kind != owner:
                yield f"{pointer}/{name}", f"{name} is for {owner} volumes"


@rule
def volume_mode(pod: Any) -> Found:
    """POD207 pod-volume-mode: the mode of a volume is an octal number in a string.

    section: pods.md / Pod Manifest Schema
    rows: POD12
    bad: {"volumes": [{"name": "data", "kind": "empty", "mode": "rwx"}]}
    good: {"volumes": [{"name": "data", "kind": "empty", "mode": "0755"}]}
    """
    for pointer, item in each(pod, "volumes"):
        mode = item.get("mode")
        if mode is not None and (not mode or mode.strip("01234567")):
            yield f"{pointer}/mode", f"{mode[:20]!r} is no octal number such as 0755"


@rule
def idle_volume(pod: Any) -> Found:
    """POD208 pod-volume-idle: a volume is mounted by an app.

    An app without an app object of its own takes mount points from its image, so such pods are not judged.

    section: pods.md / Pod Manifest Schema
    severity: info
    rows: POD19
    bad: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "app": {"exec": ["/w"], "user": "0", "group": "0"}}], "volumes": [{"name": "data", "kind": "empty"}]}
    good: {"volumes": [{"name": "data", "kind": "empty"}]}
    """
    if not pod.get("apps") or any("app" not in app for _, app in each(pod, "apps")):
        return
    used = {item.get("volume") for _, app in each(pod, "apps") for _, item in each(app, "mounts")}
    used |= {item.get("name") for _, app in each(pod, "apps") for _, item in each(app.get("app"), "mountPoints")}
    for pointer, item in each(pod, "volumes"):
        if item.get("name") not in used:
            yield pointer, f"no app mounts the volume {(item.get('name') or '')[:40]}"


@rule
def host_ip(pod: Any) -> Found:
    """POD209 pod-host-ip: hostIP is an IPv4 address.

    section: pods.md / Pod Manifest Schema
    rows: POD17
    bad: {"ports": [{"name": "http", "hostPort": 80, "hostIP": "localhost", "podPort": {"name": "http", "protocol": "tcp", "port": 80}}]}
    good: {"ports": [{"name": "http", "hostPort": 80, "hostIP": "127.0.0.1", "podPort": {"name": "http", "protocol": "tcp", "port": 80}}]}
    """
    for pointer, item in each(pod, "ports"):
        text = item.get("hostIP")
        if text:
            try:
                ipaddress.IPv4Address(text)
            except ValueError:
                yield f"{pointer}/hostIP", f"{text[:40]!r} is no IPv4 address"


def _app_ports(pod: Any) -> Iterator[tuple[str, str]]:
    for at, app in each(pod, "apps"):
        yield from ((f"{at}/app{pointer}/name", item.get("name") or "") for pointer, item in each(app.get("app"), "ports"))


@rule
def port_name(pod: Any) -> Found:
    """POD210 pod-port-name: a port of the pod names a port of one app, or has a podPort.

    Apps without an app object of their own take their ports from their image, so such pods are not judged.

    section: pods.md / Pod Manifest Schema
    rows: POD16
    bad: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "app": {"exec": ["/w"], "user": "0", "group": "0"}}], "ports": [{"name": "http", "hostPort": 80}]}
    good: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "app": {"exec": ["/w"], "user": "0", "group": "0", "ports": [{"name": "http", "protocol": "tcp", "port": 80}]}}], "ports": [{"name": "http",
      "hostPort": 80}]}
    """
    if any("app" not in app for _, app in each(pod, "apps")):
        return
    names = [name for _, name in _app_ports(pod)]
    for pointer, item in each(pod, "ports"):
        if item.get("name") and item["name"] not in names and "podPort" not in item:
            yield f"{pointer}/name", f"no app has a port {item['name'][:40]}"


@rule
def port_twice(pod: Any) -> Found:
    """POD211 pod-port-twice: names of ports are given once among the apps of a pod, and host ports once.

    section: pods.md / Pod Manifest Schema
    rows: POD18
    bad: {"ports": [{"name": "a", "hostPort": 80, "podPort": {"name": "a", "protocol": "tcp", "port": 80}}, {"name": "b", "hostPort": 80,
      "podPort": {"name": "b", "protocol": "tcp", "port": 81}}]}
    good: {"ports": [{"name": "a", "hostPort": 80, "podPort": {"name": "a", "protocol": "tcp", "port": 80}}, {"name": "b", "hostPort": 81,
      "podPort": {"name": "b", "protocol": "tcp", "port": 81}}]}
    """
    seen: set[str] = set()
    for pointer, name in _app_ports(pod):
        if name in seen:
            yield pointer, f"another app has a port {name[:40]}"
        seen.add(name)
    taken: set[tuple[Any, ...]] = set()
    for pointer, item in each(pod, "ports"):
        key = (item.get("hostPort"), item.get("hostIP"), get(item, "podPort", "protocol"))
        if key in taken:
            yield f"{pointer}/hostPort", f"port {item.get('hostPort')} of the host is taken already"
        taken.add(key)


@rule
def reified(pod: Any) -> Found:
    """POD212 pod-mount-points: every mount point of an app object has a volume.

    An executor makes an empty one for it, or refuses.

    section: pods.md / Pod Manifest Schema
    severity: info
    rows: POD19
    bad: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "app": {"exec": ["/w"], "user": "0", "group": "0", "mountPoints": [{"name": "data", "path": "/data"}]}}]}
    good: {"apps": [{"name": "web", "image": {"id":
      "sha512-00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
      "app": {"exec": ["/w"], "user": "0", "group": "0", "mountPoints": [{"name": "data", "path": "/data"}]}}], "volumes": [{"name": "data",
      "kind": "empty"}]}
    """
    names = {item.get("name") for _, item in each(pod, "volumes")}
    for at, app in each(pod, "apps"):
        mounted = {item.get("path") for _, item in each(app, "mounts")}
        for pointer, item in each(app.get("app"), "mountPoints"):
            if item.get("name") not in names and not {item.get("name"), item.get("path")} & mounted:
                yield f"{at}/app{pointer}", f"no volume is for the mount point {(item.get('name') or '')[:40]}"
