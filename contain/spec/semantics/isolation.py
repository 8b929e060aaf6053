"""Namespaces and what needs one: mappings, time offsets, names, sysctls, network devices; seccomp."""

from __future__ import annotations

from contain.spec.model import token
from contain.spec.semantics.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.spec.model import Spec

_IPC_SYSCTLS = (
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/shm_rmid_forced",
)
_MAP_LINES = 340  # user_namespaces(7)
_IDS = (1 << 32) - 1


def namespaces(spec: Spec) -> Iterator[Finding]:
    """Each type once, paths absolute."""
    seen: set[str] = set()
    for index, row in enumerate(spec.config["linux"]["namespaces"]):
        pointer = f"/linux/namespaces/{index}"
        if row["type"] in seen:
            yield Finding("RUN409", pointer, f"the {row['type']} namespace is given twice", "keep one of the two")
        seen.add(row["type"])
        if row.get("path") and not row["path"].startswith("/"):
            yield Finding(
                "RUN410",
                f"{pointer}/path",
                f"{row['path']!r} is not an absolute path",
                "write it as /proc/PID/ns/TYPE or another full path",
            )


def needed(spec: Spec) -> Iterator[Finding]:
    """What would change the host without a namespace of the container's own."""
    config, have = spec.config, spec.namespaces()
    for key in ("hostname", "domainname"):
        if not config.get(key):
            continue
        if "uts" not in have:
            yield Finding(
                "RUN013",
                f"/{key}",
                f"{key} would change the host's",
                f'add {{"type": "uts"}} to linux.namespaces, or remove {key}',
                cause="there is no uts namespace",
            )
        if len(config[key].encode()) > 64:
            yield Finding("RUN014", f"/{key}", f"{key} is longer than 64 bytes", "shorten it")
    for key in ("maskedPaths", "readonlyPaths"):
        rows = config["linux"].get(key) or ()
        if rows and "mount" not in have:
            yield Finding(
                "RUN418",
                f"/linux/{key}",
                f"{key} would change the host's mounts",
                'add {"type": "mount"} to linux.namespaces',
                cause="there is no mount namespace",
            )
        for index, path in enumerate(rows):
            if not path.startswith("/") or "\0" in path:
                yield Finding("RUN715", f"/linux/{key}/{index}", f"{path!r} is not an absolute path", f"write /{path}")
    devices = config["linux"].get("netDevices") or {}
    if devices and "network" not in have:
        yield Finding(
            "RUN425", "/linux/netDevices", "there is no network namespace to move devices to", 'add {"type": "network"} to linux.namespaces'
        )
    targets: set[str] = set()
    for name, row in devices.items():
        target = (row or {}).get("name") or name
        pointer = f"/linux/netDevices/{token(name)}"
        for text in (name, target):
            if not _interface(text):
                yield Finding("RUN426", pointer, f"{text!r} is not a name of an interface", "use at most 15 bytes without space, / and :")
        if target in targets:
            yield Finding("RUN427", pointer, f"two devices would be called {target}", "give one of them another name")
        targets.add(target)


def _interface(name: str) -> bool:
    return 0 < len(name.encode()) <= 15 and name not in (".", "..") and not any(char in "/:" or char.isspace() for char in name)


def mappings(spec: Spec) -> Iterator[Finding]:
    """user_namespaces(7): both maps or none, no overlap, no overflow."""
    linux, have = spec.config["linux"], spec.namespaces()
    given = [key for key in ("uidMappings", "gidMappings") if linux.get(key)]
    if given and "user" not in have:
        yield Finding("RUN414", f"/linux/{given[0]}", f"{given[0]} without a user namespace", 'add {"type": "user"} to linux.namespaces')
    if have.get("user") == "" and not spec.run.userns and len(given) < 2:
        missing = next(key for key in ("uidMappings", "gidMappings") if key not in given)
        pointer = next(f"/linux/namespaces/{index}" for index, row in enumerate(linux["namespaces"]) if row["type"] == "user")
        remedy = f"add linux.{missing}, or let contain choose with --userns auto"
        yield Finding("RUN415", pointer, f"a new user namespace needs {missing}", remedy)
    for key in given:
        yield from map_lines(f"/linux/{key}", linux[key])


