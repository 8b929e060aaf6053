"""Plans for other people's machines: every source on every saved host gives a whole plan, or a refusal with its reason."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from contain.errors import ContainError, HostError
from contain.host.model import Host
from contain.plan import explain, stage
from contain.plan.compile import compile_run
from contain.plan.encode import MAGIC, encode
from contain.spec import semantics, sources
from contain.spec.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from contain.spec.model import Spec

HOSTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts")
MACHINES = sorted(name.removesuffix(".json") for name in os.listdir(HOSTS) if name.endswith(".json"))
MANIFEST = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "web", "app": {"exec": ["/bin/web"], "user": "0", "group": "0"}}
CONFIG = {
    "ociVersion": "1.3.0",
    "process": {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    "root": {"path": "rootfs"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc", "network", "cgroup")]},
}


def spec_of(source: str, folder: Path) -> Spec:
    """A small spec of each source."""
    (folder / "rootfs").mkdir()
    if source == "aci":
        (folder / "manifest").write_text(json.dumps(MANIFEST))
    if source == "bundle":
        (folder / "config.json").write_text(json.dumps(CONFIG))
    target = {"host": "", "rootfs": "rootfs"}.get(source, ".")
    given = {"userns": "auto"} if source == "bundle" else {}
    spec = sources.read(target, Options(cwd=str(folder), environ={"HOME": "/home/me"}, command=["true"], **given))
    semantics.require(spec)
    return spec


def host_of(machine: str) -> Host:
    """A saved machine."""
    with open(f"{HOSTS}/{machine}.json", encoding="utf-8") as file:
        return Host.from_json(json.load(file))


#: machines on which no container of ours can be made, and why
REFUSES = {"in-docker": "parts of the /proc that we see are hidden"}
ABLE = [name for name in MACHINES if name not in REFUSES]


@pytest.mark.parametrize("machine", REFUSES)
@pytest.mark.parametrize("source", ["host", "rootfs", "aci", "bundle"])
def test_refused(source: str, machine: str, tmp_path: Path) -> None:
    """What a machine cannot do is said before anything is touched, with a remedy."""
    with pytest.raises(HostError, match=REFUSES[machine]) as caught:
        compile_run(spec_of(source, tmp_path), host_of(machine))
    assert caught.value.remedy


@pytest.mark.parametrize("machine", ABLE)
@pytest.mark.parametrize("source", ["host", "rootfs", "aci", "bundle"])
def test_whole_plan(source: str, machine: str, tmp_path: Path) -> None:
    """Stages in order, one line for each operation, one execve at the very end of the container's part."""
    plan = compile_run(spec_of(source, tmp_path), host_of(machine))
    names = [type(operation).__name__ for operation in plan.operations]
    stages = [operation.stage for operation in plan.operations]
    assert stages == sorted(stages)
    assert names.count("CreateProcess") == names.count("Execute") == 1
    inside = [name for name, at in zip(names, stages, strict=True) if at <= stage.GO]
    assert inside[-1] == "Execute"
    assert encode(plan).startswith(MAGIC)
    for operation in plan.operations:
        for text in (operation.describe(), operation.words()):
            assert text.isprintable()
            assert text == text.strip() != ""
    assert len(explain.json_value(plan)["operations"]) == len(names)


#: every option that adds operations of its own, and what may be missing for it
EVERYTHING = {
    "memory": 64 << 20, "memory_swap": 64 << 20, "cpus": 0.5, "cpuset_cpus": "0", "pids_limit": 9, "cpu_time": 2.0, "timeout": 3.0,
    "allow_missing": ["memory", "swap", "cpu", "cpuset", "pids", "cpu-time"], "ulimit": ["nofile=9", "cpu=5", "nproc=7"], "disk": 1 << 20,
    "volume": ["./rootfs:/a:ro", "./rootfs:/b:O"], "tmpfs": ["/t"], "overlay": True, "hostname": "box", "name": "one",
    "label": ["a=b"], "pid_file": "pid", "tty": True, "interactive": True, "die_with_parent": True, "cap_add": ["CHOWN"],
    "security_opt": ["mask=/etc/passwd"], "preserve_fds": 2,
}  # fmt: skip


