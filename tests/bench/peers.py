"""The peers' command lines for the same job: /bin/true in all namespaces that each can make."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup", "user")
V2_VIEW = ["unshare", "-m", "sh", "-c", 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"', "sh"]


def bundle(folder: Path, rootfs: Path, *, limits: bool, args: Sequence[str] = ("/bin/true",)) -> Path:
    """An OCI bundle that both runc and crun take, on the given rootfs."""
    folder.mkdir(parents=True)
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    config = json.loads((folder / "config.json").read_text())
    config["root"] = {"path": str(rootfs), "readonly": True}
    config["process"]["terminal"] = False
    config["process"]["args"] = list(args)
    linux = config["linux"]
    linux["namespaces"] = [{"type": kind} for kind in NAMESPACES]
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    linux["resources"] = {"pids": {"limit": 64}, "memory": {"limit": 64 << 20}} if limits else {}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def bubblewrap(rootfs: Path) -> list[str]:
    """bwrap with every namespace it knows."""
    words = ["bwrap", "--unshare-all", "--ro-bind", str(rootfs), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    return [*words, "--die-with-parent", "/bin/true"]


def nspawn(rootfs: Path) -> list[str]:
    """systemd-nspawn as far as it runs without systemd."""
    return [
        "systemd-nspawn",
        "-q",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "-U",
        "--read-only",
        "-D",
        str(rootfs),
        "/bin/true",
    ]
