"""Whose systemd answers for us: the machine's, or a user's own, also for one who is root of a user namespace, as Podman calls us."""

from __future__ import annotations

import os

from contain.kernel import idmaps
from contain.kernel.files import text


def service(own: str) -> str:
    """The cgroup of the user's manager (user@N.service) that `own` lies in, "" when there is none or it is root's."""
    path = ""
    for name in own.split("/")[1:]:
        path += f"/{name}"
        if name.startswith("user@") and name.endswith(".service"):
            return "" if name == "user@0.service" else path
    return ""


def is_users(euid: int, own: str, *, initial: bool) -> bool:
    """Whether a user's manager is to be asked. Root of a user namespace may be a whole machine's too, whose systemd is not below a user's."""
    return euid != 0 or (not initial and service(own) != "")


def asks_user() -> bool:
    """The same of this process."""
    table = idmaps.id_map("uid")
    lines = text("/proc/self/cgroup").splitlines()
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    return is_users(os.geteuid(), own, initial=not table or idmaps.is_initial(table))


def outside_uid() -> int:
    """Our user as those outside our user namespace see it."""
    euid = os.geteuid()
    found = (row.outside + euid - row.inside for row in idmaps.id_map("uid") if row.inside <= euid < row.inside + row.count)
    return next(found, euid)
