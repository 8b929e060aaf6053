"""Operations of the family security: ids, capabilities, labels, keyring, no_new_privs and the seccomp filter."""

from __future__ import annotations

from contain.kernel.capabilities import names
from contain.plan import stage as at
from contain.plan.operation import Operation


def _caps(mask: int) -> str:
    """A set as people read it: `none`, or the names without CAP_."""
    return " ".join(sorted(name.removeprefix("CAP_").lower() for name in names(mask))) or "none"


class JoinKeyring(Operation):
    """Gives the container a new session keyring, without a name (by a name one could be joined that others made); `optional` where an outer filter
    may refuse keyctl.
    """

    remedies = {
        "EDQUOT": "raise kernel.keys.maxkeys, or use --no-new-keyring",
        "EPERM": "keyctl is blocked here, as in a container: allow it there, or use --no-new-keyring",
    }

    stage: int = at.LOCK
    optional: bool = False

    def describe(self) -> str:
        """See the base."""
        return "join a new session keyring"


class OpenHostProc(Operation):
    """Opens the host's /proc into `slot` and checks that it is the root of a procfs: what is written through it goes nowhere else."""

    remedies = {"": "mount procfs on /proc of this host"}

    stage: int = at.OPEN
    slot: int

    def describe(self) -> str:
        """See the base."""
        return "open the host's /proc"


class SetExecLabel(Operation):
    """Sets the label that the security module gives to the program at execve; `file` is below thread-self/attr of the procfs in slot `proc`."""

    remedies = {
        "ENOENT": "the profile is not loaded, or this kernel has no such security module",
        "EACCES": "the policy does not let contain change to this label",
        "EINVAL": "the policy does not know this label",
    }

    stage: int = at.LOCK
    proc: int
    module: str
    file: str
    value: str

    def describe(self) -> str:
        """See the base."""
        return f"set the {self.module} label for the program: {self.value}"

    def words(self) -> str:
        """See the base: Podman knows a label's failure by the file in backquotes."""
        return f"cannot write the {self.module} label {self.value} to `/proc/thread-self/attr/{self.file}`"


class HideProcess(Operation):
    """Makes init non-dumpable: nobody inside may trace it or open its descriptors through /proc (CVE-2016-9962)."""

    stage: int = at.LOCK

    def describe(self) -> str:
        """See the base."""
        return "make init non-dumpable until it executes the program"


class DropBounding(Operation):
    """Drops from the bounding set what is not in `keep`."""

    remedies = {"EPERM": "dropping capabilities needs CAP_SETPCAP: run as root, or with a user namespace"}

    stage: int = at.LOCK
    keep: int

    def describe(self) -> str:
        """See the base."""
        return f"bounding set: {_caps(self.keep)}"

    def words(self) -> str:
        """See the base."""
        return "cannot drop capabilities from the bounding set"


class SetIds(Operation):
    """Becomes the user, keeping permitted capabilities for SetCapabilities; `keep_groups` leaves the supplementary groups as they are."""

    remedies = {
        "EINVAL": "the id is not mapped in the user namespace: map it (linux.uidMappings, linux.gidMappings) or use a mapped one",
        "EPERM": "changing ids needs CAP_SETUID and CAP_SETGID: run as root, or with a user namespace",
    }

    stage: int = at.LOCK
    uid: int
    gid: int
    groups: list[str]
    keep_groups: bool = False

    def describe(self) -> str:
        """See the base."""
        groups = "as they are" if self.keep_groups else " ".join(self.groups) or "none"
        return f"become user {self.uid}, group {self.gid}, supplementary groups {groups}"


class SetCapabilities(Operation):
    """Sets the four sets of the thread; each is a mask."""

    remedies = {"EPERM": "a set may hold only what is permitted and in the bounding set"}

    stage: int = at.LOCK
    effective: int
    permitted: int
    inheritable: int
    ambient: int

    def describe(self) -> str:
        """See the base."""
        sets = [("effective", self.effective), ("permitted", self.permitted), ("inheritable", self.inheritable), ("ambient", self.ambient)]
        if not any(mask for _, mask in sets):
            return "drop all capabilities"
        return "capabilities: " + ", ".join(f"{name} {_caps(mask)}" for name, mask in sets)

    def words(self) -> str:
        """See the base."""
        return "cannot set capabilities"


class NoNewPrivileges(Operation):
    """Sets no_new_privs: execve never gains anything from now on."""

    stage: int = at.LOCK

    def describe(self) -> str:
        """See the base."""
        return "set no_new_privs"


class ConnectListener(Operation):
    """Connects to the socket of the seccomp agent before anything else is done, into `slot`."""

    remedies = {
        "ENOENT": "start the agent that listens there, or correct linux.seccomp.listenerPath",
        "ECONNREFUSED": "the agent that made this socket is gone: start it",
    }

    stage: int = at.OPEN
    path: str
    slot: int

    def describe(self) -> str:
        """See the base."""
        return f"connect to the seccomp agent at {self.path}"


class LoadSeccomp(Operation):
    """Loads a filter for the program; with `socket`, hands its listener and `state` (a template with holes) to the agent there.

    With `watch` the monitor holds the listener and notes refused calls: "report" lets them fail, "kill" ends the run.
    """

    asks = True
    remedies = {
        "EACCES": "without no_new_privs a filter needs CAP_SYS_ADMIN",
        "EINVAL": "the kernel does not know an action or a flag of this filter",
        "EBUSY": "a filter with a listener is on this process already",
        "ENOMEM": "the filters of all layers together are too long",
    }

    stage: int = at.LOCK
    program: bytes
    flags: int
    summary: str
    socket: int = 0
    state: str = ""
    watch: str = ""

    def describe(self) -> str:
        """See the base."""
        return f"load the seccomp filter: {self.summary}, {len(self.program) // 8} instructions"

    def words(self) -> str:
        """See the base."""
        return "cannot load the seccomp filter"
