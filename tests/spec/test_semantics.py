"""The pre-flight: good documents pass, and no document of the right shape makes it stumble."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from contain import schema
from contain.diagnostics.table import RULES
from contain.document import parse
from contain.spec import defaults, semantics
from contain.spec.model import Origins, RunOptions, Spec

IDS = [{"containerID": 0, "hostID": 100_000, "size": 65536}]
EVERYTHING: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "process": {
        "terminal": True,
        "consoleSize": {"height": 20, "width": 80},
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [5]},
        "args": ["sh"],
        "env": ["A=1"],
        "cwd": "/srv",
        "capabilities": {
            "bounding": ["CAP_KILL"],
            "permitted": ["CAP_KILL"],
            "effective": ["CAP_KILL"],
            "inheritable": ["CAP_KILL"],
            "ambient": ["CAP_KILL"],
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 10}],
        "noNewPrivileges": True,
        "apparmorProfile": "web",
        "oomScoreAdj": 100,
        "scheduler": {"policy": "SCHED_BATCH", "nice": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
        "selinuxLabel": "u:r:t:s0",
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3},
        "execCPUAffinity": {"initial": "0", "final": "0"},
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "domainname": "example",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
        {
            "destination": "/data",
            "type": "bind",
            "source": "/srv",
            "options": ["rbind", "ro", "idmap"],
            "uidMappings": IDS,
            "gidMappings": IDS,
        },
        {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["uid=5", "gid=5"]},
    ],
    "hooks": {"prestart": [{"path": "/bin/a", "args": ["a"], "env": ["A=1"], "timeout": 3}], "poststop": [{"path": "/bin/b"}]},
    "annotations": {"org.example.key": "value"},
    "linux": {
        "namespaces": [{"type": kind} for kind in ("user", "pid", "network", "ipc", "uts", "mount", "cgroup", "time")],
        "uidMappings": IDS,
        "gidMappings": IDS,
        "timeOffsets": {"boottime": {"secs": 5, "nanosecs": 5}},
        "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}],
        "netDevices": {"eth0": {"name": "lan"}},
        "cgroupsPath": "/box",
        "resources": {
            "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}],
            "memory": {"limit": 1000, "reservation": 500, "swap": 2000, "swappiness": 10},
            "cpu": {"shares": 512, "quota": 5000, "period": 10000, "burst": 100, "cpus": "0-1", "mems": "0", "idle": 0},
            "pids": {"limit": 10},
            "blockIO": {"weight": 100, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 100}]},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 5}],
            "unified": {"memory.high": "100"},
            "network": {"classID": 5, "priorities": [{"name": "lan", "priority": 5}]},
            "rdma": {"mlx5_1": {"hcaHandles": 3}},
        },
        "intelRdt": {"closID": "one", "l3CacheSchema": "L3:0=1"},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
        "rootfsPropagation": "slave",
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent",
            "listenerMetadata": "x",
            "syscalls": [
                {
                    "names": ["read"],
                    "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}],
                },
                {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"},
                {"names": ["execve", "sendmsg", "recvmsg"], "action": "SCMP_ACT_ALLOW"},
            ],
        },
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "mountLabel": "u:r:t:s0",
        "personality": {"domain": "LINUX"},
        "sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "1", "fs/mqueue/msg_max": "5"},
    },
}
#: what a mutation puts in the place of a value
VALUES: tuple[Any, ...] = (
    0,
    -1,
    1 << 40,
    1.5,
    "",
    "x",
    "../x",
    "/x",
    "a\0b",
    [],
    {},
    None,
    True,
    ["x"],
    {"x": "y"},
    [0],
    "SCMP_ACT_NOTIFY",
    "user",
    "CAP_KILL",
)


def spec_of(config: dict[str, Any]) -> Spec:
    """The spec of a document, as sources.oci makes it."""
    document = parse(json.dumps(config).encode(), "config.json")
    assert isinstance(document.value, dict)
    value: dict[str, Any] = document.value
    defaults.drop_nulls(value)
    return Spec(defaults.fill(value), kind="oci", bundle="/b", root="/b/rootfs", origins=Origins(document), run=RunOptions())


def test_everything_passes() -> None:
    """A document with every section, all of it meant well."""
    assert schema.validate("runtime-config", EVERYTHING) == []
    assert semantics.check(spec_of(EVERYTHING)) == []


def parents(value: Any) -> list[Any]:
    """Every object and list of a document that is not empty."""
    found = [value] if value else []
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, (dict, list)):
            found += parents(member)
    return found


def mutated(chance: random.Random, base: dict[str, Any] = EVERYTHING) -> dict[str, Any]:
    """The document with one to three values removed, replaced or doubled."""
    config = copy.deepcopy(base)
    for _ in range(chance.randint(1, 3)):
        parent = chance.choice(parents(config))
        key = chance.choice(list(parent)) if isinstance(parent, dict) else chance.randrange(len(parent))
        what = chance.random()
        if what < 0.3:
            del parent[key]
        elif what < 0.4 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[key] = chance.choice(VALUES)
    return config


@pytest.mark.parametrize("seed", range(4))
def test_right_shape_never_stumbles(seed: int) -> None:
    """Whatever the schema lets through is checked without an exception but our own, and each finding has a place and a remedy."""
    chance, passed = random.Random(seed), 0
    for _ in range(500):
        config = mutated(chance)
        if schema.validate("runtime-config", config):
            continue
        passed += 1
        spec = spec_of(config)
        for finding in semantics.check(spec):
            assert finding.message
            assert finding.id in RULES
            assert finding.remedy or not finding.error
            assert spec.origins.place(finding.pointer).startswith("config.json:1:")
    assert passed > 50


def test_warnings_have_places() -> None:
    """What can be run but hardly as it is meant is said with its place."""
    config = copy.deepcopy(EVERYTHING)
    config["ociVersion"] = "1.9.0"
    config["process"]["capabilities"]["bounding"].append("CAP_OF_TOMORROW")
    spec = spec_of(config)
    semantics.require(spec)
    assert len(spec.warnings) == 2
    assert all(text.startswith("config.json:1:") for text in spec.warnings)
