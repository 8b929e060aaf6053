"""Mounts that nobody means to make, and places that hide where they are."""

from __future__ import annotations

import subprocess

import pytest

from tests.live.conftest import NAMESPACES, shell

pytestmark = pytest.mark.live


@pytest.mark.any_kernel
def test_a_mount_on_the_root_itself_becomes_the_root(run_spec, rootfs, tmp_path):
    """A manifest may mount over / first: everything else then happens in there, and nothing of the covered root is left."""
    subprocess.run(["cp", "-a", rootfs, str(tmp_path / "other")], check=True)
    (tmp_path / "other/other").write_text("")
    config = shell("ls /other /dev/null; stat -c %d:%i / /..; cut -d' ' -f5 /proc/self/mountinfo | grep -cx /")
    config["mounts"].insert(0, {"destination": "/", "source": str(tmp_path / "other"), "options": ["rbind"]})
    rows = run_spec(config).out.splitlines()
    assert rows[:2] == ["/dev/null", "/other"]
    assert (rows[2], rows[4]) == (rows[3], "1")


@pytest.mark.any_kernel
def test_masks_hold_without_standard_streams(run_spec):
    """A caller that has closed its input gets the same masks: no descriptor number has a meaning."""
    config = shell("cat /etc/passwd; touch /etc/new && echo written", linux={"namespaces": [{"type": one} for one in NAMESPACES]})
    config["linux"] |= {"maskedPaths": ["/etc/passwd"], "readonlyPaths": ["/etc"]}
    done = run_spec(config, within=["sh", "-c", 'exec "$@" <&-', "sh"])
    assert (done.out, "Read-only file system" in done.err) == ("", True), done
