"""Host: everything that compile may know about the machine, gathered once by probe() and handed over as a value.

Saved hosts (tests/hosts/*.json) are other people's machines: a plan for them needs neither root nor their kernel.
"""

from __future__ import annotations

from contain.kernel.mounts import covering
from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.host.paths import Device, Entry, Source
    from contain.kernel.idmaps import IdMap, Range
    from contain.kernel.mounts import Mount


class CgroupLayout(Record):
    """Which cgroup hierarchies there are, where each controller is mounted, where we are and where we may make cgroups.

    A controller is named as the kernel has it (`memory`, `pids`, `name=systemd`); "" is the unified hierarchy itself.
    Folders are absolute paths of the host. Limits of a new cgroup can be had for `controllers`; `folder(controller)` says
    where to make it.
    """

    mode: str  # "v2" (only cgroup2), "v1" (no cgroup2), "hybrid" (both), "none" (nothing mounted)
    unified: str = ""  # where cgroup2 is mounted
    hierarchies: dict[str, str] = {}  # v1 controller → where it is mounted; several may share one (cpu,cpuacct)
    own: dict[str, str] = {}  # controller → our path, as /proc/self/cgroup says
    here: dict[str, str] = {}  # controller → our own folder; missing when the mount does not show it
    base: dict[str, str] = {}  # controller → nearest folder in which we may make a cgroup; missing when we may not
    available: list[str] = []  # v2: cgroup.controllers of the base
    enabled: list[str] = []  # v2: cgroup.subtree_control of the base
    controllers: list[str] = []  # whose limits a new cgroup would have: v1 ones with a base, v2 ones enabled or to be enabled
    delegated: bool = False  # whether a cgroup with at least one controller can be made
    busy: bool = False  # v2: processes sit directly in the base, so nothing more can be enabled (no-internal-process rule)
    real_root: bool = False  # v2: the base is the host's root cgroup, which that rule spares
    kill: bool = False  # v2: cgroup.kill is there (5.14)
    nsdelegate: bool = False  # v2: mounted so that cgroup namespaces are borders of delegation
    swap: bool = True  # whether the kernel accounts swap by cgroup
    reason: str = ""  # why `delegated` is false or `controllers` poor, in words

    def mount(self, controller: str) -> str:
        """Where the hierarchy that holds `controller` is mounted ("" when none does); "" asks for the unified one."""
        return self.hierarchies.get(controller, "") if controller in self.hierarchies else self.unified

    def folder(self, controller: str) -> str:
        """The folder in which a cgroup with `controller` may be made; "" when there is none."""
        shared = "" if controller in self.hierarchies or controller not in self.controllers else self.base.get("", "")
        return self.base.get(controller, shared)

    def is_v2(self, controller: str) -> bool:
        """Whether `controller` is used through the unified hierarchy."""
        return controller not in self.hierarchies


class Userns(Record):
    """User namespaces and id maps: ours, and what we may make."""

    initial: bool = True  # we are in the host's own user namespace
    uid_map: list[IdMap] = []  # of our own user namespace
    gid_map: list[IdMap] = []
    setgroups: str = "allow"  # of our own user namespace
    limit: int | None = None  # user.max_user_namespaces
    unprivileged: bool = True  # kernel.unprivileged_userns_clone (Debian); true where the sysctl is unknown
    apparmor: bool = False  # kernel.apparmor_restrict_unprivileged_userns is on: made, but without capabilities, save by profile
    subuid: list[Range] = []  # of /etc/subuid for this user; root's are those of the name `contain`, else root's
    subgid: list[Range] = []
    free: int = 100000  # the first id that neither file gives to anybody
    newuidmap: str = ""  # path of the program; "" when it is missing
    newgidmap: str = ""


class Root(Record):
    """Facts about the root file system of the target; for the host view those of the host."""

    path: str = ""
    exists: bool = False
    error: str = ""  # errno's name when it could not be looked at
    passwd: str | None = None  # text of its /etc/passwd, links resolved inside it, 1 MiB at most; None when there is none
    group: str | None = None
    uid: int = 0  # owner of the folder
    gid: int = 0
    device: str = ""  # "major:minor"
    type: str = ""  # of the file system
    readonly: bool = False  # of its mount
    point: str = ""  # where that mount is
    shared: bool = False  # that mount is shared (propagates)
    mounts: list[str] = []  # mount points below it
    top: list[str] = []  # names of its top-level entries, sorted, 4096 at most


class Host(Record):
    """The machine, the user, and the target's facts on it."""

    # who we are
    uid: int
    gid: int
    euid: int
    egid: int
    groups: list[int] = []
    user: str = ""  # name of euid in the host's passwd; "" when it has none
    home: str = ""
    runtime: str = ""  # $XDG_RUNTIME_DIR; "" when there is none
    caps: frozenset[str] = frozenset()  # effective, as CAP_…
    bounding: frozenset[str] = frozenset()
    no_new_privs: bool = False
    last_cap: str = "CAP_CHECKPOINT_RESTORE"  # the last one that the kernel knows
    label: str = ""  # our own LSM label (/proc/self/attr/current)
    rlimits: dict[str, list[int]] = {}  # RLIMIT_… → [soft, hard]; -1 is unlimited
    oom_score_adj: int = 0
    # the machine
    kernel: tuple[int, int] = (0, 0)
    release: str = ""
    machine: str = ""  # x86_64, aarch64 …
    cgroup: CgroupLayout = CgroupLayout(mode="none")
    userns: Userns = Userns()
    namespaces: list[str] = []  # kinds that the kernel has, by their OCI names
    lsm: list[str] = []  # active: capability, apparmor, selinux …
    seccomp: list[str] = []  # actions that the kernel knows; empty without CONFIG_SECCOMP_FILTER
    seccomp_mode: int = 0  # of our own process: 2 when a filter is on us already
    filesystems: list[str] = []  # that the kernel has loaded
    overlay: bool = False
    idmap: list[str] = []  # file system types that the kernel can show idmapped
    sysctls: dict[str, str] = {}  # the few that change what we may do; a missing one does not exist here
    cpus: str = ""  # online, as a list: 0-3
    mems: str = ""  # NUMA nodes with memory
    hugepages: list[str] = []  # sizes: 2MB, 1GB
    resctrl: str = ""  # where it is mounted
    schemata: str = ""  # of the class of RDT that the target asks for, if it is there
    # the target
    root: Root = Root()
    sources: dict[str, Source] = {}  # by the path as it was asked for
    mounts: list[Mount] = []  # all mounts that we see
    top: list[Entry] = []  # host view only
    sockets: list[str] = []  # host view only: paths of bound unix sockets (/proc/net/unix), sorted
    devices: list[Device] = []  # when asked for

    def can(self, cap: str) -> bool:
        """Whether we hold a capability (CAP_…) in our own user namespace."""
        return cap in self.caps

    @property
    def privileged(self) -> bool:
        """Whether we may act as the host's root: CAP_SYS_ADMIN in the initial user namespace."""
        return self.userns.initial and "CAP_SYS_ADMIN" in self.caps

    def at_least(self, major: int, minor: int) -> bool:
        """Whether the kernel is as new as this."""
        return self.kernel >= (major, minor)

    def mount_of(self, path: str) -> Mount | None:
        """The mount that shows an absolute path without links."""
        return covering(self.mounts, path)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings; what equals its default is left out."""
        from contain.host.saved import plain

        ret: dict[str, Any] = plain(self)
        return ret

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Host:
        """The reverse of to_json(); an unknown field is a TypeError, a missing one has its default."""
        from contain.host.saved import built

        ret: Host = built(cls, data)
        return ret
