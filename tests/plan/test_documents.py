"""From any document of the right shape to a plan, or to an error that says where: never to anything else."""

from __future__ import annotations

import copy
import json
import os
import random
from typing import Any

import pytest

from contain import schema
from contain.document import parse
from contain.errors import ContainError
from contain.host.model import Host
from contain.plan import explain
from contain.plan.compile import compile_run
from contain.plan.encode import MAGIC, encode
from contain.spec import semantics
from tests.spec.test_semantics import EVERYTHING, mutated, spec_of

HOSTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts")


def usual() -> dict[str, Any]:
    """The document with every section, less what only some machines have."""
    config = copy.deepcopy(EVERYTHING)
    process, linux = config["process"], config["linux"]
    for parent, keys in (
        (process, ("selinuxLabel", "apparmorProfile", "terminal")),
        (linux, ("mountLabel", "intelRdt", "netDevices", "seccomp")),
        (linux["resources"], ("unified", "rdma")),
        (config["mounts"][1], ("uidMappings", "gidMappings")),
    ):
        for key in keys:
            del parent[key]
    config["mounts"][1]["options"] = ["rbind", "ro"]
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
    return config


@pytest.mark.parametrize("machine", ["v2-root", "hybrid-root", "v2-rootless-delegated"])
def test_plan_or_error(machine: str) -> None:
    """Three hundred documents, each changed in up to three places."""
    with open(f"{HOSTS}/{machine}.json", encoding="utf-8") as file:
        host = Host.from_json(json.load(file))
    chance, plans = random.Random(7), 0
    refused: list[ContainError] = []
    for _ in range(300):
        config = mutated(chance, usual())
        if schema.check("runtime-config", parse(json.dumps(config).encode(), "config.json")):
            continue
        spec = spec_of(config)
        try:
            semantics.require(spec)
            plan = compile_run(spec, host)
            data, text = encode(plan), explain.human(plan)
        except ContainError as error:
            refused.append(error)
            continue
        plans += 1
        assert data.startswith(MAGIC)
        assert text.splitlines()[-1] == f"{len(plan.operations)} operations"
    assert plans > 20
    assert [error.lines() for error in refused if not error.place.startswith("config.json:1:") or not error.remedy] == []