def map_lines(pointer: str, rows: list[dict[str, int]]) -> Iterator[Finding]:
    """One map."""
    if len(rows) > _MAP_LINES:
        yield Finding("RUN413", pointer, f"{len(rows)} lines are more than the kernel's {_MAP_LINES}", "join neighbouring ranges")
        return
    for index, row in enumerate(rows):
        if row["size"] < 1:
            yield Finding("RUN413", f"{pointer}/{index}/size", "a range of no ids", "write at least 1")
        for side in ("containerID", "hostID"):
            if row[side] + row["size"] > _IDS:
                yield Finding(
                    "RUN412", f"{pointer}/{index}/size", f"the range from {side} {row[side]} passes the largest id", "make it smaller"
                )
            clash = next((old for old in rows[:index] if row[side] < old[side] + old["size"] and old[side] < row[side] + row["size"]), None)
            if clash is not None:
                yield Finding(
                    "RUN412",
                    f"{pointer}/{index}",
                    f"{side} {row[side]} overlaps the range from {clash[side]}",
                    "an id can be mapped once on either side",
                )


def user(spec: Spec) -> Iterator[Finding]:
    """The process's ids exist in its user namespace, as far as the manifest gives the map."""
    linux, row = spec.config["linux"], spec.config["process"]["user"]
    if spec.run.user or "user" not in spec.namespaces():
        return
    wanted = [("uid", "/process/user/uid", row["uid"]), ("gid", "/process/user/gid", row["gid"])]
    wanted += [("gid", f"/process/user/additionalGids/{index}", gid) for index, gid in enumerate(row.get("additionalGids") or ())]
    for kind, pointer, number in wanted:
        rows = linux.get(f"{kind}Mappings") or ()
        if rows and not is_mapped(rows, number):
            yield Finding(
                "RUN227",
                pointer,
                f"{kind} {number} is not mapped",
                f"add a range to linux.{kind}Mappings that holds {number}, or choose another id",
            )


def is_mapped(rows: list[dict[str, int]] | tuple[()], number: int) -> bool:
    """Whether an id of the container is in a map."""
    return any(row["containerID"] <= number < row["containerID"] + row["size"] for row in rows)


def time(spec: Spec) -> Iterator[Finding]:
    """Offsets are set before the first process enters, so only in a namespace of our own."""
    offsets, path = spec.config["linux"].get("timeOffsets") or {}, spec.namespaces().get("time")
    if offsets and path is None:
        yield Finding("RUN416", "/linux/timeOffsets", "time offsets without a time namespace", 'add {"type": "time"} to linux.namespaces')
    if offsets and path:
        yield Finding(
            "RUN416",
            "/linux/timeOffsets",
            f"the offsets of {path} cannot be changed",
            "remove timeOffsets or the path",
            cause="somebody lives in that namespace",
        )
    for clock, row in offsets.items():
        if clock not in ("boottime", "monotonic"):
            yield Finding("RUN403", f"/linux/timeOffsets/{token(clock)}", f"unknown clock {clock!r}", "boottime or monotonic")
        elif not 0 <= row.get("nanosecs", 0) < 1_000_000_000:
            yield Finding(
                "RUN417",
                f"/linux/timeOffsets/{clock}/nanosecs",
                f"{row['nanosecs']} is not below 1,000,000,000",
                "move whole seconds to secs",
            )


def sysctl(spec: Spec) -> Iterator[Finding]:
    """Only what belongs to a namespace of the container's own; all else would change the host."""
    have = spec.namespaces()
    for key in spec.config["linux"].get("sysctl") or ():
        pointer, path = f"/linux/sysctl/{token(key)}", sysctl_path(key)
        kind = _sysctl_kind(path)
        if {"", ".", ".."} & set(path.split("/")):  # it would climb out of what the first part promises
            yield Finding("RUN714", pointer, f"{key} is not the name of a sysctl", "write it as sysctl(8) does")
        elif path == "kernel/hostname":
            yield Finding("RUN714", pointer, "kernel.hostname is not set by sysctl", 'write "hostname" at the top of the manifest')
        elif not kind:
            yield Finding("RUN714", pointer, f"{key} belongs to no namespace: it would change the host", "remove it, or set it on the host")
        elif kind not in have:
            yield Finding(
                "RUN713",
                pointer,
                f"{key} would change the host's",
                f'add {{"type": "{kind}"}} to linux.namespaces',
                cause=f"there is no {kind} namespace",
            )


