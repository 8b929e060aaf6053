"""The operations, a module a family. The order of FAMILIES and of the classes in them gives the numbers of the encoding."""

from __future__ import annotations

FAMILIES = (
    "namespaces",
    "rootfs",
    "mounts",
    "devices",
    "cgroup",
    "process",
    "security",
    "state",
    "supervise",
    "terminal",
    "hooks",
    "lifecycle",
    "network",
)
