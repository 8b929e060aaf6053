"""Sound base documents, into which the examples of rules are merged (RFC 7386: null removes a member)."""

from __future__ import annotations

import copy
from typing import Any

_DIGEST = f"sha256:{'a' * 64}"
BASES: dict[str, Any] = {
    "runtime-config": {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666"],
            },
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
            },
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    },
    "runtime-state": {"ociVersion": "1.0.2", "id": "box", "status": "running", "pid": 4422, "bundle": "/run/box"},
    "runtime-process-state": {
        "ociVersion": "1.0.2",
        "fds": ["seccompFd"],
        "pid": 4422,
        "state": {"ociVersion": "1.0.2", "id": "box", "status": "creating", "bundle": "/run/box"},
    },
    "runtime-features": {"ociVersionMin": "1.0.0", "ociVersionMax": "1.3.0"},
    "image-descriptor": {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": _DIGEST, "size": 7},
    "image-index": {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []},
    "image-manifest": {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": _DIGEST, "size": 7},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": _DIGEST, "size": 7}],
    },
    "image-config": {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["sh"], "User": "1000"},
        "rootfs": {"type": "layers", "diff_ids": [_DIGEST]},
    },
    "image-layout": {"imageLayoutVersion": "1.0.0"},
    "docker-archive": [{"Config": "a.json", "RepoTags": ["box:1"], "Layers": ["a/layer.tar"]}],
    "appc-image": {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/box"},
    "appc-pod": {"acKind": "PodManifest", "acVersion": "0.8.11", "apps": [{"name": "web", "image": {"id": f"sha512-{'0' * 128}"}}]},
}
#: the kind whose base takes the examples of rules for every kind
DEFAULT = "runtime-config"


def merged(base: Any, patch: Any) -> Any:
    """A merge patch applied."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def document(kind: str, patch: Any) -> Any:
    """An example of a kind as a whole document."""
    return merged(BASES[DEFAULT if kind == "*" else kind], patch)
