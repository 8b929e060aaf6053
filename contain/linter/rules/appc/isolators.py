"""ACI3: isolators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contain.linter.near import nearest
from contain.linter.reading import each
from contain.linter.registry import rule
from contain.linter.rules.appc.image import apps
from contain.linter.syscalls import SYSCALLS
from contain.linux import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_RESOURCES = ("block-bandwidth", "block-iops", "cpu", "memory", "network-bandwidth")
_APP = (
    "os/linux/seccomp-remove-set", "os/linux/seccomp-retain-set", "os/linux/capabilities-remove-set", "os/linux/capabilities-retain-set",
    "os/linux/no-new-privileges", "os/linux/oom-score-adj", "os/linux/cpu-shares",
)  # fmt: skip
_BOTH = ("os/linux/selinux-context", "os/linux/apparmor-profile", *(f"resource/{name}" for name in _RESOURCES))
_POD = ("os/unix/sysctl",)
_KNOWN = (*_APP, *_BOTH, *_POD)
_CPU = re.compile(r"\d+(\.\d+)?m?", re.ASCII)
_BYTES = re.compile(r"\d+(\.\d+)?([KMGTPE]i?|m)?", re.ASCII)
_WILDCARDS = ("@appc.io/all", "@appc.io/empty")


def isolators(manifest: Any) -> Iterator[tuple[str, Any, str]]:
    """Pointer, isolator and scope, `app` or `pod`."""
    for at, app in apps(manifest):
        yield from ((f"{at}{pointer}", item, "app") for pointer, item in each(app, "isolators"))
    yield from ((pointer, item, "pod") for pointer, item in each(manifest, "isolators"))


def _lists(manifest: Any) -> Iterator[list[tuple[str, Any]]]:
    """The isolators of one app, or of the pod."""
    for at, app in apps(manifest):
        yield [(f"{at}{pointer}", item) for pointer, item in each(app, "isolators")]
    yield list(each(manifest, "isolators"))


@rule
def unknown(manifest: Any) -> Found:
    """ACI310 isolator-unknown: an isolator is one that appc defines.

    Executors may ignore others, and must say so.

    section: ace.md / Isolators
    severity: warning
    rows: AIM14
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/ram", "value": {"limit": "1G"}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/memory", "value": {"limit": "1G"}}]}}
    """
    for pointer, item, _ in isolators(manifest):
        name = item.get("name") or ""
        if name.startswith(("os/", "resource/")) and name not in _KNOWN:
            near = nearest(name, _KNOWN)
            yield f"{pointer}/name", f"appc defines no isolator {name[:60]}{f'; did you mean {near}?' if near else ''}"


@rule
def scope(manifest: Any) -> Found:
    """ACI311 isolator-scope: an isolator stands where it belongs, in an app or in a pod.

    section: ace.md / Isolators
    rows: POD14 ACE17
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/unix/sysctl", "value": {"net.core.somaxconn": "1"}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/no-new-privileges", "value": true}]}}
    """
    for pointer, item, where in isolators(manifest):
        name = item.get("name")
        if (where == "app" and name in _POD) or (where == "pod" and name in _APP):
            yield (
                f"{pointer}/name",
                f"{name} is an isolator of {'pods' if where == 'app' else 'apps'}, not of {'an app' if where == 'app' else 'a pod'}",
            )


@rule
def twice(manifest: Any) -> Found:
    """ACI312 isolator-twice: an isolator is given once, and a set is either removed from or retained.

    section: ace.md / Isolators
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/capabilities-retain-set", "value": {"set":
      ["CAP_KILL"]}}, {"name": "os/linux/capabilities-remove-set", "value": {"set": ["CAP_CHOWN"]}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/capabilities-retain-set", "value": {"set":
      ["CAP_KILL"]}}]}}
    """
    for group in _lists(manifest):
        seen: dict[str, str] = {}
        for pointer, item in group:
            name = item.get("name") or ""
            key = name.replace("-remove-set", "-set").replace("-retain-set", "-set")
            if name in _KNOWN and key in seen:
                words = f"{name} is given twice" if seen[key] == name else f"{name} and {seen[key]} exclude each other"
                yield f"{pointer}/name", words
            seen[key] = name


@rule
def set_values(manifest: Any) -> Found:
    """ACI313 isolator-set: a set of system calls or capabilities is not empty, and holds names of them.

    section: ace.md / Linux Isolators
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/capabilities-retain-set", "value": {"set":
      ["KILL"]}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/seccomp-retain-set", "value": {"set":
      ["@appc.io/all"]}}]}}
    """
    for pointer, item, _ in isolators(manifest):
        name, value = item.get("name") or "", item.get("value")
        if name not in _APP[:4]:
            continue
        names = value.get("set") if isinstance(value, dict) else None
        if not isinstance(names, list) or not names:
            yield f"{pointer}/value", f"{name} needs a set of names"
            continue
        known = CAPABILITIES if "capabilities" in name else SYSCALLS
        for index, text in enumerate(names):
            wildcard = "seccomp" in name and isinstance(text, str) and text.startswith("@")
            if not isinstance(text, str) or (text not in known and not wildcard):
                yield (
                    f"{pointer}/value/set/{index}",
                    f"{str(text)[:40]!r} is no {'capability' if 'capabilities' in name else 'system call'}",
                )
            elif wildcard and text.startswith("@appc.io/") and text not in _WILDCARDS:
                yield f"{pointer}/value/set/{index}", f"appc defines no set {text[:40]}"


@rule
def resource_values(manifest: Any) -> Found:
    """ACI314 isolator-quantity: limits and requests of resources are quantities.

    memory and bandwidth: 512M, 1Gi; cpu: 500m, 1.5.

    section: ace.md / Resource Isolators
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/memory", "value": {"limit": "lots"}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/memory", "value": {"request": "512M", "limit":
      "1Gi"}}]}}
    """
    for pointer, item, _ in isolators(manifest):
        name = (item.get("name") or "").removeprefix("resource/")
        value = item.get("value")
        if name not in _RESOURCES or item.get("name") == name:
            continue
        if not isinstance(value, dict) or not ({"limit", "request"} & value.keys()):
            yield f"{pointer}/value", f"resource/{name} needs a limit"
            continue
        for key in ("limit", "request"):
            text = value.get(key)
            form = _CPU if name == "cpu" else _BYTES
            if text is not None and not form.fullmatch(str(text)):
                yield f"{pointer}/value/{key}", f"{str(text)[:40]!r} is no quantity such as {'500m' if name == 'cpu' else '512M'}"


@rule
def block_default(manifest: Any) -> Found:
    """ACI315 isolator-default: bandwidth and iops isolators have `default` true, and no request.

    section: ace.md / Resource Isolators
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/block-iops", "value": {"limit": "1000"}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/block-iops", "value": {"default": true,
      "limit": "1000"}}]}}
    """
    for pointer, item, _ in isolators(manifest):
        value = item.get("value")
        if item.get("name") in ("resource/block-bandwidth", "resource/block-iops", "resource/network-bandwidth") and isinstance(
            value, dict
        ):
            if value.get("default") is not True:
                yield f"{pointer}/value/default", f"{item['name']} needs default true"
            if "request" in value:
                yield f"{pointer}/value/request", f"{item['name']} has no request"


@rule
def request_above_limit(manifest: Any) -> Found:
    """ACI316 isolator-request: a request is not above its limit.

    section: ace.md / Resource Isolators
    severity: warning
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/cpu", "value": {"request": "2", "limit":
      "500m"}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "resource/cpu", "value": {"request": "250m", "limit":
      "500m"}}]}}
    """
    for pointer, item, _ in isolators(manifest):
        value = item.get("value")
        if not str(item.get("name")).startswith("resource/") or not isinstance(value, dict):
            continue
        low, high = _number(value.get("request")), _number(value.get("limit"))
        if low is not None and high is not None and low > high:
            yield f"{pointer}/value/request", f"the request {value['request']} is above the limit {value['limit']}"


def _number(value: Any) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[KMGTPE]i?)?", str(value), re.ASCII)
    if not found:
        return None
    unit = found[2] or ""
    power = "KMGTPE".find(unit[:1]) + 1 if unit and unit != "m" else 0
    return float(found[1]) * (0.001 if unit == "m" else (1024 if unit.endswith("i") else 1000) ** power)


@rule
def small_values(manifest: Any) -> Found:
    """ACI317 isolator-value: values of the other isolators have their type and range.

    no-new-privileges is a boolean, oom-score-adj from -1000 to 1000, cpu-shares from 2 to 262144, seccomp's errno an upper-case name, sysctl a map of
    strings, apparmor-profile the name of one.

    section: ace.md / Linux Isolators
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/no-new-privileges", "value": "yes"}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/oom-score-adj", "value": 500}]}}
    """
    for pointer, item, _ in isolators(manifest):
        name, value = (item.get("name") or "").rpartition("/")[2], item.get("value")
        number = isinstance(value, int) and not isinstance(value, bool)
        if name == "no-new-privileges" and not isinstance(value, bool):
            yield f"{pointer}/value", "no-new-privileges is true or false"
        elif name == "oom-score-adj" and not (number and -1000 <= value <= 1000):
            yield f"{pointer}/value", "oom-score-adj is a number from -1000 to 1000"
        elif name == "cpu-shares" and not (number and 2 <= value <= 262144):
            yield f"{pointer}/value", "cpu-shares is a number from 2 to 262144"
        elif name == "apparmor-profile" and not (isinstance(value, dict) and isinstance(value.get("name"), str) and value["name"]):
            yield f"{pointer}/value", "apparmor-profile names a profile"
        elif name == "sysctl" and not (isinstance(value, dict) and all(isinstance(text, str) for text in value.values())):
            yield f"{pointer}/value", "sysctl maps names to strings"
        elif name.startswith("seccomp-") and isinstance(value, dict) and value.get("errno") and not str(value["errno"]).isupper():
            yield f"{pointer}/value/errno", f"{str(value['errno'])[:20]!r} is no name such as EPERM"


@rule
def selinux(manifest: Any) -> Found:
    """ACI318 isolator-selinux: a SELinux context has user, role, type and level, without colons.

    section: ace.md / Linux Isolators
    bad: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/selinux-context", "value": {"user": "u:r"}}]}}
    good: {"app": {"exec": ["/bin/sh"], "user": "0", "group": "0", "isolators": [{"name": "os/linux/selinux-context", "value": {"user": "u",
      "role": "r", "type": "t", "level": "s0-s0"}}]}}
    """
    for pointer, item, _ in isolators(manifest):
        if item.get("name") == "os/linux/selinux-context":
            value = item.get("value") if isinstance(item.get("value"), dict) else {}
            missing = [key for key in ("user", "role", "type", "level") if not value.get(key)]
            if missing:
                yield f"{pointer}/value", f"the context has no {', '.join(missing)}"
            elif any(":" in str(value[key]) for key in ("user", "role", "type")):
                yield f"{pointer}/value", "parts of a context hold no colon"
