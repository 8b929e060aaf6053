"""RUN7: masked paths, sysctl, personality, labels, Intel RDT, memory policy."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from contain.linter.ranges import is_list
from contain.linter.reading import each, entries, get, has_namespace
from contain.linter.registry import about, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_PATHS = ("maskedPaths", "readonlyPaths")
_IPC = frozenset(
    [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ]
)


@rule
@about("linux/intelRdt")
def clos_id(config: Any) -> Found:
    """RUN708 clos-id: closID is the name of one folder.

    Not `.` or `..`, and without a slash, but for `/` itself, the root class.

    section: config-linux.md / IntelRdt
    blocking: yes
    rows: RL42
    bad: {"linux": {"intelRdt": {"closID": "../x"}}}
    good: {"linux": {"intelRdt": {"closID": "guaranteed"}}}
    """
    name = get(config, "linux", "intelRdt", "closID")
    if name is not None and (name in (".", "..") or ("/" in name and name != "/")):
        yield "/linux/intelRdt/closID", f"closID {name[:60]!r} is no name of a folder"


@rule
@about("linux/intelRdt")
def schemata_lines(config: Any) -> Found:
    """RUN709 rdt-schema-lines: each line of schemata is one line, and l3CacheSchema begins with L3.

    section: config-linux.md / IntelRdt
    rows: RL43 RL44 RL45
    bad: {"linux": {"intelRdt": {"closID": "a", "l3CacheSchema": "0=ff"}}}
    good: {"linux": {"intelRdt": {"closID": "a", "l3CacheSchema": "L3:0=ff"}}}
    """
    at = "/linux/intelRdt"
    text = get(config, "linux", "intelRdt", "l3CacheSchema")
    if text and (not text.startswith(("L3:", "L3CODE:", "L3DATA:")) or "\n" in text):
        yield f"{at}/l3CacheSchema", "l3CacheSchema is one line that begins with L3:"
    for pointer, line in each(config, "linux", "intelRdt", "schemata"):
        if "\n" in line:
            yield pointer, "a line of schemata holds a newline"


@rule
@about("linux/intelRdt")
def cmt(config: Any) -> Found:
    """RUN710 rdt-cmt: enableCMT and enableMBM are not used.

    Version 1.3 has enableMonitoring in their place.

    section: config-linux.md / IntelRdt
    severity: warning
    rows: RL46
    bad: {"linux": {"intelRdt": {"closID": "a", "enableCMT": true}}}
    good: {"ociVersion": "1.3.0", "linux": {"intelRdt": {"closID": "a", "enableMonitoring": true}}}
    """
    for name in ("enableCMT", "enableMBM"):
        if get(config, "linux", "intelRdt", name) is not None:
            yield f"/linux/intelRdt/{name}", f"{name} is gone in version 1.3: use enableMonitoring"


@rule
@about("linux/memoryPolicy")
def policy_flags(config: Any) -> Found:
    """RUN711 memory-policy-flags: STATIC_NODES and RELATIVE_NODES exclude each other.

    set_mempolicy(2) refuses both.

    section: config-linux.md / Memory policy
    blocking: yes
    rows: RL48
    bad: {"ociVersion": "1.3.0", "linux": {"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES",
      "MPOL_F_RELATIVE_NODES"]}}}
    good: {"ociVersion": "1.3.0", "linux": {"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}}}
    """
    flags = [flag for _, flag in each(config, "linux", "memoryPolicy", "flags")]
    if "MPOL_F_STATIC_NODES" in flags and "MPOL_F_RELATIVE_NODES" in flags:
        yield "/linux/memoryPolicy/flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"


@rule
@about("linux/memoryPolicy")
def policy_nodes(config: Any) -> Found:
    """RUN712 memory-policy-nodes: nodes is a list, there for BIND, INTERLEAVE and PREFERRED_MANY, and absent for DEFAULT and LOCAL.

    section: config-linux.md / Memory policy
    blocking: yes
    rows: RL49
    bad: {"ociVersion": "1.3.0", "linux": {"memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": "0"}}}
    good: {"ociVersion": "1.3.0", "linux": {"memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "0-1"}}}
    """
    policy = get(config, "linux", "memoryPolicy") or {}
    mode, nodes = (policy.get("mode") or "").removeprefix("MPOL_"), policy.get("nodes")
    at = "/linux/memoryPolicy/nodes"
    if nodes and not is_list(nodes):
        yield at, f"nodes: {nodes[:40]!r} is no list such as 0-1"
    elif nodes and mode in ("DEFAULT", "LOCAL"):
        yield at, f"nodes does not go with MPOL_{mode}"
    elif not nodes and mode in ("BIND", "INTERLEAVE", "WEIGHTED_INTERLEAVE", "PREFERRED_MANY"):
        yield at, f"MPOL_{mode} needs nodes"


@rule
@about("linux/sysctl")
def sysctl_namespace(config: Any) -> Found:
    """RUN713 sysctl-namespace: a sysctl belongs to a namespace that the container has for itself.

    `net.*` needs a network namespace, `kernel.msg*`, `kernel.sem`, `kernel.shm*` and `fs.mqueue.*` one of ipc, `kernel.domainname` one of uts,
    `user.*` a
    user namespace: else the host's value would change, so runc refuses it.

    section: config-linux.md / Sysctl
    blocking: yes
    rows: RL50
    bad: {"linux": {"namespaces": [{"type": "mount"}], "sysctl": {"net.ipv4.ip_forward": "1"}}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], "sysctl": {"net.ipv4.ip_forward": "1"}}}
    """
    told: set[str] = set()
    for pointer, name, kind in _sysctls(config):
        if kind and kind not in told and not has_namespace(config, kind):
            told.add(kind)
            yield pointer, f"{name} needs a {kind} namespace of the container: it would change the host's value"


@rule
@about("linux/sysctl")
def sysctl_host(config: Any) -> Found:
    """RUN714 sysctl-of-host: a sysctl is one that namespaces keep apart.

    Others change the whole host: runc refuses them, and kernel.hostname for which there is a member of its own.

    section: config-linux.md / Sysctl
    blocking: yes
    rows: RL50 SEC38
    bad: {"linux": {"namespaces": [{"type": "mount"}], "sysctl": {"vm.swappiness": "1"}}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "ipc"}], "sysctl": {"kernel.shmmax": "1"}}}
    """
    for pointer, name, kind in _sysctls(config):
        if name == "kernel.hostname":
            yield pointer, "kernel.hostname is refused by runtimes: use hostname"
        elif not kind:
            yield pointer, f"{name[:60]} is a setting of the whole host, which runtimes refuse"


def _sysctls(config: Any) -> Iterator[tuple[str, str, str]]:
    """Pointer, dotted name, and the namespace that keeps it apart."""
    for pointer, raw, _ in entries(config, "linux", "sysctl"):
        # sysctl(8): with a slash first, slashes part the name and dots are letters
        slash, dot = raw.find("/"), raw.find(".")
        slashed = slash >= 0 and (dot < 0 or slash < dot)
        name = raw.replace("/", ".") if slashed else raw
        parts = raw.split("/") if slashed else raw.replace("/", "\0").replace(".", "/").replace("\0", ".").split("/")
        if {"", ".", ".."} & set(parts):  # it climbs out of what its first part promises
            kind = ""
        elif name in _IPC or name.startswith("fs.mqueue."):
            kind = "ipc"
        elif name.startswith(("net.", "user.")):
            kind = "network" if name.startswith("net.") else "user"
        else:
            kind = "uts" if name == "kernel.domainname" else ""
        yield pointer, name, kind


@rule
@about("linux/maskedPaths", "linux/readonlyPaths")
def relative_masked(config: Any) -> Found:
    """RUN715 masked-path-relative: masked and read-only paths are absolute.

    section: config-linux.md / Masked Paths
    blocking: yes
    rows: RL63
    bad: {"linux": {"namespaces": [{"type": "mount"}], "maskedPaths": ["proc/kcore"]}}
    good: {"linux": {"namespaces": [{"type": "mount"}], "maskedPaths": ["/proc/kcore"]}}
    """
    for name in _PATHS:
        for pointer, path in each(config, "linux", name):
            if not path.startswith("/"):
                yield pointer, f"{path[:60]!r} in {name} is not absolute"


@lru_cache(maxsize=4096)
def _normal(path: str) -> str:
    return posixpath.normpath(path)


@rule
@about("linux/maskedPaths", "linux/readonlyPaths")
def masked_twice(config: Any) -> Found:
    """RUN716 masked-path-twice: a path is masked or read-only once, and not below one that is masked.

    What is masked hides all that is below it.

    section: config-linux.md / Masked Paths
    severity: info
    rows: RL64
    bad: {"linux": {"namespaces": [{"type": "mount"}], "maskedPaths": ["/proc/kcore", "/proc/kcore"]}}
    good: {"linux": {"namespaces": [{"type": "mount"}], "maskedPaths": ["/proc/kcore", "/proc/keys"]}}
    """
    masked = {_normal(path) for _, path in each(config, "linux", "maskedPaths")} if "linux" in config else set()
    for name in _PATHS:
        seen: set[str] = set()
        for pointer, path in each(config, "linux", name):
            place = _normal(path)
            if place in seen:
                yield pointer, f"{place} is in {name} already"
            else:
                above = place.rpartition("/")[0]
                while above and above not in masked:
                    above = above.rpartition("/")[0]
                if above:
                    yield pointer, f"{place} lies below {above}, which is masked"
            seen.add(place)


@rule
@about("linux/personality")
def personality_flags(config: Any) -> Found:
    """RUN717 personality-flags: personality has no flags.

    The specification defines none, and wants an error for any.

    section: config-linux.md / Personality
    rows: RL65
    bad: {"linux": {"personality": {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}}}
    good: {"linux": {"personality": {"domain": "LINUX32"}}}
    """
    if get(config, "linux", "personality", "flags"):
        yield "/linux/personality/flags", "no flags are defined for personality"


@rule
@about("linux/personality")
def personality_domain(config: Any) -> Found:
    """RUN718 personality-without-domain: personality names a domain.

    section: config-linux.md / Personality
    rows: RL65
    bad: {"linux": {"personality": {}}}
    good: {"linux": {"personality": {"domain": "LINUX"}}}
    """
    personality = get(config, "linux", "personality")
    if personality is not None and "domain" not in personality:
        yield "/linux/personality/domain", "personality names no domain"


@rule
@about("linux/mountLabel")
def mount_label(config: Any) -> Found:
    """RUN719 mount-label-form: mountLabel is an SELinux label.

    USER:ROLE:TYPE:LEVEL, where the level may hold a colon more.

    section: config-linux.md / Mount Label
    rows: RL66
    bad: {"linux": {"mountLabel": "container_file_t"}}
    good: {"linux": {"mountLabel": "system_u:object_r:container_file_t:s0:c124,c675"}}
    """
    text = get(config, "linux", "mountLabel")
    if text is not None and not 3 <= text.count(":") <= 4:
        yield (
            "/linux/mountLabel",
            f"{text[:60]!r} is no SELinux label (USER:ROLE:TYPE:LEVEL)" if text else "mountLabel is empty: leave it out",
        )


@rule
@about("linux/rootfsPropagation")
def propagation_without_namespace(config: Any) -> Found:
    """RUN720 propagation-namespace: rootfsPropagation comes with a mount namespace of the container.

    Without one it would change how the host's mounts spread.

    section: config-linux.md / Rootfs Mount Propagation
    severity: warning
    rows: RL62
    bad: {"linux": {"namespaces": [{"type": "pid"}], "rootfsPropagation": "shared"}}
    good: {"linux": {"namespaces": [{"type": "mount"}], "rootfsPropagation": "private"}}
    """
    if get(config, "linux", "rootfsPropagation") and not has_namespace(config, "mount"):
        yield "/linux/rootfsPropagation", "rootfsPropagation needs a mount namespace of the container"
