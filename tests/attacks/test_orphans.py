"""A container without a pid namespace and without a cgroup, whose monitor is killed: who has left his parents is found by his user namespace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.conftest import RUNNER, config_of
from tests.live.launch import eventually, guardian_of
from tests.live.leaks import MARK, marked

if TYPE_CHECKING:
    from tests.conftest import User

pytestmark = [pytest.mark.live]


class Container:
    """A user's, of a bundle that names no pid namespace; no cgroup is his."""

    def __init__(self, user: User, root: str, mark: str, **maps: Any) -> None:
        """Starts it, and waits until its processes have hidden themselves."""
        config = config_of("/payload", "scatter")
        config["process"]["env"].append(f"{MARK}={mark}")
        allowed = ["CAP_SETFCAP"]  # who maps the uid 0 of a user namespace into the next one needs it
        config["process"]["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), allowed)
        config["linux"]["resources"] = {}
        config["linux"].update(maps)
        kept = [row for row in config["linux"]["namespaces"] if row["type"] not in {"pid", "user"}]
        config["linux"]["namespaces"] = [*kept, {"type": "user"}]
        run = {"name": mark, "state_root": f"{user.runtime}/orphans", "cgroup_manager": "disabled"}
        job = {"config": config, "bundle": "/", "root": root, "kind": "oci", "trace": False, "run": run}
        options = user.options()
        options["env"] = {**options["env"], MARK: mark}
        self.process = subprocess.Popen([user.python, "-c", RUNNER, json.dumps(job)], stdout=subprocess.PIPE, text=True, **options)
        assert self.process.stdout
        assert self.process.stdout.readline() == "scattered\n"

    def end(self) -> None:
        """The orderly way."""
        self.process.terminate()
        self.process.kill()
        assert self.process.stdout
        self.process.stdout.close()
        self.process.wait(60)


def user_namespaces(mark: str) -> set[str]:
    """Those in which marked processes are, but for ours."""
    found = set()
    for pid in marked(mark):
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/user"))
        except OSError:
            continue
    return found - {os.readlink("/proc/self/ns/user")}


@pytest.mark.parametrize("ranges", [False, True], ids=["one id", "ranges of ids"])
def test_all_are_found_and_nobody_else(user: User, user_rootfs: str, payload: str, ranges: bool) -> None:
    """Forked twice, in sessions and user namespaces of their own, not dumpable, without a first thread: all die; the user's others live on."""
    shutil.copy(payload, f"{user_rootfs}/payload")
    os.chmod(f"{user_rootfs}/payload", 0o755)
    maps: dict[str, Any] = {}
    if ranges:
        if shutil.which("newuidmap") is None:
            pytest.skip("no newuidmap")
        with open("/etc/subuid", encoding="utf-8") as file:
            first = next(int(line.split(":")[1]) for line in file if line.startswith(f"{user.name}:"))
        rows = [{"containerID": 0, "hostID": user.uid, "size": 1}, {"containerID": 1, "hostID": first, "size": 1000}]
        maps = {"uidMappings": rows, "gidMappings": [{**rows[0], "hostID": user.gid}, rows[1]]}
    mark = f"orphans-{os.getpid()}-{ranges}"
    options = {**user.options(), "stdin": subprocess.DEVNULL}
    others = [
        subprocess.Popen(["sleep", "1000"], **options),
        subprocess.Popen(["unshare", "--user", "--map-root-user", "sleep", "1000"], **options),
    ]
    neighbour = Container(user, user_rootfs, f"{mark}-neighbour", **maps)
    try:
        there = len(marked(f"{mark}-neighbour"))
        container = Container(user, user_rootfs, mark, **maps)
        assert len(user_namespaces(mark)) >= 4
        guardian = os.pidfd_open(guardian_of(container.process.pid))
        container.process.kill()
        container.process.wait()
        eventually(lambda: not marked(mark), f"no process of {mark}: {marked(mark)}")
        assert [one.poll() for one in (*others, neighbour.process)] == [None, None, None]
        assert len(marked(f"{mark}-neighbour")) >= there - 3  # those that only pass by come and go
        assert len(user_namespaces(f"{mark}-neighbour")) >= 4
        eventually(lambda: os.listdir(f"{user.runtime}/orphans") == [f"{mark}-neighbour"], "no state folder")
        os.close(guardian)
        assert container.process.stdout
        container.process.stdout.close()
    finally:
        neighbour.end()
        for one in others:
            one.kill()
            one.wait()
    eventually(lambda: not marked(f"{mark}-neighbour"), "no process of the neighbour")
