"""AppArmor's label on a kernel that has it: a distribution's kernel in QEMU, with no more in it than busybox, the launcher and ready plans."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess

import pytest

from contain.host.model import Host, Root
from contain.plan.compile import compile_run
from contain.plan.encode import encode
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
from tests.live.conftest import TOP, shell

pytestmark = [pytest.mark.live, pytest.mark.any_kernel, pytest.mark.slow]

PROFILE = "profile contain-test flags=(attach_disconnected) {\n file,\n capability,\n network,\n signal,\n deny /etc/hostname r,\n}\n"

INIT = """#!/bin/sh
mount -t tmpfs tmpfs /new -o mode=755
cp -a /bin /box /launcher /payload /policy /plans /second /new/
mkdir /new/proc /new/sys /new/dev /new/tmp /new/run
exec switch_root /new /second
"""

SECOND = """#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mount -t securityfs securityfs /sys/kernel/security; mount -t cgroup2 cgroup2 /sys/fs/cgroup
cat /policy >/sys/kernel/security/apparmor/.load
for plan in /plans/*; do echo "begin ${plan##*/}"; /payload plan $plan /launcher 2>&1; echo "code $?"; done
poweroff -f
"""

CASES = {
    "1 set": ({}, "contain-test"),
    "2 set with no_new_privs": ({"noNewPrivileges": True}, "contain-test"),
    "3 not loaded": ({}, "no-such-profile"),
    "4 set in a user namespace": ({"user_namespace": True}, "contain-test"),
    "5 unconfined": ({}, "unconfined"),
}


def kernel() -> str:
    """A distribution's kernel: $CONTAIN_KERNEL, else one of /boot."""
    found = [os.environ.get("CONTAIN_KERNEL", ""), *sorted(glob.glob("/boot/vmlinuz-*"), reverse=True)]
    path = next((path for path in found if path and os.access(path, os.R_OK)), "")
    if not path:
        pytest.skip("no kernel to boot: apt-get install linux-image-cloud-amd64, or set CONTAIN_KERNEL")
    return path


def program(name: str) -> str:
    """Its path."""
    path = shutil.which(name) or shutil.which(name, path="/sbin:/usr/sbin") or os.environ.get(f"CONTAIN_{name.upper()}", "")
    if not path:
        pytest.skip(f"no {name}")
    return path


def plan_of(case: str) -> bytes:
    """A plan for that guest, compiled here."""
    members, profile = CASES[case]
    with open(f"{TOP}/tests/hosts/v2-root.json", encoding="utf-8") as file:
        facts = Host.from_json(json.load(file)).values()
    root = Root(path="/box", exists=True, passwd="root:x:0:0:root:/root:/bin/sh\n", group="", device="0:1", type="tmpfs", point="/")
    host = Host(**{**facts, "lsm": ["capability", "apparmor"], "root": root})
    maps = [{"containerID": 0, "hostID": 0, "size": 65536}]
    userns = members.get("user_namespace", False)
    config = shell(
        "cat /proc/self/attr/current; cat /etc/hostname",
        user_namespace=userns,
        process={"apparmorProfile": profile, "noNewPrivileges": members.get("noNewPrivileges", False)},
        linux={"namespaces": [{"type": one} for one in ("pid", "mount", "ipc", "uts", "network", "cgroup", *(["user"] if userns else []))]}
        | ({"uidMappings": maps, "gidMappings": maps} if userns else {}),
    )
    spec = Spec(defaults.fill(config), kind="oci", bundle="/", root="/box", run=RunOptions(seccomp="default"))
    return encode(compile_run(spec, host))


def image(folder: str, busybox: str, payload: str, launcher: str) -> str:
    """The initramfs."""
    files = f"{folder}/files"
    for name in ("bin", "proc", "sys", "dev", "new", "plans"):
        os.makedirs(f"{files}/{name}")
    box = program("busybox")
    shutil.copy(box, f"{files}/bin/busybox")
    for name in ("sh", "mount", "cp", "cat", "echo", "poweroff", "switch_root", "mkdir"):
        os.symlink("busybox", f"{files}/bin/{name}")
    subprocess.run(["cp", "-a", busybox, f"{files}/box"], check=True)
    shutil.copy(launcher, f"{files}/launcher")
    shutil.copy(payload, f"{files}/payload")
    for case in CASES:
        with open(f"{files}/plans/{case.replace(' ', '-')}", "wb") as file:
            file.write(plan_of(case))
    features = next(iter(glob.glob("/etc/apparmor.d/abi/3.0") + glob.glob(os.environ.get("CONTAIN_APPARMOR_ABI", ""))), "")
    words = [
        program("apparmor_parser"),
        "-K",
        "-Q",
        "-S",
        *([f"--kernel-features={features}", f"--policy-features={features}"] if features else []),
    ]
    with open(f"{files}/policy", "wb") as file:
        subprocess.run(words, input=PROFILE.encode(), stdout=file, stderr=subprocess.DEVNULL, check=True)
    for name, text in (("init", INIT), ("second", SECOND)):
        with open(f"{files}/{name}", "w", encoding="utf-8") as script:
            script.write(text)
        os.chmod(f"{files}/{name}", 0o755)
    subprocess.run(f"find . | {box} cpio -o -H newc 2>/dev/null | gzip -1 >{folder}/initrd", shell=True, cwd=files, check=True)
    return f"{folder}/initrd"


def test_labels_hold(tmp_path, busybox, payload, launcher) -> None:
    """The program runs under its profile, which denies what it denies, with no_new_privs and in a user namespace too; a missing profile is named."""
    words = [program("qemu-system-x86_64"), "-nographic", "-no-reboot", "-m", "512", "-kernel", kernel()]
    words += ["-initrd", image(str(tmp_path), busybox, payload, launcher)]
    words += ["-append", "console=ttyS0 quiet panic=-1 apparmor=1 lsm=lockdown,capability,apparmor"]
    done = subprocess.run(words, capture_output=True, timeout=300, check=False, stdin=subprocess.DEVNULL)
    rows = done.stdout.decode(errors="replace").replace("\r", "").split("begin ")[1:]
    answers = {row.split("\n", 1)[0].replace("-", " "): row.split("\n", 1)[1] for row in rows}
    assert set(answers) == set(CASES), done.stdout
    for case in ("1 set", "2 set with no_new_privs", "4 set in a user namespace"):
        assert answers[case].startswith("contain-test (enforce)\ncat: can't open '/etc/hostname': Permission denied\n"), answers
    assert (
        "cannot set the AppArmor label for the program: exec no-such-profile: No such file or directory\ncode 125"
        in answers["3 not loaded"]
    )
    assert answers["5 unconfined"].startswith("unconfined\nbusybox\ncode 0"), answers
