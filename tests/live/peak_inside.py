"""Whether what the set-up of a container used at its own peak (a hook's 32 MiB, in its cgroup) is in the peak of its program, which uses 1 MiB."""

from __future__ import annotations

import json
import sys

import contain

ROOTFS, USED = sys.argv[1:]
SPEC = {
    "ociVersion": "1.2.0",
    "process": {"cwd": "/", "args": ["/used"], "user": {"uid": 0, "gid": 0}},
    "root": {"path": ROOTFS},
    "mounts": [{"destination": "/used", "type": "bind", "source": USED, "options": ["bind", "ro"]}],
    "hooks": {"createContainer": [{"path": USED, "args": ["used", "anonymous", "32"]}]},
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
        "resources": {"memory": {"limit": 256 << 20}},
    },
}

found = contain.run(["/used", "anonymous", "1"], spec=SPEC, check=True)
print(json.dumps(found.usage.to_dict()))
