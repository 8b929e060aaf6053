"""The OCI's own validation suite (opencontainers/runtime-tools, validation/), each of its programs a test.

CONTAIN_RUNTIME_TOOLS names a checkout of it in which `make runtimetest validation-executables` was run; without one these tests skip, and
docs/conformance.md has the last results.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

import pytest

SUITE = os.environ.get("CONTAIN_RUNTIME_TOOLS", "")

#: program → the checks that do not pass, and why; what is not here passes whole
KNOWN = {
    "delete": (2, "deletes a created container without force, as runc and every engine's shim expect"),
    "delete_resources": (1, "the suite compares addresses of its own numbers (pids limit)"),
    "hooks_stdin": (1, "prestart sees `creating`, as with runc and in the specification since 1.0; the suite wants `created`"),
    "linux_cgroups_devices": (1, "the suite reads the kernel's list as if it were in the order of the rules"),
    "linux_cgroups_hugetlb": (None, "no hugetlb controller of cgroup v1 on this kernel"),
    "linux_cgroups_blkio": (None, "this kernel has no leaf_weight"),
    "linux_cgroups_memory": (6, "kernel memory limits are gone from the kernel"),
    "linux_cgroups_network": (None, "no net_cls and net_prio on this kernel: refused by name"),
    "linux_cgroups_pids": (1, "the suite compares addresses of its own numbers"),
    "linux_cgroups_relative_blkio": (1, "as linux_cgroups_blkio"),
    "linux_cgroups_relative_devices": (1, "as linux_cgroups_devices"),
    "linux_cgroups_relative_hugetlb": (2, "as linux_cgroups_hugetlb"),
    "linux_cgroups_relative_memory": (1, "as linux_cgroups_memory"),
    "linux_cgroups_relative_network": (1, "as linux_cgroups_network"),
    "linux_cgroups_relative_pids": (1, "as linux_cgroups_pids"),
    "linux_ns_itype": (1, "its container has mounts and no mount namespace: refused by name, see below"),
    "linux_process_apparmor_profile": (None, "no AppArmor on this kernel: refused by name"),
    "misc_props": (1, "the suite's bundle lacks the program it names"),
    "mounts": (None, "file system options on bind mounts are errors, as in runc since 1.2"),
    "pidfile": (1, "the suite kills a container that has ended already"),
    "process_capabilities": (5, "CAP_SYS_RESOURCE is not ours to give on this machine"),
    "process_capabilities_fail": (None, "the suite wants an error for an unknown capability; runc and we warn"),
    "process_rlimits": (1, "Go's own start raises the soft RLIMIT_NOFILE before the suite reads it"),
    "start": (1, "the suite deletes a container that still runs"),
}


#: programs that lose a race of their own, and are tried so many times: killsig sends its signal as soon as the container runs, 2 ms after its
#: shell was executed, which may not have set its trap by then, and PID 1 takes no signal that it has no handler for
TRIES = {"killsig": 8}


def programs() -> list[str]:
    """The names of the suite's programs that were built."""
    folder = f"{SUITE}/validation"
    return sorted(name for name in os.listdir(folder) if os.path.exists(f"{folder}/{name}/{name}.t")) if SUITE else []


pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(not SUITE, reason="CONTAIN_RUNTIME_TOOLS names no built checkout of opencontainers/runtime-tools"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the suite runs its bundles as root"),
]


@pytest.mark.parametrize("name", programs() or ["none"])
def test_program_of_the_suite(name: str) -> None:
    """As many checks fail as are known to, and no more."""
    allowed, _ = KNOWN.get(name, (0, ""))
    failed = -1
    for _ in range(TRIES.get(name, 1)):
        done = program(name)
        failed = len(re.findall(r"^not ok", done.stdout, re.MULTILINE))
        if allowed is None or failed <= allowed:
            break
    assert allowed is None or failed <= allowed, done.stdout + done.stderr
    assert allowed is None or done.returncode == 0, done.stderr


def program(name: str) -> subprocess.CompletedProcess[str]:
    """One program of the suite, with contain as its runtime."""
    command = [f"{SUITE}/validation/{name}/{name}.t"]
    with tempfile.TemporaryDirectory(prefix="ocitest.") as folder:  # two of them leave their bundles
        environment = {**os.environ, "RUNTIME": os.path.join(os.path.dirname(sys.executable), "contain"), "TMPDIR": folder}
        return subprocess.run(command, cwd=SUITE, env=environment, capture_output=True, text=True, check=False, timeout=100)