@pytest.mark.parametrize("machine", ABLE)
@pytest.mark.parametrize("source", ["host", "rootfs"])
def test_nothing_stands_behind_the_program(source: str, machine: str, tmp_path: Path) -> None:
    """Whatever is asked for, all that the container does comes before execve: what stood behind it would never be done, and nobody told."""
    (tmp_path / "rootfs").mkdir()
    options = Options(cwd=str(tmp_path), environ={"HOME": "/home/me"}, command=["true"], **EVERYTHING, rm=False)
    spec = sources.read("rootfs" if source == "rootfs" else "", options)
    semantics.require(spec)
    plan = compile_run(spec, host_of(machine))
    inside = [type(operation).__name__ for operation in plan.operations if operation.stage <= stage.GO]
    assert inside[-1] == "Execute"
    assert not {name for name in inside if inside.count(name) > 1} & {"Execute", "LeaveHost", "CreateProcess"}


#: what changes no plan by itself, and why
SILENT = {
    "cap_drop": "none is held", "strict": "nothing is missing", "allow_missing": "nothing is missing", "trace": "the launcher's own word",
    "read_only": "the host view is read-only",
}  # fmt: skip


@pytest.mark.parametrize("machine", ["v2-root", "hybrid-root", "v2-rootless-session", "hybrid-rootless"])
@pytest.mark.parametrize("source", ["host", "rootfs"])
def test_no_option_is_without_effect(source: str, machine: str, tmp_path: Path) -> None:
    """Each changes the plan, or is refused with its reason: an option is never taken in silence."""
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "vars").write_text("Q=1\n")

    def plan(**given: Any) -> list[Any]:
        options = Options(cwd=str(tmp_path), environ={"HOME": "/home/me"}, command=["true"], **given)
        spec = sources.read("rootfs" if source == "rootfs" else "", options)
        semantics.require(spec)
        found = explain.json_value(compile_run(spec, host_of(machine)))["operations"]
        return [(row["describe"], row["fields"]) for row in found] + spec.warnings

    more = {
        "env": ["A=1"], "env_file": ["vars"], "workdir": "/tmp", "user": "7:8", "init": False, "mount": ["type=tmpfs,dst=/m"],
        "device": ["/dev/null:/dev/hole"], "cap_drop": ["KILL"], "privileged": True, "seccomp_action": "log", "network": "host",
        "userns": "keep-id", "socket": ["/run/x.sock"], "workspace": "none", "cgroup_parent": "below", "detach": True, "read_only": True,
        "pidfd_socket": "/s", "no_pivot": True, "no_new_keyring": True, "strict": True, "trace": True, "rm": False,
    }  # fmt: skip
    beside = {"disk": {"overlay": True}, "memory_swap": {"memory": 1 << 30}, "cpu_time": {"allow_missing": ["cpu-time"]}}
    without: list[str] = []
    mute: list[str] = []
    for keyword, value in {**EVERYTHING, **more}.items():
        base = beside.get(keyword, {})
        try:
            if plan(**base, **{keyword: value}) == plan(**base):
                without.append(keyword)
        except ContainError as refused:
            mute += [keyword] if not (refused.place and refused.remedy) else []
    assert mute == []
    assert {name for name in without if name not in SILENT} == set()


@pytest.mark.parametrize("machine", ABLE)
@pytest.mark.parametrize("source", ["host", "rootfs"])
def test_nothing_weaker(source: str, machine: str, tmp_path: Path) -> None:
    """Whatever the machine, a run without a bundle gives up privileges and loads a filter before the program runs."""
    plan = compile_run(spec_of(source, tmp_path), host_of(machine))
    text = explain.human(plan)
    for words in ("no_new_privs", "seccomp filter", "capabilities", "make a root in memory" if source == "host" else "attach the root"):
        assert words in text, text
    (create,) = [operation for operation in plan.operations if type(operation).__name__ == "CreateProcess"]
    for kind in ("pid", "network", "ipc", "uts", "mount", "user"):
        assert kind in create.types.split()
