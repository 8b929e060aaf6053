"""The operations, a module a family. The order of FAMILIES and of the classes in them gives the numbers of the encoding."""

from __future__ import annotations

FAMILIES = (
    "namespaces",
    "joining",
    "rootfs",
    "layers",
    "mounts",
    "devices",
    "cgroup",
    "process",
    "scheduling",
    "security",
    "state",
    "notes",
    "supervise",
    "terminal",
    "hooks",
    "lifecycle",
    "lending",
    "network",
    "pool",
)