def sysctl_path(key: str) -> str:
    """`net.ipv4.ip_forward` → `net/ipv4/ip_forward`; when a slash comes first, dots belong to the names (sysctl.d(5))."""
    dot, slash = key.find("."), key.find("/")
    return key if slash >= 0 and (dot < 0 or slash < dot) else key.translate(str.maketrans("./", "/."))


def _sysctl_kind(path: str) -> str:
    """The namespace that a sysctl belongs to, "" for none."""
    if path in _IPC_SYSCTLS or path.startswith("fs/mqueue/"):
        return "ipc"
    if path.startswith("net/"):
        return "network"
    if path in ("kernel/domainname", "kernel/hostname"):
        return "uts"
    return "user" if path.startswith("user/") else ""


def seccomp(spec: Spec) -> Iterator[Finding]:
    """What the kernel takes as a filter, and what notifying needs."""
    profile: dict[str, Any] = spec.config["linux"].get("seccomp") or {}
    at, rules = "/linux/seccomp", profile.get("syscalls") or ()
    if profile.get("defaultAction") == "SCMP_ACT_NOTIFY":
        yield Finding(
            "RUN609",
            f"{at}/defaultAction",
            "SCMP_ACT_NOTIFY cannot be the default",
            "name the syscalls that shall notify",
            cause="starting the process itself would wait for the agent",
        )
    notifies = next((index for index, rule in enumerate(rules) if rule["action"] == "SCMP_ACT_NOTIFY"), None)
    if notifies is not None and not profile.get("listenerPath"):
        yield Finding(
            "RUN612",
            f"{at}/syscalls/{notifies}/action",
            "SCMP_ACT_NOTIFY needs listenerPath",
            "add the socket of the agent to linux.seccomp",
        )
    if profile.get("listenerMetadata") and not profile.get("listenerPath"):
        yield Finding("RUN611", f"{at}/listenerMetadata", "listenerMetadata without listenerPath", "add listenerPath, or remove it")
    for index, rule in enumerate(rules):
        if rule["action"] == "SCMP_ACT_NOTIFY" and "write" in rule["names"]:
            yield Finding(
                "RUN610",
                f"{at}/syscalls/{index}/names",
                "write cannot notify",
                "remove it from the names",
                cause="handing the listener over would wait for itself",
            )
        if "errnoRet" in rule and rule["action"] not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
            yield Finding(
                "RUN606", f"{at}/syscalls/{index}/errnoRet", f"{rule['action']} returns no errno", "remove errnoRet, or use SCMP_ACT_ERRNO"
            )
        for number, arg in enumerate(rule.get("args") or ()):
            if not 0 <= arg["index"] <= 5:
                yield Finding(
                    "RUN607", f"{at}/syscalls/{index}/args/{number}/index", f"a syscall has no argument {arg['index']}", "write 0 to 5"
                )
    given = {"defaultErrnoRet": profile.get("defaultErrnoRet")}
    given |= {f"syscalls/{index}/errnoRet": rule.get("errnoRet") for index, rule in enumerate(rules)}
    for place, errno in given.items():
        if (errno or 0) > 4095:
            yield Finding("RUN616", f"{at}/{place}", f"the kernel takes error numbers below 4096, not {errno}", "write one of errno(3)")
    if profile:
        yield from _start(spec, profile)
    if "defaultErrnoRet" in profile and profile.get("defaultAction") not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        yield Finding(
            "RUN606", f"{at}/defaultErrnoRet", f"{profile.get('defaultAction')} returns no errno", "remove it, or use SCMP_ACT_ERRNO"
        )


def _start(spec: Spec, profile: dict[str, Any]) -> Iterator[Finding]:
    """Calls that nothing names and that starting needs; what conditions let pass is tried when the filter is made."""
    passing = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY")
    if profile.get("defaultAction", passing[0]) in passing or spec.run.seccomp in ("default", "unconfined"):
        return
    rules = profile.get("syscalls") or ()
    late = spec.config["process"].get("noNewPrivileges") and not any(rule["action"] == "SCMP_ACT_NOTIFY" for rule in rules)
    allowed = {name for rule in rules if rule["action"] in passing for name in rule["names"]}
    lost = [name for name in ("execve", "sendmsg", "recvmsg")[: 1 if late else 3] if name not in allowed]
    if lost:
        yield Finding(
            "RUN617",
            "/linux/seccomp",
            f"the seccomp profile denies {', '.join(lost)}, without which no program can be started",
            f"allow {', '.join(lost)}",
        )


RULES = (namespaces, needed, mappings, user, time, sysctl, seccomp)
