"""What rules of advice share: lists of paths, sets of capabilities, and how to read a mount."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from contain.linter.reading import entries, get, has_namespace, once, once_each
from contain.linter.rules.runtime.facts import for_linux, mounts
from contain.linter.unknown import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKETS = (
    "docker.sock", "containerd.sock", "crio.sock", "podman.sock", "buildkitd.sock", "system_bus_socket", "dockershim.sock", "cri-dockerd.sock",
    "containerd.sock.ttrpc", "balena.sock",
)  # fmt: skip
#: host folders that hold what others must not read or change
SENSITIVE = frozenset(
    (
        "/",
        "/etc",
        "/proc",
        "/sys",
        "/dev",
        "/boot",
        "/root",
        "/home",
        "/run",
        "/var/run",
        "/var/lib/docker",
        "/var/lib/containers",
        "/var/lib/kubelet",
    )
)
#: what engines put beside a container's folder and mount into it themselves
_ENGINE_FILES = ("resolv.conf", "hostname", "hosts", "shm", ".containerenv", "secrets")
_ENGINE_FOLDERS = ("/containers/", "/overlay-containers/", "/sandboxes/", "/io.containerd")
ALL_ESCAPES = (
    "SYS_MODULE SYS_RAWIO SYS_PTRACE SYS_BOOT SYS_TIME DAC_READ_SEARCH MAC_ADMIN MAC_OVERRIDE SYSLOG BPF PERFMON CHECKPOINT_RESTORE"
)
ESCAPES = frozenset(f"CAP_{name}" for name in ALL_ESCAPES.split())
STRONG = frozenset(f"CAP_{name}" for name in ("NET_ADMIN", "NET_RAW", "MKNOD", "AUDIT_CONTROL", "SETFCAP", "SETPCAP"))


@lru_cache(maxsize=4096)
def normal(path: str) -> str:
    """A path without what means nothing; remembered, since many rules ask about each mount."""
    return posixpath.normpath(path)


@once
def capabilities(config: Any) -> dict[str, str]:
    """Each capability that the process may come to have, with the pointer of its first mention."""
    found: dict[str, str] = {}
    sets = {name: (pointer, items) for pointer, name, items in entries(config, "process", "capabilities") if items is not UNKNOWN}
    for name in ("bounding", "permitted", "effective", "inheritable", "ambient"):
        pointer, items = sets.get(name, ("", ()))
        for index, text in enumerate(items if items.__class__ is list else ()):
            if text is not UNKNOWN and text not in found:
                found[text] = f"{pointer}/{index}"
    return found


@once_each
def binds(config: Any) -> Iterator[tuple[str, Any, str, bool]]:
    """Pointer, mount, source and whether it can be written, of every bind mount of an absolute path."""
    for pointer, mount in mounts(config):
        source = mount.get("source") or ""
        if source[:1] == "/":
            options = mount.get("options") or ()
            if mount.get("type") == "bind" or "bind" in options or "rbind" in options:
                yield pointer, mount, normal(source), "ro" not in options and "rro" not in options


def engine_file(source: str) -> bool:
    """Whether it is a file that an engine made for this container."""
    return source.rpartition("/")[2] in _ENGINE_FILES and any(folder in source + "/" for folder in _ENGINE_FOLDERS)


@once
def rootless(config: Any) -> bool:
    """Whether an ordinary user's engine wrote it: what it made for the container stands below that user's folders.

    All of that engine is in a user namespace, which the documents of rootless Podman, Docker and nerdctl do not name.
    """
    return any(engine_file(source) and _of_user(source) for _, _, source, _ in binds(config))


def _of_user(source: str) -> bool:
    if source.startswith("/run/user/"):
        return source.split("/")[3] != "0"
    return "/.local/share/" in source and not source.startswith("/root/")


def in_user_namespace(config: Any) -> bool:
    """Whether root inside is not root of the host, as far as a document can show it."""
    return has_namespace(config, "user") or rootless(config)


def is_root(config: Any) -> bool:
    """Whether the process is user 0."""
    return not get(config, "process", "user", "uid")


def linux(config: Any) -> bool:
    """Whether the document is for Linux."""
    return for_linux(config)
