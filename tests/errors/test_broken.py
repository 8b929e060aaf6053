"""Broken inputs (long because it is a table), one each: exactly the first line that a person reads, with its place, and the cause and remedy below it.

Text, shape and meaning of manifests: what can be said without looking at the host. Options are in test_options.py, what the host lacks in
test_host.py.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from contain.cli import run
from contain.cli.main import main
from tests.errors.said import said

if TYPE_CHECKING:
    from pathlib import Path

BASE = """{
  "ociVersion": "1.0.2",
  "process": {
    "args": ["/bin/true"],
    "cwd": "/",
    "user": {"uid": 0, "gid": 0}
  },
  "root": {"path": "rootfs"},
  "hostname": "box",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}]
  }
}
"""


def changed(old: str, new: str) -> str:
    """The good bundle with one thing changed."""
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def linux(member: str) -> str:
    """The good bundle with one more member of linux, which then stands in line 14, column 5."""
    return changed('    "namespaces"', f"    {member},\n" + '    "namespaces"')


def process(member: str) -> str:
    """The good bundle with one more member of process, which then stands in line 4, column 5."""
    return changed('    "args"', f"    {member},\n" + '    "args"')


#: name: config.json, first line, what stands in cause or remedy
SEMANTICS: dict[str, tuple[str, str, str]] = {
    "no command": (changed('["/bin/true"]', "[]"), "config.json:4:13: process.args: there is no command to run", 'add "args"'),
    "empty command": (changed('"/bin/true"', '""'), "config.json:4:14: process.args[0]: the command is empty", "path or name"),
    "relative cwd": (changed('"cwd": "/"', '"cwd": "srv"'), "config.json:5:12: process.cwd: 'srv' is not an absolute path", "write /srv"),
    "NUL": (
        changed("/bin/true", "/bin/\\u0000"),
        "config.json:4:20: process.args[0]: NUL in a string, which runc cuts off and the kernel refuses",
        "",
    ),
    "env without =": (process('"env": ["A=1", "HOME"]'), "config.json:4:20: process.env[1]: 'HOME' is not NAME=VALUE", "before ="),
    "rlimit order": (
        process('"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 5}]'),
        "config.json:4:51: process.rlimits[0].soft: the soft limit 9 is above the hard limit 5",
        "lower soft",
    ),
    "rlimit twice": (
        process('"rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]'),
        "config.json:4:72: process.rlimits[1].type: RLIMIT_CPU is set twice",
        "keep one",
    ),
    "effective beyond permitted": (
        process('"capabilities": {"effective": ["CAP_KILL"]}'),
        "config.json:4:36: process.capabilities.effective[0]: CAP_KILL is effective but not permitted",
        "add it to permitted",
    ),
    "nice of a real-time policy": (
        process('"scheduler": {"policy": "SCHED_FIFO", "priority": 5, "nice": 3}'),
        "config.json:4:66: process.scheduler.nice: nice 3 cannot be had with SCHED_FIFO",
        "SCHED_OTHER",
    ),
    "version": (changed('"1.0.2"', '"2.0.0"'), "config.json:2:17: ociVersion: version '2.0.0' of the runtime-spec is unknown", "1.3.0"),
    "hostname without uts": (
        changed(', {"type": "uts"}', ""),
        "config.json:9:15: hostname: hostname would change the host's",
        "there is no uts namespace",
    ),
    "masks without mount": (
        linux('"maskedPaths": ["/proc/kcore"]').replace('{"type": "mount"}, ', ""),
        "config.json:14:20: linux.maskedPaths: maskedPaths would change the host's mounts",
        '"mount"',
    ),
    "namespace twice": (
        changed('{"type": "mount"}', '{"type": "mount"}, {"type": "pid"}'),
        "config.json:14:56: linux.namespaces[2]: the pid namespace is given twice",
        "keep one",
    ),
    "namespace path": (
        changed('{"type": "pid"}', '{"type": "pid", "path": "ns"}'),
        "config.json:14:44: linux.namespaces[0].path: 'ns' is not an absolute path",
        "/proc/PID/ns",
    ),
    "mappings without userns": (
        linux('"uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]'),
        "config.json:14:20: linux.uidMappings: uidMappings without a user namespace",
        '"user"',
    ),
    "userns without mappings": (
        changed('{"type": "pid"}', '{"type": "user"}'),
        "config.json:14:20: linux.namespaces[0]: a new user namespace needs uidMappings",
        "--userns auto",
    ),
    "mappings overlap": (
        linux(
            '"gidMappings": [{"containerID": 0, "hostID": 5, "size": 2}, {"containerID": 1, "hostID": 9, "size": 2}], "uidMappings": [{"containerID": 0, "hostID": 5, "size": 1}]'
        ).replace('{"type": "pid"}', '{"type": "user"}'),
        "config.json:14:65: linux.gidMappings[1]: containerID 1 overlaps the range from 0",
        "mapped once",
    ),
    "unmapped user": (
        linux(
            '"uidMappings": [{"containerID": 1, "hostID": 5, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 5, "size": 1}]'
        ).replace('{"type": "pid"}', '{"type": "user"}'),
        "config.json:6:21: process.user.uid: uid 0 is not mapped",
        "add a range",
    ),
    "time offsets": (
        linux('"timeOffsets": {"boottime": {"secs": 1}}'),
        "config.json:14:20: linux.timeOffsets: time offsets without a time namespace",
        '"time"',
    ),
    "sysctl of the host": (
        linux('"sysctl": {"vm.swappiness": "1"}'),
        'config.json:14:33: linux.sysctl["vm.swappiness"]: vm.swappiness belongs to no namespace: it would change the host',
        "set it on the host",
    ),
    "sysctl out of the namespace": (
        changed('{"type": "pid"}', '{"type": "network"}').replace(
            '    "namespaces"', '    "sysctl": {"net/../vm/swappiness": "1"},\n    "namespaces"'
        ),
        'config.json:14:40: linux.sysctl["net/../vm/swappiness"]: net/../vm/swappiness is not the name of a sysctl',
        "as sysctl(8) does",
    ),
    "sysctl out of the namespace, with dots": (
        changed('{"type": "pid"}', '{"type": "network"}').replace(
            '    "namespaces"', '    "sysctl": {"net.//.vm.swappiness": "1"},\n    "namespaces"'
        ),
        'config.json:14:40: linux.sysctl["net.//.vm.swappiness"]: net.//.vm.swappiness is not the name of a sysctl',
        "as sysctl(8) does",
    ),
    "sysctl without its namespace": (
        linux('"sysctl": {"net.ipv4.ip_forward": "1"}'),
        'config.json:14:39: linux.sysctl["net.ipv4.ip_forward"]: net.ipv4.ip_forward would change the host\'s',
        "there is no network namespace",
    ),
    "sysctl hostname": (
        linux('"sysctl": {"kernel.hostname": "x"}'),
        'config.json:14:35: linux.sysctl["kernel.hostname"]: kernel.hostname is not set by sysctl',
        '"hostname"',
    ),
    "interface name": (
        linux('"netDevices": {"a/b": {}}').replace('{"type": "pid"}', '{"type": "network"}'),
        "config.json:14:27: linux.netDevices[\"a/b\"]: 'a/b' is not a name of an interface",
        "15 bytes",
    ),
    "closID": (
        linux('"intelRdt": {"closID": "a/b"}'),
        "config.json:14:28: linux.intelRdt.closID: 'a/b' is not the name of a class",
        "plain name",
    ),
    "unified path": (
        linux('"resources": {"unified": {"../x": "1"}}'),
        "config.json:14:39: linux.resources.unified[\"../x\"]: '../x' is not a file of a cgroup",
        "memory.high",
    ),
    "swap below limit": (
        linux('"resources": {"memory": {"limit": 200, "swap": 100}}'),
        "config.json:14:52: linux.resources.memory.swap: swap 100 is below the memory limit 200",
        "memory and swap together",
    ),
    "burst above quota": (
        linux('"resources": {"cpu": {"quota": 1000, "burst": 2000}}'),
        "config.json:14:51: linux.resources.cpu.burst: the burst 2000 is above the quota 1000",
        "lower it",
    ),
    "device rule": (
        linux('"resources": {"devices": [{"allow": true, "type": "c"}]}'),
        "config.json:14:31: linux.resources.devices[0]: a device rule without access",
        '"rwm"',
    ),
    "device numbers": (
        linux('"devices": [{"path": "/dev/x", "type": "c"}]'),
        "config.json:14:17: linux.devices[0]: a device of type c needs major and minor",
        "ls -l",
    ),
    "cgroup outside": (
        linux('"cgroupsPath": "/a/../../b"'),
        "config.json:14:20: linux.cgroupsPath: /a/../../b leads out of the cgroup tree",
        "without ..",
    ),
    "bind without source": (
        changed('"type": "proc", "source": "proc"', '"type": "bind"'),
        "config.json:11:5: mounts[0]: a bind mount without source",
        "add the file or folder",
    ),
    "half an idmap": (
        changed(
            '"type": "proc", "source": "proc"',
            '"type": "bind", "source": "/x", "uidMappings": [{"containerID": 0, "hostID": 5, "size": 1}]',
        ),
        "config.json:11:77: mounts[0].uidMappings: uidMappings without its twin",
        "both",
    ),
    "idmapped proc": (
        changed(
            '"source": "proc"',
            '"uidMappings": [{"containerID": 0, "hostID": 5, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 5, "size": 1}]',
        ),
        "config.json:11:61: mounts[0].uidMappings: only a bind mount can be idmapped",
        "bind",
    ),
    "two propagations": (
        changed('"source": "proc"', '"source": "proc", "options": ["slave", "shared"]'),
        "config.json:11:85: mounts[0].options[1]: two propagations: slave and shared",
        "keep one",
    ),
    "notify by default": (
        linux('"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY"}'),
        "config.json:14:34: linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default",
        "wait for the agent",
    ),
    "notify nobody": (
        linux('"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}'),
        "config.json:14:96: linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY needs listenerPath",
        "socket of the agent",
    ),
    "memory policy": (
        linux('"memoryPolicy": {"mode": "MPOL_BIND"}'),
        "config.json:14:5: linux.memoryPolicy.nodes: MPOL_BIND needs nodes",
        '"nodes"',
    ),
}

#: name: config.json, the beginning of the first line, which the schema words
SHAPE: dict[str, tuple[str, str]] = {
    "not JSON": ("hello", "config.json:1:1: 'hello' where the document's value is expected"),
    "empty": ("", "config.json:1:1: the document is empty"),
    "list": ("[]", "config.json:1:1: the document must be an object, not a list"),
    "missing comma": (changed('"cwd": "/",', '"cwd": "/"'), "config.json:6:5: process: a comma is missing before 'user'"),
    "trailing comma": (
        changed('"gid": 0}', '"gid": 0,}'),
        "config.json:6:32: process.user: a comma before the end of the list, which every runtime refuses",
    ),
    "not UTF-8": (BASE.replace("box", "b\udcffx"), "config.json:9:17: the document is not UTF-8 here: bytes ff"),
    "no ociVersion": (changed('  "ociVersion": "1.0.2",\n', ""), "config.json:1:1: ociVersion is missing"),
    "args as text": (changed('["/bin/true"]', '"/bin/true"'), "config.json:4:13: process.args must be a list, not a string"),
    "uid as text": (changed('"uid": 0', '"uid": "0"'), "config.json:6:21: process.user.uid must be an integer, not a string"),
    "unknown namespace": (
        changed('"pid"', '"pids"'),
        "config.json:14:29: linux.namespaces[0].type: 'pids' is not in the list of the specification; did you mean pid?",
    ),
    "negative gid": (
        changed('"gid": 0', '"gid": -1'),
        "config.json:6:31: process.user.gid: -1 does not fit the field, which has 32 bits without sign",
    ),
    "mount without destination": (changed('"destination": "/proc", ', ""), "config.json:11:5: mounts[0].destination is missing"),
    "unknown action": (
        linux('"seccomp": {"defaultAction": "DENY"}'),
        "config.json:14:34: linux.seccomp.defaultAction: 'DENY' is not in the list of the specification: one of SCMP_ACT_KILL,",
    ),
}


@pytest.fixture(autouse=True)
def here(nothing_is_launched: Path) -> Path:
    """The current folder."""
    return nothing_is_launched


def bundle(here: Path, text: str) -> None:
    """A bundle in the current folder."""
    (here / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (here / "rootfs").mkdir()


@pytest.mark.parametrize("name", SEMANTICS)
def test_meaning(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What has the right shape but cannot be run."""
    text, first, below = SEMANTICS[name]
    bundle(here, text)
    lines = said(capsys, ["."])
    assert lines[0] == first
    assert lines[-1].startswith("  remedy: ")
    assert below in "\n".join(lines[1:])


