"""SEC0: users, capabilities, privileges."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get, has_namespace
from contain.linter.registry import about, rule
from contain.linter.rules.security.common import ESCAPES, STRONG, capabilities, in_user_namespace, is_root, linux, rootless
from contain.linux import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_ALL = frozenset(CAPABILITIES)


@rule
def host_root(config: Any) -> Found:
    """SEC001 host-root: the process is not root of the host.

    User 0 without a user namespace is the host's root with fewer capabilities: whatever file it reaches, it owns.

    A document does not say who starts it. An ordinary user's engine runs in a user namespace of its own, and nothing is said of what rootless
    Podman, Docker and nerdctl write: their own mounts come from the user's folders. Rootless containerd leaves no such sign (`ctr`).

    section: advice
    severity: warning
    rows: SEC01
    engines: yes
    reference: kube-linter run-as-non-root
    bad: {"process": {"user": {"uid": 0, "gid": 0}}}
    good: {"process": {"user": {"uid": 1000, "gid": 1000}}}
    """
    if linux(config) and "process" in config and is_root(config) and not in_user_namespace(config):
        yield (
            "/process/user/uid",
            "the process is the host's root unless the runtime is rootless: give it another user, or a user namespace",
        )


@rule
@about("linux/uidMappings", "linux/gidMappings")
def mapped_host_root(config: Any) -> Found:
    """SEC002 mapped-host-root: no id of the container is root of the host.

    A mapping to host id 0 makes the user namespace pointless against mistakes about files.

    section: advice
    severity: warning
    rows: SEC02
    bad: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 0, "size": 65536}],
      "gidMappings": [{"containerID": 0, "hostID": 0, "size": 65536}]}}
    good: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
      "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}}
    """
    if rootless(config):
        return  # its host is the user namespace of the engine
    for name in ("uidMappings", "gidMappings"):
        for pointer, item in each(config, "linux", name):
            if item.get("hostID") == 0 and item.get("size"):
                yield f"{pointer}/hostID", f"container id {item.get('containerID')} is root on the host"


@rule
@about("linux/uidMappings", "linux/gidMappings")
def mapped_system_ids(config: Any) -> Found:
    """SEC003 mapped-system-ids: ids of the container are no system ids of the host.

    Ids below 1000 belong to services: their files would be the container's.

    section: advice
    severity: warning
    rows: SEC03
    bad: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 100, "size": 10}],
      "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 10}]}}
    good: {"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 10}],
      "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 10}]}}
    """
    if rootless(config):
        return  # as above
    for name in ("uidMappings", "gidMappings"):
        for pointer, item in each(config, "linux", name):
            if 0 < item.get("hostID", 1000) < 1000 and item.get("size"):
                yield f"{pointer}/hostID", f"host id {item['hostID']} belongs to the system"


@rule
@about("process/capabilities", only="process/capabilities")
def sys_admin(config: Any) -> Found:
    """SEC004 cap-sys-admin: the process has no CAP_SYS_ADMIN.

    It allows mounts and hundreds of other things: nearly root. In an own user namespace it is less, but most kernel faults need it.

    section: advice
    rows: SEC04
    reference: capabilities(7)
    bad: {"process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN"]}}}
    """
    found = capabilities(config)
    if "CAP_SYS_ADMIN" in found and not has_namespace(config, "user"):
        yield found["CAP_SYS_ADMIN"], "CAP_SYS_ADMIN is nearly root"


@rule
@about("process/capabilities", only="process/capabilities")
def escapes(config: Any) -> Found:
    """SEC005 cap-escape: the process has no capability that leads out of containers.

    Kernel modules, raw I/O, tracing, reading any file by handle (the exploit `shocker`), the kernel log, BPF: each is a known way out. An own user
    namespace takes their power away.

    section: advice
    rows: SEC05
    reference: capabilities(7)
    bad: {"process": {"capabilities": {"bounding": ["CAP_DAC_READ_SEARCH"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN"]}}}
    """
    if not has_namespace(config, "user"):
        for name, pointer in capabilities(config).items():
            if name in ESCAPES:
                yield pointer, f"{name} is a known way out of a container"


@rule
@about("process/capabilities", only="process/capabilities")
def strong(config: Any) -> Found:
    """SEC006 cap-strong: the process has no capability that harms neighbours.

    NET_RAW forges ARP and DNS in shared networks, MKNOD makes device nodes, SETFCAP and SETPCAP hand capabilities on.

    section: advice
    severity: warning
    rows: SEC06
    engines: yes
    bad: {"process": {"capabilities": {"bounding": ["CAP_NET_RAW"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN"]}}}
    """
    names = {name: pointer for name, pointer in capabilities(config).items() if name in STRONG}
    if names:
        yield next(iter(names.values())), f"{', '.join(sorted(names))}: drop what is not needed"


@rule
@about("process/capabilities", only="process/capabilities")
def inheritable(config: Any) -> Found:
    """SEC007 cap-inheritable: root of a container inherits no capabilities.

    Inheritable capabilities let programs with file capabilities gain them, though the user should have none (CVE-2022-29162).

    section: advice
    severity: warning
    rows: SEC07
    reference: CVE-2022-29162
    bad: {"process": {"capabilities": {"bounding": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]}}}
    """
    if get(config, "process", "capabilities", "inheritable") and is_root(config):
        yield "/process/capabilities/inheritable", "inheritable capabilities of root have no use but for exploits"


@rule
@about("process/capabilities", only="process/capabilities")
def privileged(config: Any) -> Found:
    """SEC008 privileged: the process does not have all capabilities.

    What engines call privileged: with the host's root it is the host.

    section: advice
    rows: SEC08
    reference: kube-linter privileged-container
    bad: {"process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
      "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
      "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
      "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE",
      "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
      "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN"]}}}
    """
    if len(capabilities(config).keys() & _ALL) >= 36 and not has_namespace(config, "user"):
        yield "/process/capabilities/bounding", "the process has all capabilities: it is privileged"


@rule
def new_privileges(config: Any) -> Found:
    """SEC009 new-privileges: the process gains no privileges by set-uid programs.

    noNewPrivileges makes execve(2) ignore set-uid bits and file capabilities.

    section: advice
    severity: warning
    rows: SEC09
    engines: yes
    reference: prctl(2), PR_SET_NO_NEW_PRIVS
    bad: {"process": {"noNewPrivileges": false}}
    good: {"process": {"noNewPrivileges": true}}
    """
    if linux(config) and "process" in config and not get(config, "process", "noNewPrivileges"):
        yield "/process/noNewPrivileges", "noNewPrivileges is not set: set-uid programs inside gain privileges"


@rule
@about("process/user/additionalGids")
def groups(config: Any) -> Found:
    """SEC010 strong-groups: the process is in no group that is root in disguise.

    Group 0 owns much of the host; 6 is disk on most distributions, 42 reads the shadow file.

    section: advice
    severity: warning
    rows: SEC37
    engines: yes
    bad: {"process": {"user": {"uid": 1000, "gid": 1000, "additionalGids": [6]}}}
    good: {"process": {"user": {"uid": 1000, "gid": 1000, "additionalGids": [1001]}}}
    """
    if not has_namespace(config, "user"):
        names = {0: "root", 6: "disk", 42: "shadow"}
        for pointer, gid in each(config, "process", "user", "additionalGids"):
            if gid in names and not (gid == 0 and is_root(config)):
                yield pointer, f"group {gid} is {names[gid]} on the host"


@rule
def lsm(config: Any) -> Found:
    """SEC011 no-lsm: the process is confined by AppArmor or SELinux.

    The second wall when the first one has a hole. `unconfined` and spc_t are no confinement.

    section: advice
    severity: info
    rows: SEC39
    engines: yes
    bad: {"process": {"apparmorProfile": "unconfined"}}
    good: {"process": {"apparmorProfile": "container-default"}}
    """
    if not linux(config) or "process" not in config:
        return
    profile, label = get(config, "process", "apparmorProfile"), get(config, "process", "selinuxLabel")
    if profile == "unconfined":
        yield "/process/apparmorProfile", "AppArmor is switched off for the process"
    elif label and ":spc_t:" in label:
        yield "/process/selinuxLabel", "spc_t is SELinux's type for processes that are not confined"
    elif not profile and not label:
        yield "/process", "no AppArmor profile and no SELinux label confine the process"


@rule
@about("linux/personality")
def personality(config: Any) -> Found:
    """SEC012 odd-personality: the process has the personality of the host.

    Another execution domain is seldom tested, and some switch address randomisation off.

    section: advice
    severity: info
    rows: SEC40
    bad: {"linux": {"personality": {"domain": "LINUX32"}}}
    good: {"linux": {"personality": {"domain": "LINUX"}}}
    """
    if get(config, "linux", "personality", "domain") == "LINUX32":
        yield "/linux/personality/domain", "a 32-bit personality is code that few have tested"


@rule
@about("process/args")
def set_uid_program(config: Any) -> Found:
    """SEC013 set-uid-program: the program itself is not one that changes its user.

    sudo and su inside a container hide whom it runs as: set process.user.

    section: advice
    severity: info
    rows: SEC45
    bad: {"process": {"args": ["/usr/bin/sudo", "-u", "app", "app"]}}
    good: {"process": {"args": ["app"], "user": {"uid": 1000, "gid": 1000}}}
    """
    program = posixpath.basename((get(config, "process", "args") or [""])[0] or "")
    if program in ("sudo", "su", "pkexec", "doas"):
        yield "/process/args/0", f"{program} changes the user: set process.user instead"


@rule
def user_namespace_missing(config: Any) -> Found:
    """SEC014 no-user-namespace: the container has a user namespace.

    Then even its root is nobody on the host. Of what rootless engines write nothing is said, as far as it can be seen (see host-root).

    section: advice
    severity: warning
    rows: SEC19
    engines: yes
    bad: {"linux": {"namespaces": [{"type": "mount"}]}}
    good: {"linux": {"namespaces": [{"type": "mount"}, {"type": "user"}], "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
      "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}}
    """
    if "linux" in config and not in_user_namespace(config):
        yield "/linux/namespaces", "no user namespace: the ids inside are those of the host unless the runtime is rootless"
