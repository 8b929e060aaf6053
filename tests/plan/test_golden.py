"""What differs on other people's machines: each saved host's plan beside that of a root on pure cgroup v2, line by line, as committed.

What all machines have in common is no part of it. After a change that is meant: `CONTAIN_WRITE=1 .venv/bin/pytest tests/plan/test_golden.py`,
and read the difference that git shows.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

import pytest

from contain.errors import ContainError
from contain.plan import explain
from contain.plan.compile import compile_run
from contain.spec import semantics, sources
from contain.spec.options import Options
from tests.plan.test_machines import HOSTS, MACHINES, host_of

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = "v2-root"
LIMITS = {"memory": 64 << 20, "cpus": 0.5, "allow_missing": ["memory", "cpu", "swap"]}
RUNS = {
    "rootfs": ("rootfs", {**LIMITS, "volume": ["./rootfs:/src:ro"], "tmpfs": ["/scratch"], "hostname": "box", "ulimit": ["nofile=64"]}),
    "host": ("", {"network": "host", "workspace": "ro"}),
    "privileged": ("rootfs", {"privileged": True, "userns": "keep-id"}),
}


def lines(machine: str, run: str, folder: Path) -> list[str]:
    """The plan, or the refusal, and the warnings."""
    (folder / "rootfs").mkdir(exist_ok=True)
    target, given = RUNS[run]
    spec = sources.read(target, Options(cwd=str(folder), environ={"HOME": "/home/me", "PATH": "/bin"}, command=["true"], **given))
    semantics.require(spec)
    try:
        text = explain.human(compile_run(spec, host_of(machine)))
    except ContainError as refusal:
        text = "\n".join(["refused", *refusal.lines()])
    text += "".join(f"\nwarning: {warning}" for warning in spec.warnings)
    # the columns are as wide as the folder's name makes them
    return [" ".join(line.split()) for line in text.replace(str(folder), "HERE").splitlines()]


def difference(machine: str, folder: Path) -> str:
    """What this machine's plans have that the reference's have not, and the other way round."""
    found = []
    for run in RUNS:
        mine = lines(machine, run, folder)
        whole = [] if mine[0] == "refused" else lines(REFERENCE, run, folder)
        rows = difflib.unified_diff(whole, mine, lineterm="", n=0)
        found += [run, *(f"  {row}" for row in list(rows)[2:] if not row.startswith("@@")), ""]
    return "\n".join(found)


@pytest.mark.parametrize("machine", [name for name in MACHINES if name != REFERENCE])
def test_difference(machine: str, tmp_path: Path) -> None:
    """As committed."""
    path = f"{HOSTS}/plans/{machine}.txt"
    found = difference(machine, tmp_path)
    if os.environ.get("CONTAIN_WRITE") == "1":
        with open(path, "w", encoding="utf-8") as file:
            file.write(found)
    with open(path, encoding="utf-8") as file:
        assert found == file.read()


def test_what_matters() -> None:
    """The committed differences say what a reader would look for."""
    texts = {}
    for machine in MACHINES:
        if machine != REFERENCE:
            with open(f"{HOSTS}/plans/{machine}.txt", encoding="utf-8") as file:
                texts[machine] = file.read()
    assert "+put the process into the cgroup" in texts["hybrid-root"]
    assert "+set memory.limit_in_bytes of the cgroup to 67108864" in texts["hybrid-root"]
    assert "+warning: <command line>:--memory: memory.limit cannot be set" in texts["hybrid-rootless"]
    assert "+limit processes and threads to 2048, by RLIMIT_NPROC" in texts["hybrid-rootless"]
    assert "-show HERE/rootfs idmapped by the container's user namespace" in texts["v2-rootless-delegated"]
    assert "memory.max" not in texts["v2-rootless-delegated"].split("host\n")[0]  # its limits are those of the reference
    assert "+refused" in texts["in-docker"]
