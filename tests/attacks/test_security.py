"""Attacks on labels and user look-ups: what a hostile root file system may show us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.live.conftest import TOP, config_of, shell

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

#: compiles for a host that says it had AppArmor, and runs
LABELLED = """
import json, os, sys
from contain.host.model import Host
from contain.host.probe import probe
from contain.launcher import spawn
from contain.plan.compile import compile_run
from contain.plan.encode import encode
from contain.plan.wanted import wanted
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
config, root = json.loads(sys.argv[1]), sys.argv[2]
spec = Spec(defaults.fill(config), kind="oci", bundle=os.path.dirname(root), root=root, run=RunOptions())
host = Host(**{**probe(wanted(spec)).values(), "lsm": ["apparmor"]})
spawn.execute(encode(compile_run(spec, host)))
"""


def labelled(root: str, config: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Runs with process.apparmorProfile."""
    config["process"]["apparmorProfile"] = "web"
    argv = [sys.executable, "-c", LABELLED, json.dumps(config), root]
    environment = {**os.environ, "PYTHONPATH": TOP}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environment, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("fake", ["folder", "link", "bind"])
def test_label_is_written_to_no_fake_proc(rootfs, launcher, fake) -> None:
    """CVE-2019-16884, CVE-2019-19921: what stands at /proc and is no procfs gets nothing written, and the program does not start unlabelled."""
    target = f"{rootfs}/fake/thread-self/attr/apparmor"
    os.makedirs(target)
    with open(f"{target}/exec", "w", encoding="utf-8") as file:
        file.write("untouched")
    config = shell("echo started")
    config["mounts"] = [row for row in config["mounts"] if row["destination"] != "/proc"]
    os.rmdir(f"{rootfs}/proc")
    if fake == "link":
        os.symlink("fake", f"{rootfs}/proc")
    elif fake == "folder":
        os.rename(f"{rootfs}/fake", f"{rootfs}/proc")
        target = target.replace("/fake/", "/proc/")
    else:
        os.mkdir(f"{rootfs}/proc")
        config["mounts"].append({"destination": "/proc", "type": "bind", "source": f"{rootfs}/fake", "options": ["bind"]})
    ran = labelled(rootfs, config)
    assert (ran.returncode, ran.stdout) == (125, ""), ran
    with open(f"{target}/exec", encoding="utf-8") as file:
        assert file.read() == "untouched"


def test_label_on_a_real_proc(rootfs, launcher) -> None:
    """A true procfs is written to; this kernel's answer (no AppArmor, or no such profile) stops the start, by name."""
    ran = labelled(rootfs, shell("echo started"))
    assert (ran.returncode, ran.stdout) == (125, ""), ran
    assert "cannot write the AppArmor label exec web to `/proc/thread-self/attr/apparmor/exec`" in ran.stderr


@pytest.mark.parametrize("file", ["passwd", "group"])
def test_user_files_are_read_inside_the_root(run_spec, rootfs, tmp_path, file) -> None:
    """A passwd or group that is a link is followed inside the root, never to the host's."""
    host = tmp_path / file
    host.write_text("evil:x:77:77:evil:/evil:/bin/sh\n" if file == "passwd" else "evil:x:77:\n")
    os.unlink(f"{rootfs}/etc/{file}")
    os.symlink(str(host), f"{rootfs}/etc/{file}")
    ran = run_spec(config_of("id"), run={"user": "evil" if file == "passwd" else "0:evil"})
    assert (ran.code, "unable to find" in ran.err) == (125, True), ran


def test_user_file_that_never_ends(run_spec, rootfs) -> None:
    """A device or a pipe in the place of passwd hangs nobody."""
    os.unlink(f"{rootfs}/etc/passwd")
    os.mkfifo(f"{rootfs}/etc/passwd")
    assert run_spec(config_of("true")).code == 0
