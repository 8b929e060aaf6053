"""Who we are on this host: names, id maps and ranges, limits."""

from __future__ import annotations

import posix

from contain.host.model import Userns
from contain.kernel import idmaps
from contain.kernel.files import text, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.kernel.idmaps import Range

#: Whose lines in /etc/subuid and /etc/subgid root's containers use; there need be no such user.
OWN_NAME = "contain"
#: The lines of /proc/PID/limits → RLIMIT_ names.
_LIMITS = {
    "Max cpu time": "RLIMIT_CPU",
    "Max file size": "RLIMIT_FSIZE",
    "Max data size": "RLIMIT_DATA",
    "Max stack size": "RLIMIT_STACK",
    "Max core file size": "RLIMIT_CORE",
    "Max resident set": "RLIMIT_RSS",
    "Max processes": "RLIMIT_NPROC",
    "Max open files": "RLIMIT_NOFILE",
    "Max locked memory": "RLIMIT_MEMLOCK",
    "Max address space": "RLIMIT_AS",
    "Max file locks": "RLIMIT_LOCKS",
    "Max pending signals": "RLIMIT_SIGPENDING",
    "Max msgqueue size": "RLIMIT_MSGQUEUE",
    "Max nice priority": "RLIMIT_NICE",
    "Max realtime priority": "RLIMIT_RTPRIO",
    "Max realtime timeout": "RLIMIT_RTTIME",
}


def user(uid: int, *, passwd: str = "/etc/passwd") -> tuple[str, str]:
    """(name, home) of a user of this host, ("", "") when it has none; NSS is asked only when the file does not know it."""
    for line in text(passwd).splitlines():
        fields = line.split(":")
        if len(fields) >= 7 and fields[2] == str(uid):
            return fields[0], fields[5]
    import pwd  # NSS may load half a dozen libraries

    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return "", ""
    return found.pw_name, found.pw_dir


def program(name: str, path: str) -> str:
    """Where a program is: in `path`, else in the usual places; "" when it is missing."""
    for folder in [*path.split(":"), "/usr/bin", "/bin", "/usr/local/bin"]:
        if folder.startswith("/") and posix.access(f"{folder}/{name}", posix.X_OK):
            return f"{folder}/{name}"
    return ""


def userns(name: str, uid: int, path: str, sysctls: dict[str, str], *, ranges: bool = True) -> Userns:
    """Facts about user namespaces; `sysctls` as in Host.sysctls; without `ranges` not which ids may be given away, nor by which programs."""
    uid_map, gid_map = idmaps.id_map("uid"), idmaps.id_map("gid")
    limit = sysctls.get("user.max_user_namespaces", "")
    found = Userns(
        initial=not uid_map or idmaps.is_initial(uid_map),
        uid_map=uid_map,
        gid_map=gid_map,
        setgroups=word("/proc/self/setgroups", default="allow"),
        limit=int(limit) if limit.isdigit() else None,
        unprivileged=sysctls.get("kernel.unprivileged_userns_clone", "1") != "0",
        apparmor=sysctls.get("kernel.apparmor_restrict_unprivileged_userns", "0") not in {"0", ""},
    )
    if not ranges:
        return found
    return found.but(
        subuid=_ranges("/etc/subuid", name, uid),
        subgid=_ranges("/etc/subgid", name, uid),
        free=idmaps.first_free("/etc/subuid", "/etc/subgid"),
        newuidmap=program("newuidmap", path),
        newgidmap=program("newgidmap", path),
    )


def _ranges(path: str, name: str, uid: int) -> list[Range]:
    """For root those of a name of contain's own first, so that no other program's ids are among them."""
    return (idmaps.ranges(path, OWN_NAME, -1) if uid == 0 else []) or idmaps.ranges(path, name, uid)


def parse_limits(data: str) -> dict[str, list[int]]:
    """/proc/PID/limits → RLIMIT_… → [soft, hard], -1 for unlimited."""
    found = {}
    for line in data.splitlines():
        name = _LIMITS.get(line[:26].strip())
        fields = line[26:].split()
        if name and len(fields) >= 2:
            found[name] = [-1 if field == "unlimited" else int(field) for field in fields[:2]]
    return found