@pytest.mark.parametrize("name", SHAPE)
def test_text_and_shape(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What cannot be read, or is not what the specification calls a config.json."""
    text, first = SHAPE[name]
    bundle(here, text)
    lines = said(capsys, ["."])
    assert lines[0].startswith(first)
    assert lines[-1].startswith("  remedy: ")


def test_good_one_passes(here: Path) -> None:
    """The bundle that all of these are broken from is a good one."""
    bundle(here, BASE)
    with pytest.raises(AssertionError, match="oci would have been launched"):
        run.main(["."])


def test_all_of_them_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first finding is the error; the others are named below it."""
    bundle(here, changed(', {"type": "uts"}', "").replace('"cwd": "/"', '"cwd": "x"'))
    lines = said(capsys, ["."])
    assert lines[0].startswith("config.json:5:12: process.cwd")
    assert "config.json:9:15: hostname" in lines[1]


def test_option_is_blamed_before_the_manifest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an option made wrong has the option as its place."""
    bundle(here, changed(', {"type": "uts"}', "").replace('  "hostname": "box",\n', ""))
    assert said(capsys, ["--hostname", "x", "."])[0] == "<command line>:--hostname: hostname would change the host's"


def test_missing_config(capsys: pytest.CaptureFixture[str]) -> None:
    """Runc's contract, its exit code."""
    assert main(["run", "--bundle", "root", "web"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "root/config.json: cannot read it: No such file or directory"


def test_config_is_no_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a fifo: refused without waiting."""
    os.mkfifo(here / "config.json")
    assert said(capsys, ["."])[0] == "config.json: cannot read it: not a regular file"


def test_strict_makes_a_warning_an_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A manifest's relative destination is taken from /, with a word."""
    config = json.loads(BASE)
    config["mounts"][0]["destination"] = "proc"
    bundle(here, json.dumps(config))
    spec = run.read(["."], run.Options())
    run.warn(spec, {})
    assert "proc is not absolute and is taken from /" in capsys.readouterr().err
