"""What the kernel of this host has."""

from __future__ import annotations

import posix

from contain import paths
from contain.kernel import namespaces
from contain.kernel.files import text, word

#: The sysctls that change a plan.
DECISIVE = ("kernel.apparmor_restrict_unprivileged_userns", "kernel.unprivileged_userns_clone", "user.max_user_namespaces")
#: The sysctls that change what a run may do.
SYSCTLS = (
    *DECISIVE,
    "kernel.apparmor_restrict_unprivileged_unconfined",
    "kernel.io_uring_disabled",
    "user.max_cgroup_namespaces",
    "user.max_ipc_namespaces",
    "user.max_mnt_namespaces",
    "user.max_net_namespaces",
    "user.max_pid_namespaces",
    "user.max_time_namespaces",
    "user.max_uts_namespaces",
    "vm.memfd_noexec",
)

#: File system type → first kernel that can show it idmapped (FS_ALLOW_IDMAP), and those that allow nobody else to.
_IDMAP = {
    "bcachefs": (6, 7),
    "btrfs": (5, 15),
    "ceph": (6, 7),
    "erofs": (5, 19),
    "ext2": (5, 12),
    "ext3": (5, 12),
    "ext4": (5, 12),
    "f2fs": (5, 18),
    "hugetlbfs": (6, 9),
    "ntfs3": (5, 15),
    "squashfs": (6, 2),
    "tmpfs": (6, 3),
    "vfat": (5, 12),
    "xfs": (5, 12),
    "zfs": (5, 12),
}


def version(release: str) -> tuple[int, int]:
    """The first two numbers of a kernel release; (0, 0) when it has none."""
    numbers = []
    for part in release.split(".")[:2]:
        digits = ""
        for char in part:
            if not char.isdigit():
                break
            digits += char
        if not digits:
            return 0, 0
        numbers.append(int(digits))
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


def idmap(kernel: tuple[int, int]) -> list[str]:
    """File system types that this kernel can show idmapped."""
    return [name for name, first in _IDMAP.items() if kernel >= first]


def sysctls(*, thorough: bool = True) -> dict[str, str]:
    """Those of SYSCTLS that exist here; else of the DECISIVE ones."""
    found = {name: word(f"/proc/sys/{name.replace('.', '/')}") for name in (SYSCTLS if thorough else DECISIVE)}
    return {name: value for name, value in found.items() if value}


def kinds() -> list[str]:
    """Namespaces that the kernel has, by their OCI names."""
    return sorted(namespaces.KINDS[name] for name in namespaces.kinds())


def lsm() -> list[str]:
    """Active security modules; where securityfs is not to be read, those that leave other traces."""
    listed = word("/sys/kernel/security/lsm")
    if listed:
        return listed.split(",")
    traces = {"apparmor": "/sys/module/apparmor", "selinux": "/sys/fs/selinux/enforce", "smack": "/sys/fs/smackfs/load2"}
    found = [name for name, path in traces.items() if paths.exists(path)]
    if "apparmor" in found and word("/sys/module/apparmor/parameters/enabled") == "N":
        found.remove("apparmor")
    return found


def label() -> str:
    """Our own security label; "" without a module that gives one."""
    return word("/proc/self/attr/current").rstrip("\0")


def filesystems() -> list[str]:
    """The types that are loaded."""
    return sorted(line.split("\t")[-1] for line in text("/proc/filesystems").splitlines() if line)


def overlay(loaded: list[str], release: str) -> bool:
    """Whether overlayfs is there or would be loaded when it is first mounted."""
    return "overlay" in loaded or paths.exists(f"/lib/modules/{release}/kernel/fs/overlayfs")


def hugepages() -> list[str]:
    """Sizes as cgroup files name them: 2MB, 1GB."""
    try:
        names = posix.listdir("/sys/kernel/mm/hugepages")
    except OSError:
        return []
    return [_size(int(name[len("hugepages-") : -len("kB")])) for name in sorted(names)]


def _size(kib: int) -> str:
    for unit, factor in (("GB", 1 << 20), ("MB", 1 << 10)):
        if kib % factor == 0:
            return f"{kib // factor}{unit}"
    return f"{kib}KB"
