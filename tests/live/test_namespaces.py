"""Namespaces as a manifest asks for them: new or joined by path, with mappings, clocks, names, settings and network devices."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from contain.kernel.idmaps import ranges
from tests.live.conftest import config_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import User
    from tests.live.runtime import Runtime

pytestmark = pytest.mark.live

#: OCI's name, the file below /proc/PID/ns, what unshare(1) calls it: those that this kernel has
KINDS = [
    row
    for row in (
        ("pid", "pid_for_children", "-p"),
        ("network", "net", "-n"),
        ("ipc", "ipc", "-i"),
        ("uts", "uts", "-u"),
        ("mount", "mnt", "-m"),
        ("user", "user", "-U"),
        ("cgroup", "cgroup", "-C"),
        ("time", "time", "-T"),
    )
    if os.path.exists(f"/proc/self/ns/{row[1]}")
]
FILES = [file.removesuffix("_for_children") for _, file, _ in KINDS]
LINKS = f"for kind in {' '.join(FILES)}; do readlink /proc/self/ns/$kind || echo none; done"


def inside(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The namespaces of the container, by OCI's names, from the output of LINKS."""
    assert done.returncode == 0, done.stderr
    return dict(zip([kind for kind, _, _ in KINDS if kind != "pid"], done.stdout.split()[1:], strict=True)) | {
        "pid": done.stdout.split()[0]
    }


def rows(*kinds: str, **paths: str) -> list[dict[str, str]]:
    """A manifest's list."""
    return [{"type": kind} for kind in kinds] + [{"type": kind, "path": path} for kind, path in paths.items()]


IDS = [{"containerID": 0, "hostID": 0, "size": 65536}]


def test_all_eight_are_new(contain: Any, make_bundle: Callable[..., str]) -> None:
    """None of them is ours; what a manifest leaves out is."""

    def all_of_them(config: dict[str, Any]) -> None:
        config["linux"] |= {"namespaces": rows(*(kind for kind, _, _ in KINDS)), "uidMappings": IDS, "gidMappings": IDS}

    ours = {kind: os.readlink(f"/proc/self/ns/{file.removesuffix('_for_children')}") for kind, file, _ in KINDS}
    found = inside(contain("run", make_bundle("/bin/sh", "-c", LINKS, change=all_of_them)))
    assert {kind for kind in ours if found[kind] == ours[kind]} == set()

    def only_mounts(config: dict[str, Any]) -> None:
        config["linux"]["namespaces"] = rows("mount")
        del config["hostname"]

    found = inside(contain("run", make_bundle("/bin/sh", "-c", LINKS, change=only_mounts)))
    assert {kind for kind in ours if found[kind] != ours[kind]} == {"mount"}


@pytest.mark.any_kernel
def test_none_of_its_own(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """All that a manifest leaves out are ours (the OCI suite's linux_ns_itype), and our mounts stay as they are: so it can name none."""

    def mounts() -> list[str]:
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            return file.readlines()

    def bare(config: dict[str, Any]) -> None:
        config["linux"] = {"namespaces": []}
        del config["hostname"]

    before = mounts()
    assert runtime("create", "--bundle", make_bundle("/bin/sleep", "100", change=bare), runtime.named()).returncode == 1
    assert "mounts need a mount namespace" in runtime.logged()
    name = runtime.create("/bin/sleep", "100", change=lambda config: (bare(config), config.update(mounts=[])))
    assert runtime("start", name).returncode == 0
    pid = runtime.state(name)["pid"]
    for _, file, _ in KINDS:
        assert os.readlink(f"/proc/{pid}/ns/{file}") == os.readlink(f"/proc/self/ns/{file}"), file
    assert os.readlink(f"/proc/{pid}/root") == runtime.state(name)["rootfs"]
    assert mounts() == before
    assert runtime("delete", "--force", name).returncode == 0
    assert mounts() == before


@pytest.fixture
def neighbour() -> Iterator[int]:
    """The pid of a process in eight namespaces of its own."""
    words = ["unshare", *(flag for _, _, flag in KINDS), "-r", "--fork", "--kill-child", "sh", "-c", "echo ready; read end"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            yield int(file.read().split()[0])
        process.stdin.close()


@pytest.mark.any_kernel
@pytest.mark.parametrize("kind", [kind for kind, _, _ in KINDS if kind != "mount"])
def test_joined_by_path(contain: Any, make_bundle: Callable[..., str], neighbour: int, kind: str) -> None:
    """One is the neighbour's, all others are new."""
    file = next(file.removesuffix("_for_children") for name, file, _ in KINDS if name == kind)
    theirs = os.readlink(f"/proc/{neighbour}/ns/{file}")

    def join(config: dict[str, Any]) -> None:
        others = [name for name, _, _ in KINDS if name not in (kind, "time", "user")]
        config["linux"]["namespaces"] = rows(*others, **{kind: f"/proc/{neighbour}/ns/{file}"})
        config["mounts"] = [row for row in config["mounts"] if kind != "pid" or row["destination"] != "/proc"]
        if kind == "uts":
            del config["hostname"]
        if kind == "pid":  # its /proc is shown, as the kernel mounts none of another pid namespace without its init
            config["mounts"].append({"destination": "/proc", "type": "proc", "source": "proc"})

    found = inside(contain("run", make_bundle("/bin/sh", "-c", LINKS, change=join)))
    assert found[kind] == theirs
    assert all(found[other] != os.readlink(f"/proc/{neighbour}/ns/{name}") for other, name, _ in KINDS[1:5] if other != kind)


def test_clocks_are_set_back_and_forth(contain: Any, make_bundle: Callable[..., str]) -> None:
    """timeOffsets of both clocks; without them a new time namespace has ours."""
    if not os.path.exists("/proc/self/timens_offsets"):
        pytest.skip("this kernel has no time namespaces")

    def change(config: dict[str, Any]) -> None:
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 5_000_000}, "monotonic": {"secs": 1000, "nanosecs": 7}}

    done = contain("run", make_bundle("/bin/sh", "-c", "cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime", change=change))
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[:6] == ["monotonic", "1000", "7", "boottime", "5000000", "0"]
    assert int(words[6]) > 5_000_000


