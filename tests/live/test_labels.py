"""Labels on a kernel that has AppArmor and SELinux: a distribution's in QEMU, with no more in it than busybox, the launcher and ready plans."""

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
from tests.live.qemu import boot, program

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
if [ -d /sys/fs/selinux ]; then mount -t selinuxfs selinuxfs /sys/fs/selinux; cat /policy >/sys/fs/selinux/load
else cat /policy >/sys/kernel/security/apparmor/.load; fi
for plan in /plans/*; do echo "begin ${plan##*/}"; /payload plan $plan /launcher 2>&1; echo "code $?"; done
poweroff -f
"""

#: module → what a case asks for: its label, no_new_privs, a user namespace
CASES = {
    "apparmor": {
        "set": ("contain-test", False, False),
        "set-with-no-new-privs": ("contain-test", True, False),
        "set-in-a-user-namespace": ("contain-test", True, True),
        "not-loaded": ("no-such-profile", False, False),
        "unconfined": ("unconfined", True, False),
    },
    "selinux": {
        "set": ("u:r:contain_t", False, False),
        "set-in-a-user-namespace": ("u:r:contain_t", False, True),
        "not-in-the-policy": ("u:r:nothing_t", False, False),
    },
}


def selinux_policy() -> str:
    """The least that the kernel takes: two types, everything else as it comes."""
    classes = {
        "security": "load_policy",
        "process": "fork transition dyntransition setexec",
        "file": "read execute entrypoint",
        "dir": "read",
        "filesystem": "mount",
        "fd": "use",
        "capability": "chown",
    }
    # the initial ones, in the kernel's order (security/selinux/include/initial_sid_to_string.h)
    sids = [
        "kernel",
        "security",
        "unlabeled",
        "fs",
        "file",
        "file_labels",
        "init",
        "any_socket",
        "port",
        "netif",
        "netmsg",
        "node",
        "igmp_packet",
        "icmp_socket",
        "tcp_socket",
        "sysctl_modprobe",
        "sysctl",
        "sysctl_fs",
        "sysctl_kernel",
        "sysctl_net",
        "sysctl_net_unix",
        "sysctl_vm",
        "sysctl_dev",
        "kmod",
        "policy",
        "scmp_packet",
        "devnull",
    ]
    rows = [f"class {name}" for name in classes] + [f"sid {name}" for name in sids]
    rows += [f"class {name} {{ {permissions} }}" for name, permissions in classes.items()]
    rows += ["type kernel_t;", "type contain_t;", "role r;", "role r types { kernel_t contain_t };"]
    rows += ["allow kernel_t contain_t : process { transition };", "user u roles { r };"]
    return "\n".join([*rows, *(f"sid {name} u:r:kernel_t" for name in sids), ""])


def plan_of(module: str, label: str, *, no_new_privs: bool, userns: bool) -> bytes:
    """A plan for that guest, compiled here."""
    with open(f"{TOP}/tests/hosts/v2-root.json", encoding="utf-8") as file:
        facts = Host.from_json(json.load(file)).values()
    root = Root(path="/box", exists=True, passwd="root:x:0:0:root:/root:/bin/sh\n", group="", device="0:1", type="tmpfs", point="/")
    host = Host(**{**facts, "lsm": ["capability", module], "root": root})
    maps = [{"containerID": 0, "hostID": 0, "size": 65536}]
    key = "apparmorProfile" if module == "apparmor" else "selinuxLabel"
    config = shell(
        "cat /proc/self/attr/current; echo; cat /etc/hostname" + ("; grep ' /dev/shm ' /proc/mounts" if module == "selinux" else ""),
        user_namespace=userns,
        process={key: label, "noNewPrivileges": no_new_privs},
        linux={"namespaces": [{"type": one} for one in ("pid", "mount", "ipc", "uts", "network", "cgroup", *(["user"] if userns else []))]}
        | ({"uidMappings": maps, "gidMappings": maps} if userns else {})
        | ({"mountLabel": "u:r:contain_t"} if module == "selinux" and not userns else {}),
    )
    spec = Spec(defaults.fill(config), kind="oci", bundle="/", root="/box", run=RunOptions(seccomp="default"))
    return encode(compile_run(spec, host))


def policy(module: str, folder: str) -> bytes:
    """The compiled policy of a module."""
    if module == "selinux":
        with open(f"{folder}/policy.conf", "w", encoding="utf-8") as file:
            file.write(selinux_policy())
        words = [program("checkpolicy"), "-U", "allow", "-c", "33", "-o", f"{folder}/policy", f"{folder}/policy.conf"]
        subprocess.run(words, check=True, capture_output=True)
        with open(f"{folder}/policy", "rb") as compiled:
            return compiled.read()
    features = next(iter(glob.glob("/etc/apparmor.d/abi/3.0") + glob.glob(os.environ.get("CONTAIN_APPARMOR_ABI", ""))), "")
    words = [
        program("apparmor_parser"),
        "-K",
        "-Q",
        "-S",
        *([f"--kernel-features={features}", f"--policy-features={features}"] if features else []),
    ]
    return subprocess.run(words, input=PROFILE.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def answers_of(module: str, folder: str, busybox: str, payload: str, launcher: str) -> dict[str, str]:
    """Case → what it printed."""
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
    for case, (label, no_new_privs, userns) in CASES[module].items():
        with open(f"{files}/plans/{case}", "wb") as file:
            file.write(plan_of(module, label, no_new_privs=no_new_privs, userns=userns))
    with open(f"{files}/policy", "wb") as file:
        file.write(policy(module, folder))
    for name, text in (("init", INIT), ("second", SECOND)):
        with open(f"{files}/{name}", "w", encoding="utf-8") as script:
            script.write(text)
        os.chmod(f"{files}/{name}", 0o755)
    answers = boot(files, append=f"lsm=lockdown,capability,{module} enforcing=0")
    assert set(answers) == set(CASES[module]), answers
    return answers


def test_apparmor(tmp_path, busybox, payload, launcher) -> None:
    """The program runs under its profile, which denies what it denies, with no_new_privs and in a user namespace too; a missing one is named."""
    answers = answers_of("apparmor", str(tmp_path), busybox, payload, launcher)
    for case in ("set", "set-with-no-new-privs", "set-in-a-user-namespace"):
        assert answers[case].startswith("contain-test (enforce)\n"), answers
        assert "cat: can't open '/etc/hostname': Permission denied\ncode 1" in answers[case], answers
    assert "no-such-profile" in answers["not-loaded"], answers
    assert "No such file or directory\ncode 125" in answers["not-loaded"], answers
    assert answers["unconfined"].startswith("unconfined\n"), answers
    assert "busybox\ncode 0" in answers["unconfined"], answers


def test_selinux(tmp_path, busybox, payload, launcher) -> None:
    """The program runs in its domain, linux.mountLabel is on the mounts; a label that the policy does not know is refused by name."""
    answers = answers_of("selinux", str(tmp_path), busybox, payload, launcher)
    for case in ("set", "set-in-a-user-namespace"):
        assert answers[case].startswith("u:r:contain_t\nbusybox\n"), answers
        assert "code 0" in answers[case], answers
    assert "context=u:r:contain_t" in answers["set"], answers
    assert "u:r:nothing_t" in answers["not-in-the-policy"], answers
    assert "Invalid argument\ncode 125" in answers["not-in-the-policy"], answers
