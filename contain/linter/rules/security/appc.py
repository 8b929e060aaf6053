"""SEC8: advice for appc."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from contain.linter.reading import each
from contain.linter.registry import rule
from contain.linter.rules.appc.image import apps
from contain.linter.rules.security.common import SENSITIVE, SOCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


def _names(app: Any) -> set[str]:
    return {item.get("name") or "" for _, item in each(app, "isolators")}


@rule
def root(manifest: Any) -> Found:
    """SEC801 appc-root: the app is not root.

    section: advice
    severity: warning
    rows: SEC54
    bad: {"app": {"exec": ["/a"], "user": "0", "group": "0"}}
    good: {"app": {"exec": ["/a"], "user": "1000", "group": "1000"}}
    """
    for at, app in apps(manifest):
        if app.get("user") in ("0", "root"):
            yield f"{at}/user", "the app runs as root"


@rule
def no_filter(manifest: Any) -> Found:
    """SEC802 appc-no-isolation: the app has isolators for system calls and capabilities.

    Without them it has fourteen capabilities and whatever filter the executor has.

    section: advice
    severity: info
    rows: SEC54
    bad: {"app": {"exec": ["/a"], "user": "1000", "group": "1000"}}
    good: {"app": {"exec": ["/a"], "user": "1000", "group": "1000", "isolators": [{"name": "os/linux/seccomp-retain-set", "value": {"set":
      ["read"]}}, {"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}}]}}
    """
    for at, app in apps(manifest):
        names = _names(app)
        missing = [
            word for word, part in (("seccomp", "seccomp-"), ("capabilities", "capabilities-")) if not any(part in name for name in names)
        ]
        if missing:
            yield f"{at}/isolators", f"no isolator for {' and '.join(missing)}"


@rule
def new_privileges(manifest: Any) -> Found:
    """SEC803 appc-new-privileges: the isolator no-new-privileges is true.

    section: advice
    severity: info
    rows: SEC54
    bad: {"app": {"exec": ["/a"], "user": "1000", "group": "1000", "isolators": [{"name": "os/linux/no-new-privileges", "value": false}]}}
    good: {"app": {"exec": ["/a"], "user": "1000", "group": "1000", "isolators": [{"name": "os/linux/no-new-privileges", "value": true}]}}
    """
    for at, app in apps(manifest):
        if not any(item.get("name") == "os/linux/no-new-privileges" and item.get("value") is True for _, item in each(app, "isolators")):
            yield f"{at}/isolators", "no-new-privileges is not set: set-uid programs inside gain privileges"


@rule
def sys_admin(manifest: Any) -> Found:
    """SEC804 appc-cap-sys-admin: CAP_SYS_ADMIN is not retained.

    section: advice
    rows: SEC54
    bad: {"app": {"exec": ["/a"], "user": "1000", "group": "1000", "isolators": [{"name": "os/linux/capabilities-retain-set", "value": {"set":
      ["CAP_SYS_ADMIN"]}}]}}
    good: {"app": {"exec": ["/a"], "user": "1000", "group": "1000", "isolators": [{"name": "os/linux/capabilities-retain-set", "value": {"set":
      ["CAP_KILL"]}}]}}
    """
    for at, app in apps(manifest):
        for pointer, item in each(app, "isolators"):
            value = item.get("value")
            if (
                item.get("name") == "os/linux/capabilities-retain-set"
                and isinstance(value, dict)
                and "CAP_SYS_ADMIN" in (value.get("set") or ())
            ):
                yield f"{at}{pointer}/value", "CAP_SYS_ADMIN is nearly root"


@rule
def memory(manifest: Any) -> Found:
    """SEC805 appc-no-memory-limit: the app's memory is limited.

    section: advice
    severity: info
    rows: SEC54
    bad: {"app": {"exec": ["/a"], "user": "1000", "group": "1000"}}
    good: {"app": {"exec": ["/a"], "user": "1000", "group": "1000", "isolators": [{"name": "resource/memory", "value": {"limit": "1G"}}]}}
    """
    for at, app in apps(manifest):
        if "resource/memory" not in _names(app):
            yield f"{at}/isolators", "no limit of memory"


@rule
def host_volume(manifest: Any) -> Found:
    """SEC806 appc-host-volume: no volume shows what the host lives from.

    section: advice
    rows: SEC54 SEC22 SEC23
    bad: {"acKind": "PodManifest", "apps": [], "name": null, "volumes": [{"name": "etc", "kind": "host", "source": "/etc"}]}
    good: {"acKind": "PodManifest", "apps": [], "name": null, "volumes": [{"name": "data", "kind": "host", "source": "/srv/data"}]}
    """
    for pointer, item in each(manifest, "volumes"):
        source = posixpath.normpath(item.get("source") or "/nothing")
        if posixpath.basename(source) in SOCKETS or (source in SENSITIVE and not item.get("readOnly")):
            yield f"{pointer}/source", f"{source} of the host can be used by the pod"
