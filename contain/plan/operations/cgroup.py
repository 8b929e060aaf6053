"""Operations of the family cgroup: folders, placement, limits, device rules, and the end of it all."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation

#: Stands in a path for the name of a run that has none: the id that the launcher makes up (a hole, as in state/layout.py).
UNIQUE = "\x01id\x01"

_MAKE = {
    "EACCES": "run as root, or have a cgroup delegated to you: see `contain doctor`",
    "EPERM": "run as root, or have a cgroup delegated to you: see `contain doctor`",
    "EROFS": "the cgroup file system is mounted read-only here: remount it, or run outside of this container",
    "EBUSY": "choose another with --cgroup-parent or cgroupsPath",
    "ENOENT": "a controller is not enabled in the parent cgroup: choose another with --cgroup-parent, see `contain doctor`",
    "EEXIST": "end the processes in that cgroup, or choose another cgroupsPath",
}


def _shown(path: str) -> str:
    return path.replace(UNIQUE, "<a new name>")


class MakeCgroup(Operation):
    """Makes the cgroup `path` below the hierarchy at `mount`, with its missing parents, and opens it into `slot`.

    v2: `needed` controllers are enabled on the way or it fails, `wanted` ones as far as they go. v1 with `cpuset`: what a new
    folder must have before a process may enter is copied from its parent. Undo `undo` holds the number of folders made, 0 is a folder that stays.
    """

    remedies = _MAKE

    stage: int = at.CGROUP
    mount: str
    path: str
    slot: int
    undo: int
    v2: bool = False
    cpuset: bool = False
    needed: list[str]
    wanted: list[str]

    def describe(self) -> str:
        """See the base."""
        for_ = f" for {', '.join(self.needed)}" if self.needed else ""
        return f"make the cgroup {self.mount.rstrip('/')}/{_shown(self.path)}{for_}"

    def words(self) -> str:
        """See the base."""
        return f"cannot make the cgroup {self.mount.rstrip('/')}/{_shown(self.path)}"


class OpenCgroup(Operation):
    """Opens a cgroup that exists into `slot`: for a plan that changes a container."""

    remedies = {"ENOENT": "the container has ended"}

    stage: int = at.OPEN
    folder: str
    slot: int

    def describe(self) -> str:
        """See the base."""
        return f"open the cgroup {self.folder}"


class StartScope(Operation):
    """Has systemd make a transient scope around the container's first process; `program` is the helper that speaks D-Bus.

    The connection to the helper stays in `slot`, its pidfd in `process`. `folder` is noted as one to be killed and left to systemd (undo `undo`).
    """

    remedies = {"": "see `systemctl status` of the unit, or use the driver cgroupfs"}

    stage: int = at.PLACE
    unit: str
    program: list[str]
    request: str
    folder: str
    slot: int
    process: int
    undo: int

    def describe(self) -> str:
        """See the base."""
        return f"have systemd start the scope {self.unit}"


class LimitScope(Operation):
    """Sets properties of the scope through the helper in `slot`, and ends the helper."""

    remedies = {"": "see `systemctl show` of the unit, or use the driver cgroupfs"}

    stage: int = at.HOST_HOOKS
    unit: str
    request: str
    slot: int
    process: int

    def describe(self) -> str:
        """See the base."""
        return f"have systemd limit the scope {self.unit}: {self.request.partition('properties')[2][4:-2]}"

    def words(self) -> str:
        """See the base."""
        return f"cannot have systemd limit the scope {self.unit}"


class DelegateCgroup(Operation):
    """Gives the v2 cgroup in `slot` to the container's user, as far as delegation goes (/sys/kernel/cgroup/delegate)."""

    stage: int = at.CGROUP
    slot: int
    uid: int
    gid: int

    def describe(self) -> str:
        """See the base."""
        return f"give the cgroup to user {self.uid}, group {self.gid}"


class OpenTasks(Operation):
    """Opens the list of tasks of the v1 cgroup in `slot` for writing, with the host's privileges, into slot `tasks`."""

    stage: int = at.CGROUP
    slot: int
    tasks: int

    def describe(self) -> str:
        """See the base."""
        return "open the cgroup's list of tasks"


_PLACE = {
    "EINVAL": "the cgroup has no realtime budget: set cpu.realtimeRuntime",
    "ENOSPC": "the cpuset of the cgroup has no processors or memory nodes",
}


class JoinCgroup(Operation):
    """Init puts itself into the v1 cgroup whose tasks are open in slot `tasks`.

    A thread that moves itself needs no lock of the whole kernel; moving another process waits for an RCU grace period: 10 to 20 ms.
    """

    remedies = _PLACE

    stage: int = at.ENTER
    tasks: int
    folder: str

    def describe(self) -> str:
        """See the base."""
        return f"put the process into the cgroup {_shown(self.folder)}"


class PlaceInCgroup(Operation):
    """Puts the container's first process into the v2 cgroup in `slot`, where clone3 has not done it already."""

    remedies = _PLACE

    stage: int = at.PLACE
    slot: int
    folder: str

    def describe(self) -> str:
        """See the base."""
        return f"put the process into the cgroup {_shown(self.folder)}"


