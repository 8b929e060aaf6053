"""SEC1: namespaces, system calls, masks, sysctl."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get, has_namespace, once
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import calls, conditions, mounts, named_calls, no_option_of
from contain.linter.rules.runtime.mounts import options
from contain.linter.rules.security.common import linux, normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_DANGEROUS = frozenset(
    (
        "umount2", "setns", "bpf", "keyctl", "add_key", "request_key", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
        "io_uring_register", "kexec_load", "kexec_file_load", "open_by_handle_at", "init_module", "finit_module", "delete_module", "clock_settime", "mount",
        "pivot_root", "unshare",
    )
)  # fmt: skip
_MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/acpi")
_READONLY = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
_COMPAT = {
    "SCMP_ARCH_X86_64": ("SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "SCMP_ARCH_AARCH64": ("SCMP_ARCH_ARM",),
    "SCMP_ARCH_S390X": ("SCMP_ARCH_S390",),
}
_HOST_PID = re.compile(r"/proc/(1|self|thread-self)/ns/", re.ASCII)


@rule
def shared_namespaces(config: Any) -> Found:
    """SEC101 shared-namespace: the container shares no namespace with the host.

    With the host's pid namespace it sees and signals every process, with its network it reaches what listens on loopback, with ipc, uts and cgroup
    it
    sees more than it needs.

    section: advice
    severity: warning
    rows: SEC19
    engines: yes
    reference: kube-linter host-pid, host-ipc, host-network
    bad: {"linux": {"namespaces": [{"type": "mount"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"}]}}
    """
    if "linux" in config:
        missing = [kind for kind in ("pid", "network", "ipc", "uts", "cgroup") if not has_namespace(config, kind)]
        if missing:
            yield "/linux/namespaces", f"the container shares the host's {', '.join(missing)} namespace{'s' if len(missing) > 1 else ''}"


@rule
def shared_mounts(config: Any) -> Found:
    """SEC102 shared-mount-namespace: the container has a mount namespace.

    Without one its mounts are the host's.

    section: advice
    rows: SEC19
    bad: {"linux": {"namespaces": [{"type": "pid"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}]}}
    """
    if "linux" in config and not has_namespace(config, "mount"):
        yield "/linux/namespaces", "the container has no mount namespace: its mounts are the host's"


@rule
@about("linux/namespaces")
def host_namespace_path(config: Any) -> Found:
    """SEC103 host-namespace-path: no namespace is the host's by path.

    /proc/1/ns and /proc/self/ns are those of the host or of the runtime: sharing in disguise.

    section: advice
    rows: SEC20
    bad: {"linux": {"namespaces": [{"type": "mount"}, {"type": "network", "path": "/proc/1/ns/net"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "network", "path": "/run/netns/box"}]}}
    """
    for pointer, item in each(config, "linux", "namespaces"):
        if _HOST_PID.match(item.get("path") or ""):
            yield f"{pointer}/path", f"{item['path']} is the host's own {item.get('type')} namespace"


@rule
def no_seccomp(config: Any) -> Found:
    """SEC104 no-seccomp: the process has a system call filter.

    Most faults of the kernel are reached by calls that no ordinary program makes.

    section: advice
    severity: warning
    rows: SEC10
    bad: {"linux": {"seccomp": null}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      "syscalls": [{"names": ["read", "exit_group"], "action": "SCMP_ACT_ALLOW"}]}}}
    """
    if "linux" in config and "seccomp" not in config["linux"]:
        yield "/linux/seccomp", "no seccomp filter: every system call of the kernel can be made"


@rule
@about("linux/seccomp", only="linux/seccomp")
def weak_seccomp(config: Any) -> Found:
    """SEC105 weak-seccomp: the filter lists what is allowed.

    A filter that allows by default and denies a few misses what newer kernels add.

    section: advice
    severity: warning
    rows: SEC11
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO"}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}}}
    """
    if get(config, "linux", "seccomp", "defaultAction") in ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG"):
        yield "/linux/seccomp/defaultAction", "the filter allows whatever it does not name"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def dangerous_calls(config: Any) -> Found:
    """SEC106 dangerous-calls: the filter allows no call that engines' defaults deny without a condition.

    Mounting, namespaces, keys, BPF, io_uring, kexec, handles of files, modules: the calls that most exploits begin with.

    section: advice
    severity: warning
    rows: SEC12
    engines: yes
    reference: Docker's default profile
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "bpf"], "action": "SCMP_ACT_ALLOW"}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"}]}}}
    """
    named = named_calls(config)
    found = set() if named is None else _DANGEROUS & named.get("SCMP_ACT_ALLOW", set())
    if named is not None and not found:
        return
    place = ""
    for pointer, item in calls(config):
        names = item.get("names") or ()
        if item.get("action") != "SCMP_ACT_ALLOW" or item.get("args"):
            continue
        if named is None:
            found = found | _DANGEROUS.intersection(names)
        if found and not place:
            place = next((f"{pointer}/names/{index}" for index, name in enumerate(names) if name in found), "")
    if place:
        yield place, f"the filter allows {', '.join(sorted(found))}"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def wide_comparison(config: Any) -> Found:
    """SEC107 ioctl-wide-comparison: a request of ioctl is compared by its lower 32 bits.

    The kernel ignores the upper ones, so a comparison of all 64 for TIOCSTI is passed by setting one of them (the family of CVE-2017-5226).

    section: advice
    severity: warning
    rows: SEC13
    reference: CVE-2017-5226
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args": [{"index":
      1, "value": 21522, "op": "SCMP_CMP_EQ"}]}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args":
      [{"index": 1, "value": 4294967295, "valueTwo": 21522, "op": "SCMP_CMP_MASKED_EQ"}]}]}}}
    """
    for pointer, item in conditions(config):
        if "ioctl" not in (item.get("names") or ()) or item.get("action") == "SCMP_ACT_ALLOW":
            continue
        for index, argument in enumerate(item.get("args") or ()):
            if argument is not None and argument.get("index") == 1 and argument.get("op") == "SCMP_CMP_EQ":
                yield f"{pointer}/args/{index}/op", "all 64 bits of the request are compared, the kernel looks at 32: use MASKED_EQ"


@rule
@about("linux/seccomp/architectures", only="linux/seccomp")
def compat_architectures(config: Any) -> Found:
    """SEC108 compat-architectures: the filter covers the compatible architectures too.

    Without x86 and x32 beside x86_64 libseccomp kills their calls, which is safe but surprising; runtimes without libseccomp let them pass.

    section: advice
    severity: info
    rows: SEC14
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]}}}
    """
    names = get(config, "linux", "seccomp", "architectures") or []
    for native, others in _COMPAT.items():
        missing = [name for name in others if name not in names]
        if native in names and missing:
            yield "/linux/seccomp/architectures", f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not covered beside {native}"


def _covered(path: str, places: list[str]) -> bool:
    return path in places or any(path.startswith(place.rstrip("/") + "/") for place in places)


@once
def _destinations(config: Any) -> frozenset[str]:
    return frozenset(normal(mount.get("destination") or "/x") for _, mount in mounts(config))


@rule
def masked_paths(config: Any) -> Found:
    """SEC109 masked-paths: what leaks from /proc and /sys is masked.

    Memory, keys, timers and firmware of the host, in files that containers can read.

    section: advice
    severity: warning
    rows: SEC15
    engines: yes
    bad: {"linux": {"maskedPaths": ["/proc/acpi"]}}
    good: {"linux": {"maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]}}
    """
    if not linux(config) or not has_namespace(config, "mount"):
        return
    masked = [text for text in get(config, "linux", "maskedPaths") or () if text]
    missing = [path for path in _MASKED if not _covered(path, masked)]
    if missing:
        tops = {place.strip("/").split("/")[0] for place in _destinations(config)}
        missing = [path for path in missing if path.split("/", 2)[1] in tops]
    if missing:
        yield "/linux/maskedPaths", f"{', '.join(missing)} can be read inside"


@rule
def readonly_paths(config: Any) -> Found:
    """SEC110 readonly-paths: switches of the host in /proc are read-only.

    /proc/sys and /proc/sysrq-trigger change or stop the host.

    section: advice
    severity: warning
    rows: SEC16
    bad: {"linux": {"readonlyPaths": ["/proc/bus"]}}
    good: {"linux": {"readonlyPaths": ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}
    """
    if not linux(config) or not has_namespace(config, "mount"):
        return
    places = [text for name in ("maskedPaths", "readonlyPaths") for text in get(config, "linux", name) or () if text]
    missing = [path for path in _READONLY if not _covered(path, places)]
    if missing and "/proc" in _destinations(config):
        yield "/linux/readonlyPaths", f"{', '.join(missing)} can be written inside"


@rule
@about("mounts")
def cgroup_mount(config: Any) -> Found:
    """SEC111 writable-cgroup-mount: a cgroup mount is read-only, or the container has a cgroup namespace.

    Who writes release_agent runs a program on the host (CVE-2022-0492); a writable v2 mount lifts its own limits (CVE-2023-25809).

    section: advice
    severity: warning
    rows: SEC17
    reference: CVE-2022-0492, CVE-2023-25809
    bad: {"mounts": [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}]}
    good: {"mounts": [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]}
    """
    for pointer, mount in mounts(config):
        if mount.get("type") in ("cgroup", "cgroup2") and not {"ro", "rro"} & set(options(mount)) and not has_namespace(config, "cgroup"):
            yield pointer, "cgroups of the host can be written inside"


@rule
@about("mounts", "linux/rootfsPropagation")
def propagation(config: Any) -> Found:
    """SEC112 shared-propagation: mounts made inside do not appear on the host.

    shared and rshared let them out.

    section: advice
    severity: warning
    rows: SEC21
    bad: {"linux": {"rootfsPropagation": "shared"}}
    good: {"linux": {"rootfsPropagation": "private"}}
    """
    if get(config, "linux", "rootfsPropagation") in ("shared", "rshared"):
        yield "/linux/rootfsPropagation", "mounts made inside appear on the host"
    if no_option_of(config, ("shared", "rshared")):
        return
    for pointer, mount in mounts(config):
        if {"shared", "rshared"} & set(options(mount)):
            yield f"{pointer}/options", "mounts made below it inside appear on the host"


@rule
@about("linux/cgroupsPath")
def cgroup_root(config: Any) -> Found:
    """SEC113 cgroup-root: the container is not in the root cgroup.

    There no limit holds.

    section: advice
    severity: warning
    rows: SEC44
    bad: {"linux": {"cgroupsPath": "/"}}
    good: {"linux": {"cgroupsPath": "/box"}}
    """
    path = get(config, "linux", "cgroupsPath")
    if path and posixpath.normpath(path) in ("/", ".", "//"):
        yield "/linux/cgroupsPath", "the container would be in the root cgroup, where no limit holds"
