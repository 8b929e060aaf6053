"""Operations of the family namespaces: making, joining, mapping, and what belongs to a namespace (host name, sysctl, loopback)."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation

_USERNS_REMEDY = "see `contain doctor`: user namespaces are limited on this host"


class Unshare(Operation):
    """Makes new namespaces for the joiner itself: user and time, whose settings must be written before the first member enters."""

    remedies = {"EPERM": _USERNS_REMEDY, "ENOSPC": _USERNS_REMEDY, "EUSERS": _USERNS_REMEDY}

    stage: int = at.JOIN
    flags: int
    types: str

    def describe(self) -> str:
        """See the base."""
        return f"make a new {self.types} namespace"


class CreateProcess(Operation):
    """Makes the container's first process by clone3, in new namespaces (`flags`), inside the cgroup in slot `cgroup` (0: none)."""

    remedies = {
        "EPERM": _USERNS_REMEDY,
        "ENOSPC": _USERNS_REMEDY,
        "EUSERS": _USERNS_REMEDY,
        "EINVAL": "this kernel lacks one of the namespaces: see `contain doctor`",
        "ENOSYS": "the filter of the container that we are in refuses it: docker run --security-opt seccomp=/usr/share/containers/seccomp.json",
    }

    stage: int = at.ENTER
    flags: int
    types: str
    cgroup: int = 0

    def describe(self) -> str:
        """See the base."""
        return f"create the process in new namespaces: {self.types}" if self.types else "create the process"


class WriteIdMap(Operation):
    """Writes uid_map or gid_map of the process (`file`), directly or with the setuid helper at `helper`."""

    remedies = {
        "EPERM": "map only ids that you own (/etc/subuid, /etc/subgid) and install newuidmap (package uidmap)",
        "EINVAL": "id ranges may not overlap",
    }

    stage: int = at.MAP
    file: str
    lines: str
    helper: str = ""
    deny_setgroups: bool = False

    def describe(self) -> str:
        """See the base."""
        ranges = ", ".join(self.lines.strip().split("\n"))
        return f"write {self.file}: {ranges}" + (f" (with {self.helper})" if self.helper else "")

    def words(self) -> str:
        """See the base."""
        return f"cannot write {self.file}"


class WriteTimeOffsets(Operation):
    """Writes the offsets of the new time namespace, before its first member enters."""

    stage: int = at.MAP
    lines: str

    def describe(self) -> str:
        """See the base."""
        return f"set time offsets: {', '.join(self.lines.strip().split(chr(10)))}"


class BecomeRoot(Operation):
    """Becomes user and group 0 of the user namespace, so that files made from here on belong to it."""

    stage: int = at.ENTER

    def describe(self) -> str:
        """See the base."""
        return "become root of the user namespace"


class SetHostname(Operation):
    """Sets the host name of the uts namespace."""

    stage: int = at.PIVOT
    name: str

    def describe(self) -> str:
        """See the base."""
        return f"set the host name to {self.name}"


class SetDomainname(Operation):
    """Sets the NIS domain name of the uts namespace."""

    stage: int = at.PIVOT
    name: str

    def describe(self) -> str:
        """See the base."""
        return f"set the domain name to {self.name}"


class WriteSysctl(Operation):
    """Writes one sysctl of the container's namespaces; `path` is below /proc/sys, slashes between its parts."""

    remedies = {
        "ENOENT": "this kernel has no such sysctl, or it is not namespaced",
        "EACCES": "this sysctl belongs to the host, not to a namespace",
    }

    stage: int = at.PIVOT
    path: str
    value: str

    def describe(self) -> str:
        """See the base."""
        return f"set sysctl {self.path} to {self.value}"


class LoopbackUp(Operation):
    """Brings the loopback interface of the new network namespace up; where that is refused, the container has none."""

    stage: int = at.PREPARE

    def describe(self) -> str:
        """See the base."""
        return "bring up the loopback interface"


class MoveNetDevice(Operation):
    """Moves the host's interface `name` into the container, as `rename`, with its permanent global addresses, and brings it up."""

    remedies = {
        "EEXIST": "the container has an interface of that name already",
        "EPERM": "moving interfaces needs CAP_NET_ADMIN on the host",
        "ENODEV": "correct the name: `ip link` lists the host's interfaces",
    }

    stage: int = at.PLACE
    name: str
    rename: str

    def describe(self) -> str:
        """See the base."""
        return f"move the interface {self.name} into the container" + (f" as {self.rename}" if self.rename != self.name else "")
