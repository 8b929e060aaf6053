from __future__ import annotations

import pytest

from tests.live.conftest import shell

pytestmark = pytest.mark.live


@pytest.fixture(params=["root", "root with a user namespace", "ordinary user"])
def who(request, user):
    """The three ways in which a bundle is run: arguments for run_spec and for the configuration."""
    maps = [{"containerID": 0, "hostID": 0, "size": 65536}]
    if request.param == "root":
        return {}, {}
    if request.param == "ordinary user":
        return {"user": user}, {}
    return {}, {
        "user_namespace": True,
        "linux": {
            "uidMappings": maps,
            "gidMappings": maps,
            "namespaces": [{"type": kind} for kind in ("user", "pid", "mount", "network", "ipc", "uts", "cgroup")],
        },
    }


def test_the_usual_mounts_are_there(run_spec, who):
    """A bundle with the usual mounts runs in its own root, whoever runs it."""
    how, members = who
    done = run_spec(shell("cut -d' ' -f2,3 /proc/mounts; ls /; id -u", **members), **how)
    assert done.code == 0, done
    rows = done.out.splitlines()
    assert [row for row in ("/proc proc", "/dev tmpfs", "/dev/pts devpts", "/dev/shm tmpfs", "/sys sysfs") if row not in rows] == []
    assert "bin" in rows
    assert rows[-1] == "0"
