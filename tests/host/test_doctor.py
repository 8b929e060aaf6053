"""What doctor says of other people's machines, and of this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contain.host import doctor
from contain.host.model import Host
from contain.host.probe import probe
from contain.host.trial import Trial, trial
from contain.kernel.idmaps import Range
from tests.conftest import children

HOSTS = Path(__file__).parent.parent / "hosts"
WORKS = Trial(
    results=dict.fromkeys(("pidfd_open", "clone3", "openat2", "userns", "map", "mount", "pid", "tmpfs", "overlay", "proc", "seccomp"), "")
)


def load(name: str) -> Host:
    """A saved host."""
    return Host.from_json(json.loads((HOSTS / f"{name}.json").read_text(encoding="utf-8")))


def rows(name: str, tried: Trial = WORKS, **changes: object) -> dict[str, doctor.Check]:
    """The rows for a saved host, by id."""
    return {check.id: check for check in doctor.report(load(name).but(**changes), tried, launcher="/usr/lib/contain/contain-launcher")}


def but(**results: str) -> Trial:
    """All works but these."""
    return Trial(results={**WORKS.results, **results})


@pytest.mark.parametrize("name", ["v2-root", "v2-rootless-delegated", "hybrid-root", "old-kernel-v1"])
def test_machines_on_which_run_works(name: str) -> None:
    """Nothing is missing there, nor limited but what these machines are known for."""
    found = rows(name)
    assert doctor.works(list(found.values()))
    assert {check.id for check in found.values() if check.status in {"missing", "limited"}} <= {"idmap", "userns", "ids"}


@pytest.mark.parametrize(
    ("name", "tried", "row", "status", "remedy"),
    [
        ("v2-rootless-session", WORKS, "cgroup", "limited", "systemd-run --user --scope"),
        ("v2-rootless-session", WORKS, "ids", "limited", "usermod --add-subuids"),
        ("hybrid-rootless", WORKS, "cgroup", "limited", "systemd.unified_cgroup_hierarchy=1"),
        ("ubuntu-apparmor", but(tmpfs="EACCES"), "userns", "missing", "contain doctor --apparmor-profile"),
        (
            "in-docker",
            but(userns="EPERM"),
            "userns",
            "missing",
            "start the container that we are in with a seccomp profile that allows user namespaces",
        ),
        ("in-docker", but(proc="EPERM"), "proc", "missing", "systempaths=unconfined"),
        ("in-docker", but(openat2="ENOSYS"), "calls", "missing", "seccomp=/usr/share/containers/seccomp.json"),
        ("in-docker", WORKS, "cgroup", "limited", "a writable /sys/fs/cgroup"),
        ("v2-rootless-delegated", but(ranges="newuidmap: write to uid_map failed"), "ids", "limited", "set-uid bit"),
        ("v2-root", but(overlay="ENODEV"), "overlay", "limited", ""),
        ("v2-root", but(seccomp="EINVAL"), "seccomp", "missing", "seccomp=unconfined"),
        ("v2-root", but(libseccomp="ENOENT"), "seccomp", "limited", "install libseccomp2"),
    ],
)
def test_what_is_missing(name: str, tried: Trial, row: str, status: str, remedy: str) -> None:
    """Each with its narrowest remedy."""
    found = rows(name, tried)[row]
    assert found.status == status
    assert remedy in found.remedy


def test_no_advice_switches_a_protection_off() -> None:
    """Where AppArmor restricts user namespaces, the remedy is a rule for contain alone."""
    found = rows("ubuntu-apparmor", but(tmpfs="EACCES"))["userns"]
    assert "sysctl" not in found.remedy
    assert rows("ubuntu-apparmor")["userns"].status == "ok"  # a profile is there already
    assert "userns," in doctor.apparmor_profile("/x/contain-launcher")


def test_ranges_for_root() -> None:
    """Root's containers have ids of contain's own; the remedy names numbers that are free."""
    found = rows("v2-root", userns=load("v2-root").userns.but(free=165536))["ids"]
    assert found.remedy == "echo contain:165536:65536 | sudo tee -a /etc/subuid /etc/subgid"
    given = load("v2-root").userns.but(subuid=[Range(start=165536, count=65536)], subgid=[Range(start=165536, count=65536)])
    assert rows("v2-root", userns=given)["ids"].status == "ok"


def test_our_own_process() -> None:
    """What it has lost is told."""
    found = rows("v2-root", WORKS.but(securebits=["noroot"], dumpable=False), caps=load("v2-root").caps - {"CAP_SYS_RESOURCE"})["process"]
    assert "root without SYS_RESOURCE" in found.detail
    assert "securebits noroot" in found.detail
    assert "not dumpable" in found.detail
    assert "process" not in rows("v2-rootless-delegated")


@pytest.mark.live
def test_securebits_of_this_process() -> None:
    """As they were set with capsh's call, where the module is installed."""
    pytest.importorskip("prctl")
    code = (
        "import prctl; prctl.securebits.no_setuid_fixup = True; from contain.host.probe import probe; from contain.host.trial import trial;"
        "print(trial(probe()).securebits)"
    )
    if os.geteuid() != 0:
        pytest.skip("securebits are changed by root")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['no_setuid_fixup']\n"


def test_old_debian() -> None:
    """kernel.unprivileged_userns_clone=0 stops users, not root."""
    assert rows("old-kernel-v1")["userns"].status == "ok"
    user = rows("old-kernel-v1", euid=1000, caps=frozenset())["userns"]
    assert user.required
    assert user.status == "missing"
    assert user.remedy.startswith("run contain as root")


def test_a_kernel_that_is_too_old() -> None:
    """5.10 is the least."""
    found = rows("old-kernel-v1", kernel=(5, 4), release="5.4.0")["kernel"]
    assert (found.status, found.required) == ("missing", True)


def test_the_launcher_was_not_built() -> None:
    """Nothing runs without it."""
    assert not doctor.works(doctor.report(load("v2-root"), WORKS))


@pytest.mark.live
def test_trying_leaves_nothing() -> None:
    """No mount, no cgroup, no process, no descriptor, no file."""
    host = probe()

    def seen() -> tuple[object, ...]:
        """What it could leave; others on this machine make mounts and cgroups at the same time."""
        after = probe()
        mounts = [mount.point for mount in after.mounts if mount.point in {"/tmp", "/tmp/all", "/proc"}]
        cgroups = [name for folder in after.cgroup.base.values() for name in os.listdir(folder) if name == f"contain-doctor-{os.getpid()}"]
        return mounts, cgroups, os.listdir("/proc/self/fd"), children()

    before = seen()
    tried = trial(host)
    assert seen() == before
    assert {"userns", "seccomp", "openat2"} <= set(tried.results)


@pytest.mark.live
def test_the_verb() -> None:
    """Its exit code and its JSON agree; the facts it prints can be loaded."""
    result = subprocess.run([sys.executable, "-m", "contain", "doctor", "--format", "json"], capture_output=True, text=True, check=False)
    found = json.loads(result.stdout)
    assert result.returncode == (0 if found["works"] else 1)
    assert {"kernel", "userns", "namespaces", "ids", "cgroup", "seccomp", "overlay", "lsm"} <= {check["id"] for check in found["checks"]}
    table = subprocess.run([sys.executable, "-m", "contain", "doctor"], capture_output=True, text=True, check=False)
    assert "\x1b" not in table.stdout
    facts = subprocess.run([sys.executable, "-m", "contain", "doctor", "--host"], capture_output=True, text=True, check=True)
    assert Host.from_json(json.loads(facts.stdout)).euid == os.geteuid()
