"""Options that are wrong, one each: exactly the first line that a person reads, and the cause and remedy below it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.errors.said import said

if TYPE_CHECKING:
    from pathlib import Path

#: words of the command line, first line, what stands in cause or remedy
OPTIONS: tuple[tuple[list[str], str, str], ...] = (
    (["--memroy", "1g", "root"], "<command line>:--memroy: no such option", "did you mean --memory?"),
    (["--net", "host", "root"], "<command line>:--net: no such option", "did you mean --network?"),
    (["-p", "80:80", "root"], "<command line>:-p: no such option", "--network host"),
    (["-d", "--timeout", "5s", "root"], "<command line>:--timeout: nobody stays to watch a detached container", "drop --detach"),
    (["-d", "--cpu-time", "5s", "root"], "<command line>:--cpu-time: nobody stays to watch a detached container", "drop --detach"),
    (["-d", "--die-with-parent", "root"], "<command line>:--die-with-parent: nobody stays to watch a detached container", "drop --detach"),
    (["-d", "--rm", "root"], "<command line>:--rm: nobody stays to watch a detached container", "contain rm"),
    (["--root", "/x", "root"], "<command line>:--root: no such option", "contain --root DIR run"),
    (["--entrypoint", "sh", "root"], "<command line>:--entrypoint: no such option", "behind --"),
    (["-m", "lots", "root"], "<command line>:-m: 'lots' is not a size such as 512m or 2g", "expected -m SIZE"),
    (["-m", "4", "root"], "<command line>:--memory: 4 bytes are too little to start anything", "unit may be missing"),
    (["--memory-swap", "1g", "root"], "<command line>:--memory-swap: needs a memory limit", "give --memory too"),
    (["-m", "2g", "--memory-swap", "1g", "root"], "<command line>:--memory-swap: is less than --memory", "memory and swap together"),
    (["--cpus", "many", "root"], "<command line>:--cpus: 'many' is not a number of processors such as 1.5 (at least 0.01)", "--cpus N"),
    (["--cpuset-cpus", "3-1", "root"], "<command line>:--cpuset-cpus: '3-1' is not a list of processors", "0-2,4"),
    (["--pids-limit", "x", "root"], "<command line>:--pids-limit: 'x' is not a whole number, or -1", "--pids-limit N"),
    (["--timeout", "soon", "root"], "<command line>:--timeout: 'soon' is not a time such as 30s, 5m or 1h30m", "--timeout TIME"),
    (["--network", "bridge", "root"], "<command line>:--network: 'bridge' is not one of none, host", "--network MODE"),
    (["-v", "data:/x", "root"], "<command line>:--volume: there is no volume named data", "write ./data"),
    (["-v", "/x", "root"], "<command line>:--volume: '/x' has no place inside the container", "--tmpfs /x"),
    (["-v", "/x:y", "root"], "<command line>:--volume: 'y' is not an absolute path inside the container", "write /y"),
    (["-v", "/x:/", "root"], "<command line>:--volume: the root itself cannot be mounted over", "TARGET"),
    (["-v", "/x:/y:rx", "root"], "<command line>:--volume: unknown option 'rx' of a volume", "ro, rw"),
    (["-v", "/a:/y", "-v", "/b:/y", "root"], "<command line>:--volume: /y is mounted twice", "--volume mounts it too"),
    (["--mount", "type=volume,src=a,dst=/b", "root"], "<command line>:--mount: cannot mount a volume", "no named volumes"),
    (["--mount", "typ=bind", "root"], "<command line>:--mount: unknown field 'typ'", "bind-propagation"),
    (["--tmpfs", "/x:mode=9", "root"], "<command line>:--tmpfs: '9' is not a mode", "octal"),
    (["-e", "=x", "root"], "<command line>:--env: '=x' has no name before =", "NAME=VALUE"),
    (["--env-file", "none", "root"], "<command line>:--env-file: cannot read none: No such file or directory", "readable file"),
    (["-u", "a:", "root"], "<command line>:--user: 'a:' is not a user", "USER:GROUP"),
    (["-w", "srv", "root"], "<command line>:--workdir: srv is not an absolute path", "--workdir /srv"),
    (["--hostname", "a b", "root"], "<command line>:--hostname: 'a b' is not a host name", "64 letters"),
    (["--cap-add", "NET_ADMINS", "root"], "<command line>:--cap-add: unknown capability 'NET_ADMINS'", "capabilities(7)"),
    (["--security-opt", "secomp=x", "root"], "<command line>:--security-opt: unknown security option 'secomp'", "seccomp"),
    (
        ["--security-opt", "seccomp=none.json", "root"],
        "<command line>:--security-opt: none.json: cannot read it: No such file or directory",
        "seccomp profile",
    ),
    (
        ["--security-opt", "seccomp=unconfined", "--seccomp-action", "log", "root"],
        "<command line>:--seccomp-action: there is no default filter to change",
        "seccomp=default",
    ),
    (["--ulimit", "files=1", "root"], "<command line>:--ulimit: unknown limit 'files'", "nofile"),
    (["--ulimit", "nofile=5:1", "root"], "<command line>:--ulimit: the soft limit 5 is above the hard limit 1", "nofile=1:5"),
    (
        ["--device", "/dev/none", "root"],
        "<command line>:--device: cannot find the device /dev/none: No such file or directory",
        "below /dev",
    ),
    (["--device", "/etc/passwd", "root"], "<command line>:--device: /etc/passwd is not a device", "--volume"),
    (["--name", "a/b", "root"], "<command line>:--name: 'a/b' cannot be a name", "letters, digits"),
    (["--label", "=x", "root"], "<command line>:--label: '=x' has no key before =", "KEY=VALUE"),
    (["--workspace", "rw", "root"], "<command line>:--workspace: only a run without a TARGET has a workspace", "--volume .:/work"),
    (
        ["--read-only", "--overlay", "root"],
        "<command line>:--overlay: an overlay of a read-only root could take no change",
        "drop --read-only",
    ),
    (
        ["--mount", "type=bind,src=/etc,dst=/x,readonly=perhaps", "root"],
        "<command line>:--mount: readonly: 'perhaps' is neither true nor false",
        "readonly alone",
    ),
    (["--mount", "type=bind,src=/etc", "root"], "<command line>:--mount: the place inside the container is missing", "dst=/TARGET"),
    (["--tmpfs", ":size=1m", "root"], "<command line>:--tmpfs: the place inside the container is missing", "/TARGET"),
    (["--socket", "notes.txt", "root"], "<command line>:--socket: HERE/notes.txt is not a socket", "--volume"),
    (["--ulimit", "nofile", "root"], "<command line>:--ulimit: no value for nofile", "nofile=SOFT"),
    (["--preserve-fds", "-1", "root"], "<command line>:--preserve-fds: fewer than none cannot be passed", "from 0 on"),
    (["--cgroup-parent", "/a/../..", "root"], "<command line>:--cgroup-parent: /a/../.. leads out of the cgroup tree", "without .."),
    (["--disk", "1", "root"], "<command line>:--disk: 1 bytes are too little for a file system", "64k"),
    (["--memory"], "<command line>:--memory: needs a value", "--memory SIZE"),
    (["root", "ls"], "<command line>:ls: more than one TARGET: root ls", "contain run root -- ls"),
    (["nowhere"], "<command line>:TARGET: cannot open nowhere: No such file or directory", "contain run -- nowhere"),
    (["notes.txt"], "<command line>:TARGET: notes.txt is neither a bundle, a rootfs folder nor an .aci file", "contain run -- notes.txt"),
    ([], "neither a target nor a command is given", "contain run -- COMMAND"),
)


@pytest.fixture(autouse=True)
def _here(nothing_is_launched: Path) -> None:
    """In a folder with a root file system and some notes."""


@pytest.mark.parametrize(("words", "first", "below"), OPTIONS, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_options(capsys: pytest.CaptureFixture[str], words: list[str], first: str, below: str) -> None:
    """The place of an option is its name."""
    lines = said(capsys, words)
    assert lines[0].replace(os.getcwd(), "HERE") == first
    assert lines[-1].startswith("  remedy: ")
    assert below in "\n".join(lines[1:])
