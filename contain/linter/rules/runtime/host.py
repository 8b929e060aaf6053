"""RUN9: a runtime config on a certain host (--host): what its kernel does not have. The facts are those that `contain doctor --host` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.ranges import is_list, number
from contain.linter.reading import each, get
from contain.linter.registry import rule
from contain.linter.rules.runtime.mounts import is_bind

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_RESOURCES = ("linux", "resources")
_AT = "/linux/resources"
#: what a document says → what the kernel calls the action
_ACTIONS = {
    "SCMP_ACT_KILL": "kill_thread", "SCMP_ACT_KILL_THREAD": "kill_thread", "SCMP_ACT_KILL_PROCESS": "kill_process", "SCMP_ACT_TRAP": "trap",
    "SCMP_ACT_ERRNO": "errno", "SCMP_ACT_TRACE": "trace", "SCMP_ACT_ALLOW": "allow", "SCMP_ACT_LOG": "log", "SCMP_ACT_NOTIFY": "user_notif",
}  # fmt: skip


@rule
def namespace_kind(config: Any, host: Any) -> Found:
    """RUN901 host-namespace: the host's kernel has the namespaces.

    section: config-linux.md / Namespaces
    rows: RL05
    bad-files: {"host.json": {"namespaces": ["mount", "pid"]}, "config.json": {"linux": {"namespaces": [{"type": "mount"}, {"type": "time"}]}}}
    good-files: {"host.json": {"namespaces": ["mount", "pid", "time"]}, "config.json": {"linux": {"namespaces": [{"type": "mount"}, {"type":
      "time"}]}}}
    """
    for pointer, item in each(config, "linux", "namespaces"):
        if host.get("namespaces") and item.get("type") and item["type"] not in host["namespaces"]:
            yield f"{pointer}/type", f"the host's kernel has no {item['type']} namespaces"


@rule
def file_system(config: Any, host: Any) -> Found:
    """RUN902 host-file-system: the host's kernel has the file systems that are mounted.

    A module that is loaded by need is not seen, so this is a warning.

    section: config.md / Mounts
    severity: warning
    rows: RC12
    bad-files: {"host.json": {"filesystems": ["proc", "tmpfs"]}, "config.json": {"mounts": [{"destination": "/d", "type": "tmpsf", "source": "x"}]}}
    good-files: {"host.json": {"filesystems": ["proc", "tmpfs"]}, "config.json": {"mounts": [{"destination": "/d", "type": "tmpfs", "source":
      "x"}]}}
    """
    known = host.get("filesystems") or ()
    for pointer, mount in each(config, "mounts"):
        kind = mount.get("type")
        # runtimes make cgroup views of whatever version the host has
        if known and kind and not is_bind(mount) and kind not in known and kind not in ("none", "bind", "cgroup", "cgroup2"):
            yield f"{pointer}/type", f"the host's kernel knows no file system {kind[:40]}"


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(",") if is_list(text) else ():
        first, _, last = part.partition("-")
        found |= set(range(number(first) or 0, min(number(last or first) or 0, 100_000) + 1))
    return found


@rule
def cpus(config: Any, host: Any) -> Found:
    """RUN903 host-cpus: the CPUs and memory nodes of the document are there.

    The kernel refuses a cpuset with others.

    section: config-linux.md / CPU
    rows: RL30
    bad-files: {"host.json": {"cpus": "0-3"}, "config.json": {"linux": {"resources": {"cpu": {"cpus": "0-7"}}}}}
    good-files: {"host.json": {"cpus": "0-3"}, "config.json": {"linux": {"resources": {"cpu": {"cpus": "0-1"}}}}}
    """
    for name in ("cpus", "mems"):
        text, have = get(config, *_RESOURCES, "cpu", name), host.get(name)
        missing = sorted(_numbers(text) - _numbers(have)) if text and have else []
        if missing:
            yield f"{_AT}/cpu/{name}", f"the host has no {'CPU' if name == 'cpus' else 'memory node'} {missing[0]} (it has {have})"


@rule
def unified(config: Any, host: Any) -> Found:
    """RUN904 host-unified: `unified` comes with cgroup v2 on the host.

    On a host with cgroup v1 only it is an error.

    section: config-linux.md / Unified
    rows: RL40
    bad-files: {"host.json": {"cgroup": {"mode": "v1"}}, "config.json": {"ociVersion": "1.1.0", "linux": {"resources": {"unified": {"memory.high":
      "1"}}}}}
    good-files: {"host.json": {"cgroup": {"mode": "v2"}}, "config.json": {"ociVersion": "1.1.0", "linux": {"resources": {"unified": {"memory.high":
      "1"}}}}}
    """
    if get(config, *_RESOURCES, "unified") and get(host, "cgroup", "mode") in ("v1", "hybrid"):
        yield f"{_AT}/unified", f"the host's controllers are those of cgroup v1 ({host['cgroup']['mode']}), and unified is for v2"


@rule
def first_version(config: Any, host: Any) -> Found:
    """RUN905 host-cgroup-v1-only: limits that only cgroup v1 has are not asked for on cgroup v2.

    Kernel memory, swappiness, network classes and priorities, real-time scheduling, leaf weights.

    section: config-linux.md / Control groups
    severity: warning
    rows: RL23
    bad-files: {"host.json": {"cgroup": {"mode": "v2"}}, "config.json": {"linux": {"resources": {"network": {"classID": 7}}}}}
    good-files: {"host.json": {"cgroup": {"mode": "v1"}}, "config.json": {"linux": {"resources": {"network": {"classID": 7}}}}}
    """
    if get(host, "cgroup", "mode") != "v2":
        return
    names = (
        ("memory", "kernel"), ("memory", "kernelTCP"), ("memory", "swappiness"), ("memory", "disableOOMKiller"), ("network", "classID"),
        ("network", "priorities"), ("cpu", "realtimeRuntime"), ("cpu", "realtimePeriod"), ("blockIO", "leafWeight"),
    )  # fmt: skip
    for path in names:
        if get(config, *_RESOURCES, *path):
            yield f"{_AT}/{'/'.join(path)}", f"{'.'.join(path)} is of cgroup v1, and the host has v2"


@rule
def page_size(config: Any, host: Any) -> Found:
    """RUN906 host-page-size: the host has the page sizes that are limited.

    section: config-linux.md / Huge page limits
    rows: RL35
    bad-files: {"host.json": {"hugepages": ["2MB"]}, "config.json": {"linux": {"resources": {"hugepageLimits": [{"pageSize": "64KB", "limit":
      0}]}}}}
    good-files: {"host.json": {"hugepages": ["2MB"]}, "config.json": {"linux": {"resources": {"hugepageLimits": [{"pageSize": "2MB", "limit":
      0}]}}}}
    """
    for pointer, item in each(config, *_RESOURCES, "hugepageLimits"):
        if host.get("hugepages") and item.get("pageSize") and item["pageSize"] not in host["hugepages"]:
            yield f"{pointer}/pageSize", f"the host has no pages of {item['pageSize']} (it has {', '.join(host['hugepages'])})"


@rule
def seccomp_action(config: Any, host: Any) -> Found:
    """RUN907 host-seccomp-action: the host's kernel has the actions of the filter.

    section: config-linux.md / Seccomp
    rows: RL52
    bad-files: {"host.json": {"seccomp": ["errno", "allow"]}, "config.json": {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_LOG"}}}}
    good-files: {"host.json": {"seccomp": ["errno", "allow"]}, "config.json": {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}}}
    """
    known = host.get("seccomp") or ()
    places = [("/linux/seccomp/defaultAction", get(config, "linux", "seccomp", "defaultAction"))]
    places += [(f"{pointer}/action", item.get("action")) for pointer, item in each(config, "linux", "seccomp", "syscalls")]
    for pointer, action in places:
        if known and action and _ACTIONS.get(action, "") not in known:
            yield pointer, f"the host's kernel has no action {action}"


@rule
def own_capability(config: Any, host: Any) -> Found:
    """RUN908 host-capability: capabilities are in the bounding set of who starts the container.

    No more can be given, but in a user namespace.

    section: config.md / Linux process
    severity: warning
    rows: RC32
    bad-files: {"host.json": {"bounding": ["CAP_KILL"]}, "config.json": {"process": {"capabilities": {"bounding": ["CAP_SYS_BOOT"]}}}}
    good-files: {"host.json": {"bounding": ["CAP_KILL"]}, "config.json": {"process": {"capabilities": {"bounding": ["CAP_KILL"]}}}}
    """
    have = host.get("bounding")
    for pointer, name in each(config, "process", "capabilities", "bounding"):
        if have and name not in have:
            yield pointer, f"{name[:40]} is not in the bounding set of {host.get('user') or 'the user'} on the host"
