"""What a run without a bundle gets: safe by default (docs/design.md, "Defaults are safe"). Data only."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: what the document of a spec made by contain says about itself
OCI_VERSION = "1.3.0"

#: PATH of a run in a rootfs of its own (that of the appc specification, docker and podman)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: what passes from the caller's environment; all else needs -e (tokens, agents and displays live in there)
ENVIRONMENT = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ")
ENVIRONMENT_PREFIX = "LC_"

#: all of them; a time namespace costs nothing with clone3
NAMESPACES = ("user", "pid", "network", "ipc", "uts", "mount", "cgroup", "time")

PIDS_LIMIT = 2048
DISK = 1 << 30  # bytes of a throw-away layer when --disk is not given
TMP_SIZE = "size=50%"

#: docker's list (moby, oci/defaults.go), with /proc/kallsyms' neighbours left to the kernel's own checks
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

#: appc's default bounding set: what an app has when its manifest has no capability isolator
APPC_CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)

#: folders of the host that are shown empty in the host view
HIDDEN = ("/home", "/root", "/run", "/var/run", "/var/tmp", "/media", "/mnt")
#: the container's own, whatever the host has there
OWN = ("/proc", "/sys", "/dev")
#: folders of a home that are no working folders unless somebody says so
KEYS = (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store")
#: keys, shadow files and engines' data: hidden behind empty files and folders in the host view
HIDDEN_PATHS = (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/security/opasswd",
    "/etc/ssl/private",
    "/etc/pki/private",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_dsa_key",
    "/etc/krb5.keytab",
    "/etc/kubernetes",
    "/etc/rancher",
    "/etc/wireguard",
    "/etc/ppp",
    "/etc/ipsec.secrets",
    "/etc/ipsec.d/private",
    "/etc/NetworkManager/system-connections",
    "/etc/wpa_supplicant",
    "/etc/letsencrypt",
    "/etc/docker",
    "/etc/containers/auth.json",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/rancher",
    "/var/lib/etcd",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/lib/redis",
    "/var/lib/NetworkManager",
    "/var/lib/systemd/coredump",
    "/var/spool",
    "/var/mail",
    "/var/backups",
    "/var/log/auth.log",
    "/var/log/journal",
)


def mounts() -> list[dict[str, Any]]:
    """The default mounts: a fresh /proc, /dev, /sys and /tmp."""
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        },
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777", TMP_SIZE]},
    ]


def sandbox() -> dict[str, Any]:
    """A configuration with nothing allowed but to run: the base of a run without a bundle."""
    return {
        "ociVersion": OCI_VERSION,
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": [],
            "env": [],
            "cwd": "/",
            "capabilities": {"bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": []},
            "noNewPrivileges": True,
        },
        "root": {"path": "", "readonly": False},
        "hostname": "contain",
        "mounts": mounts(),
        "hooks": {},
        "annotations": {},
        "linux": {
            "namespaces": [{"type": kind} for kind in NAMESPACES],
            "resources": {"pids": {"limit": PIDS_LIMIT}},
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READONLY),
        },
    }


def bound_tmp(rows: list[dict[str, Any]], size: int) -> None:
    """What can be written to the default /tmp is as much as `size` bytes."""
    for row in rows:
        if row["destination"] == "/tmp":
            row["options"] = [f"size={size}" if word.startswith("size=") else word for word in row["options"]]


def environment(environ: dict[str, str]) -> list[str]:
    """What passes of the caller's environment; not LC_CTYPE as Python itself sets it in the locale C (PEP 538)."""
    plain = environ.get("LC_ALL", "") == "" and environ.get("LANG", "") in ("", "C", "POSIX")
    coerced = plain and environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8")
    passed = [name for name in sorted(environ) if name in ENVIRONMENT or name.startswith(ENVIRONMENT_PREFIX)]
    return [f"{name}={environ[name]}" for name in passed if name != "LC_CTYPE" or not coerced]
