"""What this runtime supports, as the runtime specification's features document has it: of the program, not of this host."""

from __future__ import annotations

from contain.linux import CAPABILITIES
from contain.plan.compile.cgroup_systemd import ANNOTATION
from contain.plan.compile.options import known_words
from contain.plan.compile.scheduling import MEMORY_FLAGS, MEMORY_MODES
from contain.plan.compile.security import KEEP_GROUPS
from contain.plan.seccomp.bpf import ABIS
from contain.plan.seccomp.compiler import ACTIONS, FLAGS, OPERATORS
from contain.spec.presets import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
#: The kinds as the specification lists them.
NAMESPACES = ("cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts")


def features(version: str) -> dict[str, Any]:
    """The document; `version` is contain's own."""
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": list(HOOKS),
        "mountOptions": known_words(),
        "linux": {
            "namespaces": list(NAMESPACES),
            "capabilities": list(CAPABILITIES),
            "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": True, "rdma": True},
            "seccomp": {
                "enabled": True,
                "actions": sorted(ACTIONS),
                "operators": sorted(OPERATORS),
                "archs": sorted(ABIS),
                "knownFlags": sorted(FLAGS),
                "supportedFlags": sorted(FLAGS),
            },
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
            "memoryPolicy": {"modes": sorted(MEMORY_MODES), "flags": sorted(MEMORY_FLAGS)},
            "mountExtensions": {"idmap": {"enabled": True}},
            "netDevices": {"enabled": True},
        },
        "potentiallyUnsafeConfigAnnotations": [ANNOTATION, KEEP_GROUPS],
        "annotations": {"org.contain.version": version},
    }
