"""Settings of the kernel that reach beyond the container's namespaces: by a path that climbs, and by a namespace that is the host's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.live.conftest import config_of
from tests.live.launch import Running, plan_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]


def value(path: str) -> str:
    """What the host has."""
    with open(f"/proc/sys/{path}", encoding="ascii") as file:
        return file.read().strip()


@pytest.mark.parametrize("climb", ["net/../vm/swappiness", "net/./../vm/swappiness", "net//../vm/swappiness", "/vm/swappiness"])
def test_launcher_climbs_nowhere(busybox: str, launcher: str, climb: str) -> None:
    """Whoever wrote the plan, and whoever did not check it: no component leads up (the value is the one that is there already)."""
    plan = plan_of(config_of(linux={"sysctl": {climb: value("vm/swappiness")}}), busybox)
    with Running(plan) as run:
        code, _, err = run.end()
    assert code == 125
    assert f"cannot set sysctl {climb} to " in err


@pytest.mark.parametrize(
    ("kind", "file", "name"),
    [("network", "net", "net.ipv4.ip_forward"), ("ipc", "ipc", "kernel.shmmni"), ("uts", "uts", "kernel.domainname")],
)
def test_namespaces_of_the_host_joined_by_path(
    make_bundle: Callable[..., str], contain: Callable[..., subprocess.CompletedProcess[str]], kind: str, file: str, name: str
) -> None:
    """A path may name the host's own namespace: then it is none of the container's, and its settings stay."""

    def change(config: dict[str, Any]) -> None:
        rows = [row for row in config["linux"]["namespaces"] if row["type"] != kind]
        config["linux"]["namespaces"] = [*rows, {"type": kind, "path": f"/proc/self/ns/{file}"}]
        config["linux"]["sysctl"] = {name: value(name.replace(".", "/"))}
        if kind == "uts":
            del config["hostname"]

    done = contain("run", make_bundle(change=change))
    first = f": linux.namespaces[5]: cannot open the {kind} namespace /proc/self/ns/{file}: it is the host's, which a sysctl would change"
    assert (done.returncode, first in done.stderr) == (125, True), done.stderr
    assert "remedy: " in done.stderr