def setting(name: str) -> str:
    """A sysctl of the host."""
    with open(f"/proc/sys/{name}", encoding="ascii") as file:
        return file.read()


@pytest.mark.any_kernel
def test_names_and_settings(contain: Any, make_bundle: Callable[..., str]) -> None:
    """hostname, domainname and sysctls of the container's own namespaces, and not the host's; the loopback interface is up."""
    names = ("kernel/domainname", "net/ipv4/ip_default_ttl", "kernel/msgmax")
    before = [setting(name) for name in names]
    script = "hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax; ping -c1 127.0.0.1 >/dev/null && echo up"

    def change(config: dict[str, Any]) -> None:
        config["domainname"] = "example.org"
        config["process"]["capabilities"] = {name: ["CAP_NET_RAW"] for name in ("bounding", "effective", "permitted")}
        config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "77", "kernel/msgmax": "4444"}

    done = contain("run", make_bundle("/bin/sh", "-c", script, change=change))
    assert done.stdout.split() == ["box", "example.org", "77", "4444", "up"], done.stderr
    assert [setting(name) for name in names] == before


@pytest.mark.parametrize("many", [False, True])
def test_maps_of_an_ordinary_user(user: User, user_rootfs: str, tmp_path: Path, many: bool) -> None:
    """One id of his own is written by himself, ranges by newuidmap and newgidmap, as /etc/subuid and /etc/subgid grant them."""
    config = config_of("/bin/sh", "-c", "tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; cat /proc/self/setgroups")
    config["linux"]["namespaces"].append({"type": "user"})
    for kind, own, path in (("uidMappings", user.uid, "/etc/subuid"), ("gidMappings", user.gid, "/etc/subgid")):
        found = ranges(path, user.name, user.uid)
        if many and not (found and shutil.which("newuidmap")):
            pytest.skip("no ranges for the user, or no newuidmap: apt-get install uidmap")
        more = [{"containerID": 1, "hostID": found[0].start, "size": 1000}] if many else []
        config["linux"][kind] = [{"containerID": 0, "hostID": own, "size": 1}, *more]
    bundle = f"{os.path.dirname(user_rootfs)}/maps-{many}"
    os.mkdir(bundle)
    config["root"] = {"path": user_rootfs}
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    done = user.contain("run", bundle)
    shutil.rmtree(bundle)
    assert done.returncode == 0, done.stderr
    sub = {path: ranges(path, user.name, user.uid)[0].start if many else 0 for path in ("/etc/subuid", "/etc/subgid")}
    expected = [f"0 {user.uid} 1"] + ([f"1 {sub['/etc/subuid']} 1000"] if many else [])
    expected += [f"0 {user.gid} 1"] + ([f"1 {sub['/etc/subgid']} 1000"] if many else [])
    assert [line.strip() for line in done.stdout.splitlines()] == [*expected, "allow" if many else "deny"]


def test_network_devices_move(contain: Any, make_bundle: Callable[..., str]) -> None:
    """linux.netDevices: a device of the host is in the container, renamed, up and with the address that it had; nothing of it is left here."""
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and ip: apt-get install iproute2")
    names = [f"ct{os.getpid() % 100000}{end}" for end in "ab"]
    made = subprocess.run(
        ["ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1]], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no veth here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "addr", "add", "192.0.2.77/24", "dev", names[0]], check=True)

        def change(config: dict[str, Any]) -> None:
            config["linux"]["netDevices"] = {names[0]: {"name": "eth7"}}

        done = contain("run", make_bundle("/bin/sh", "-c", "ip addr show eth7", change=change))
        assert done.returncode == 0, done.stderr
        assert "192.0.2.77/24" in done.stdout
        assert ",UP" in done.stdout
        done = contain("run", make_bundle("/bin/true", change=change))
        assert "there is no such interface on the host" in done.stderr
    finally:
        subprocess.run(["ip", "link", "del", names[1]], capture_output=True, check=False)
