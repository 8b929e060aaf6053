"""What a machine or a user on it lacks: refused before anything is touched, with the option or the line of the manifest that asked for it.

The machines are saved ones (tests/hosts), so no kernel is needed.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from contain.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts")

#: machine, words of the command line, first line, what stands in cause or remedy
LACKS: tuple[tuple[str, list[str], str, str], ...] = (
    ("v2-rootless-session", ["-m", "64m", "root"], "<command line>:--memory: memory.limit cannot be set", "--allow-missing memory"),
    ("v2-rootless-session", ["--pids-limit", "9", "root"], "<command line>:--pids-limit: pids.limit cannot be set", "session-3.scope"),
    ("v2-rootless-session", ["--cpus", "1", "root"], "<command line>:--cpus: cpu.quota cannot be set", "contain doctor"),
    ("hybrid-rootless", ["-m", "64m", "root"], "<command line>:--memory: memory.limit cannot be set", "not writable to us"),
    (
        "v2-rootless-session",
        ["--userns", "host", "root"],
        "<command line>:--userns: an ordinary user needs a user namespace",
        "leave --userns host out, or run as root",
    ),
    (
        "v2-root",
        ["-u", "nosuch", "root"],
        "<command line>:--user: unable to find user nosuch: no matching entries in passwd file",
        "/etc/passwd",
    ),
    (
        "v2-root",
        ["-u", "0:wheel", "root"],
        "<command line>:--user: unable to find group wheel: no matching entries in group file",
        "/etc/group",
    ),
    (
        "hybrid-root",
        ["--security-opt", "apparmor=web", "root"],
        "<command line>:--security-opt: cannot use the AppArmor profile web: AppArmor is not active on this host",
        "apparmor=1",
    ),
    (
        "v2-root",
        ["--security-opt", "label=u:r:t:s0", "root"],
        "<command line>:--security-opt: cannot use the SELinux label u:r:t:s0: SELinux is not active on this host",
        "enable SELinux",
    ),
    (
        "v2-rootless-delegated",
        ["-v", "/srv:/srv:idmap", "root"],
        "<command line>:--volume: an idmapped mount needs the privileges of the host's root",
        "run as root",
    ),
    ("hybrid-root", ["--cpuset-cpus", "0,77", "root"], "<command line>:--cpuset-cpus: processor 77 is not there", "this machine has 0-"),
    ("v2-root", ["--cpuset-cpus", "70-99", "root"], "<command line>:--cpuset-cpus: processors 70 and others are not there", "or less"),
    (
        "v2-root",
        ["--pids-limit", "1", "root"],
        "<command line>:--pids-limit: a limit of one process leaves none for the command",
        "--no-init",
    ),
    (
        "v2-rootless-session",
        ["--cgroup-parent", "web", "root"],
        "<command line>:--cgroup-parent: no cgroup can be made below web",
        "contain doctor",
    ),
    (
        "hybrid-rootless",
        ["--cgroup-parent", "/web", "root"],
        "<command line>:--cgroup-parent: no cgroup can be made below /web",
        "leave the option out",
    ),
    ("v2-rootless-session", ["bundle"], "bundle/config.json:7:19: linux.namespaces: an ordinary user needs a user namespace", '"user"'),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a root file system and a bundle without a user namespace."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root").mkdir()
    (tmp_path / "bundle" / "rootfs").mkdir(parents=True)
    config: dict[str, Any] = {
        "ociVersion": "1.3.0",
        "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": "mount"}]},
    }
    text = (
        "{\n"
        + ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in config.items()).replace('"linux": {', '\n"linux":\n   {')
        + "\n}\n"
    )
    (tmp_path / "bundle" / "config.json").write_text(text)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], machine: str, words: list[str]) -> list[str]:
    """What `contain plan` for that machine says."""
    code = main(["plan", "--host", f"{HOSTS}/{machine}.json", *words])
    lines = capsys.readouterr().err.splitlines()
    assert code == 125, lines
    return lines


@pytest.mark.parametrize(
    ("machine", "words", "first", "below"), LACKS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_lacks(capsys: pytest.CaptureFixture[str], machine: str, words: list[str], first: str, below: str) -> None:
    """Options are errors, never a silently weaker sandbox."""
    lines = said(capsys, machine, words)
    assert lines[0] == first
    assert lines[-1].startswith("  remedy: ")
    assert below in "\n".join(lines[1:])


def test_only_the_manifest_asks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit that only the manifest asks for is a warning with its place, and an error with --strict."""
    config = json.loads((here / "bundle/config.json").read_text())
    config["linux"] |= {"namespaces": [{"type": "mount"}, {"type": "user"}], "resources": {"memory": {"limit": 1 << 26}}}
    (here / "bundle/config.json").write_text(json.dumps(config))
    words = ["--userns", "auto", "bundle"]
    assert main(["plan", "--host", f"{HOSTS}/v2-rootless-session.json", *words]) == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("contain: warning: bundle/config.json:1:")
    assert "linux.resources.memory" in warning
    assert said(capsys, "v2-rootless-session", ["--strict", *words])[0].startswith("bundle/config.json:1:")


def test_allow_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The caller can say that a limit may be missing."""
    words = ["-m", "64m", "--allow-missing", "memory", "root"]
    assert main(["plan", "--host", f"{HOSTS}/v2-rootless-session.json", *words]) == 0
    assert "memory" in capsys.readouterr().err