class WriteCgroup(Operation):
    """Writes lines, each in one write(2), to a file of the cgroup in `slot`.

    Where `file` is missing, `alternative` (with lines of its own) is written instead; where both are, it fails unless `optional`.
    """

    remedies = {
        "EINVAL": "the kernel does not take this value: see its range in the kernel's documentation of cgroups",
        "ERANGE": "the kernel does not take this value: see its range in the kernel's documentation of cgroups; for a cpuset `lscpu` lists what there is",
        "ENOENT": "this kernel has no such limit: remove it",
        "EBUSY": "more than that is in use already",
        "ENODEV": "there is no such device here",
        "EACCES": "the parent cgroup does not allow as much",
        "EPERM": "the parent cgroup does not allow as much",
        "EOPNOTSUPP": "this kernel was built without this limit: remove it",
    }

    stage: int = at.HOST_HOOKS
    slot: int
    file: str
    lines: list[str]
    alternative: str = ""
    alternative_lines: list[str]
    optional: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"set {self.file} of the cgroup to {', '.join(self.lines)}"

    def words(self) -> str:
        """See the base."""
        return f"cannot set {self.file} of the cgroup to {self.lines[0] if self.lines else 'nothing'}"


class CheckMemoryUse(Operation):
    """Refuses a memory limit below what is used already (`checkBeforeUpdate`)."""

    remedies = {"EBUSY": "free memory in the container first, or choose a higher limit"}

    stage: int = at.HOST_HOOKS
    slot: int
    file: str
    limit: int

    def describe(self) -> str:
        """See the base."""
        return f"check that {self.file} is not above {self.limit}"

    def words(self) -> str:
        """See the base."""
        return f"cannot limit memory to {self.limit}"


class WriteDeviceRules(Operation):
    """Allows or denies all devices in the v1 cgroup in `slot`, then writes the exceptions."""

    remedies = {
        "EPERM": "the parent cgroup does not allow these devices: allow no more than it does, or choose another with --cgroup-parent"
    }

    stage: int = at.HOST_HOOKS
    slot: int
    allow_all: bool
    exceptions: list[str]

    def describe(self) -> str:
        """See the base."""
        return f"{'allow' if self.allow_all else 'deny'} all devices but {', '.join(self.exceptions)}"

    def words(self) -> str:
        """See the base."""
        return "cannot set the device rules of the cgroup"


class AttachDeviceProgram(Operation):
    """Loads an eBPF program that decides on access to devices, and attaches it to the v2 cgroup in `slot`.

    With `replace` the one that is attached already goes, so that new rules replace the old ones at one instant.
    """

    remedies = {
        "EPERM": "device rules on cgroup v2 need CAP_SYS_ADMIN (or CAP_BPF and CAP_NET_ADMIN) in the host's user namespace",
        "EINVAL": "this kernel has no eBPF for cgroup devices (CONFIG_CGROUP_BPF)",
        "ENOSYS": "this kernel has no eBPF (CONFIG_BPF_SYSCALL)",
    }

    stage: int = at.HOST_HOOKS
    slot: int
    program: bytes
    rules: int
    replace: bool = False

    def describe(self) -> str:
        """See the base."""
        return f"attach the device program ({self.rules} rules, {len(self.program) // 8} instructions)"

    def words(self) -> str:
        """See the base."""
        return "cannot attach the device program"


class KillCgroup(Operation):
    """Kills all that is left in the cgroup `path` below `mount`, if undo `undo` says that this run made it.

    `method` is what makes an end certain there: `kill` (v2), `pids`, `freezer`, or `` for a plain loop.
    """

    stage: int = at.TEARDOWN
    mount: str
    path: str
    undo: int
    method: str = ""

    def describe(self) -> str:
        """See the base."""
        return f"kill what is left in the cgroup {self.mount.rstrip('/')}/{_shown(self.path)}"


class ReadCgroupUsage(Operation):
    """Reads what the container used before its cgroup goes: out-of-memory kills and the peak (`memory`), processor time (`cpu`).

    The cgroup is the one that this run made (undo `undo`), or that it has in `slot`.
    """

    stage: int = at.TEARDOWN
    mount: str
    path: str
    undo: int
    slot: int = 0
    v2: bool = False
    memory: bool = False
    cpu: bool = False

    def describe(self) -> str:
        """See the base."""
        what = " and ".join([*(["memory use, out-of-memory kills"] if self.memory else []), *(["processor time"] if self.cpu else [])])
        return f"read {what} of {self.mount.rstrip('/')}/{_shown(self.path)}"


class RemoveCgroup(Operation):
    """Removes the cgroup `path` below `mount`, what the payload made below it, and the parents made with it, if undo `undo` says so.

    A `scope` is left to systemd, which would not see its end otherwise.
    """

    stage: int = at.TEARDOWN
    mount: str
    path: str
    undo: int
    scope: bool = False

    def describe(self) -> str:
        """See the base."""
        verb = "let systemd remove" if self.scope else "remove"
        return f"{verb} the cgroup {self.mount.rstrip('/')}/{_shown(self.path)}"
