"""Mounts that nobody means to make, and places that hide where they are."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.live.conftest import NAMESPACES, shell
from tests.live.test_mounts import TMPFS, with_mount

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


@pytest.mark.any_kernel
def test_a_read_only_dev(run_spec):
    """It is filled first: with its devices, links and what is mounted below it (Podman's --read-only-tmpfs=false)."""
    config = shell("touch /dev/new; echo nothing > /dev/null && ls -d /dev/fd /dev/pts/ptmx; touch /dev/shm/new && echo written")
    next(row for row in config["mounts"] if row["destination"] == "/dev")["options"].append("ro")
    done = run_spec(config)
    assert done.out.split() == ["/dev/fd", "/dev/pts/ptmx", "written"]
    assert "/dev/new: Read-only file system" in done.err


@pytest.mark.any_kernel
@pytest.mark.parametrize("options", [["ro"], ["ro", "tmpcopyup"], ["ro", "iversion"]])
def test_a_read_only_tmpfs(run_spec, rootfs, options):
    """It takes mode and files first, and cannot be written then."""
    os.mkdir(f"{rootfs}/data")
    os.chmod(f"{rootfs}/data", 0o2750)
    with open(f"{rootfs}/data/file", "w", encoding="utf-8") as file:
        file.write("kept")
    done = run_spec(with_mount(shell("stat -c %a /data; ls /data; touch /data/new"), {**TMPFS, "options": options}))
    assert done.out.split() == ["2750", *(["file"] if "tmpcopyup" in options else [])]
    assert "Read-only file system" in done.err


def test_hidden_folders_without_a_sysfs(run_spec, rootfs):
    """They are an empty file system of their own then; with one they are a place of it in which nothing can be made."""
    os.mkdir(f"{rootfs}/secret")
    with open(f"{rootfs}/secret/key", "w", encoding="utf-8") as file:
        file.write("key")
    script = shell(
        "ls -A /secret; mkdir /secret/new; grep -c ' /secret ro,.* - tmpfs' /proc/self/mountinfo", linux={"maskedPaths": ["/secret"]}
    )
    script["mounts"] = [row for row in script["mounts"] if row["destination"] != "/sys"]
    done = run_spec(script)
    assert done.out == "1\n"
    assert "Read-only file system" in done.err
