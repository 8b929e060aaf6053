"""`contain run` in a root file system, as root and as an ordinary user: every option does what it says."""

from __future__ import annotations

import json
import os
import stat
import tarfile
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from contain.spec import presets

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

pytestmark = pytest.mark.live

FACTS = """id -u; id -g; cat /proc/self/status; echo; env; echo; cut -d' ' -f2- /proc/mounts; echo; hostname; pwd"""


class Caller(NamedTuple):
    """Who runs, in which folder, how."""

    name: str
    folder: str
    run: Callable[..., subprocess.CompletedProcess[str]]
    verb: Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["root", "user"])
def caller(request: pytest.FixtureRequest, launcher: str) -> Caller:
    """Root and an ordinary user, each with a folder of its own that holds `root`, a busybox."""
    if request.param == "root":
        contain, root = request.getfixturevalue("contain"), request.getfixturevalue("rootfs")
        folder = os.path.dirname(root)
        os.rename(root, f"{folder}/root")
        return Caller("root", folder, lambda *words, **options: contain("run", *words, **{"cwd": folder, **options}), contain)
    user, root = request.getfixturevalue("user"), request.getfixturevalue("user_rootfs")
    folder = f"{root}.run"
    os.mkdir(folder)
    os.rename(root, f"{folder}/root")
    os.chown(folder, user.uid, user.gid)
    return Caller("user", folder, lambda *words, **options: user.contain("run", *words, **{"cwd": folder, **options}), user.contain)


def shell(caller: Caller, script: str, *options: str, **popen: Any) -> str:
    """What a script in the container prints; it must succeed."""
    done = caller.run(*options, "root", "--", "sh", "-c", script, **popen)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_allowed_but_to_run(caller: Caller) -> None:
    """No capability, no new privileges, a filter; id 0 of a namespace of its own; only the allowed environment."""
    secrets = {"env": {**os.environ, "TOKEN": "x", "LC_ALL": "C"}} if caller.name == "root" else {}
    status, env, mounts, names = shell(caller, FACTS, **secrets).split("\n\n")
    facts = dict(line.split(":", 1) for line in status.splitlines()[2:])
    assert status.splitlines()[:2] == ["0", "0"]
    assert {int(facts[key], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (facts["NoNewPrivs"].strip(), facts["Seccomp"].strip()) == ("1", "2")
    given = {line.partition("=")[0] for line in env.splitlines() if not line.startswith("LC_")}
    assert given <= {"PATH", "HOME", "PWD", "SHLVL", *presets.ENVIRONMENT}
    assert {"/proc proc", "/dev tmpfs", "/sys sysfs", "/tmp tmpfs"} <= {" ".join(line.split()[:2]) for line in mounts.splitlines()}
    assert names.split() == ["contain", "/"]


def test_no_network_but_loopback(caller: Caller) -> None:
    """One interface, and it is up."""
    assert shell(caller, "ls /sys/class/net; cat /sys/class/net/lo/carrier").split() == ["lo", "1"]


def test_hosts_network(caller: Caller) -> None:
    """The same interfaces as outside."""
    inside = shell(caller, "tail -n +3 /proc/net/dev | cut -d: -f1", "--network", "host").split()
    with open("/proc/net/dev", encoding="ascii") as file:
        assert sorted(inside) == sorted(line.split(":")[0].strip() for line in file.readlines()[2:])


def test_volumes(caller: Caller) -> None:
    """Read-only is read-only; a writable one takes files that belong to the caller; set-uid and devices are off."""
    os.mkdir(f"{caller.folder}/data")
    os.chown(f"{caller.folder}/data", *os.stat(caller.folder)[stat.ST_UID : stat.ST_GID + 1])
    script = "touch /b/made; touch /a/x 2>/dev/null && echo written; grep -c nosuid,nodev /proc/mounts >/dev/null && cat /a/made"
    assert shell(caller, script, "-v", "./data:/a:ro", "-v", f"{caller.folder}/data:/b") == ""
    assert os.stat(f"{caller.folder}/data/made").st_uid == os.stat(caller.folder).st_uid


def test_missing_source_is_an_error(caller: Caller) -> None:
    """It is never made."""
    done = caller.run("-v", "./none:/a", "root", "--", "true")
    assert done.returncode == 125
    assert done.stderr.startswith("<command line>:--volume: cannot mount ")
    assert not os.path.exists(f"{caller.folder}/none")


def test_read_only_root(caller: Caller) -> None:
    """The root takes nothing, /tmp does."""
    assert shell(caller, "touch /x 2>/dev/null && echo written; touch /tmp/x", "--read-only") == ""
    assert not os.path.exists(f"{caller.folder}/root/x")


def test_capabilities(caller: Caller) -> None:
    """Exactly those that are added; what was given is of the container's own namespace."""
    script = "grep -E 'Cap(Bnd|Eff)' /proc/self/status | tr -d '\\t' | cut -d: -f2"
    held = {int(word, 16) for word in shell(caller, script, "--cap-add", "chown", "--cap-add", "NET_RAW").split()}
    assert held == {1 << 0 | 1 << 13}


def test_privileged(caller: Caller) -> None:
    """All capabilities that the caller may have, no filter, no masks."""
    status = shell(caller, "cat /proc/self/status; ls /sys/firmware | head -1", "--privileged")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert int(facts["CapEff"], 16).bit_count() > 35
    assert facts["Seccomp"].strip() == "0"
    assert facts["NoNewPrivs"].strip() == "0"


def test_seccomp_profile_of_a_file(caller: Caller) -> None:
    """docker's format, resolved; the filter is in force."""
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
        "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
            {"name": "chmod", "action": "SCMP_ACT_ERRNO", "excludes": {"arches": ["amd64", "arm64"]}},
        ],
    }
    with open(f"{caller.folder}/profile.json", "w", encoding="utf-8") as file:
        json.dump(profile, file)
    said = shell(caller, "mkdir /tmp/x 2>&1; touch /tmp/y; chmod 700 /tmp/y", "--security-opt", "seccomp=profile.json")
    assert "not supported" in said


def test_many_at_once(caller: Caller) -> None:
    """--env beats --env-file, --tmpfs has its size, and working folder, host name, limits, user and umask are as asked for."""
    with open(f"{caller.folder}/vars", "w", encoding="utf-8") as file:
        file.write("A=file\nB=file\n")
    script = "echo $A $B $LOGNAME; pwd; hostname; ulimit -n; umask; id -u; id -g; touch /s/x && grep -c ' /s .*size=64k' /proc/mounts"
    words = "-e A=option --env-file vars -w /tmp -h web --ulimit nofile=12:34 -u 5:7 --tmpfs /s:size=64k"
    assert shell(caller, script, *words.split()).split() == ["option", "file", "/tmp", "web", "12", "0022", "5", "7", "1"]


def test_stdin_only_when_asked(caller: Caller) -> None:
    """docker's rule."""
    assert shell(caller, "cat", input="data") == ""
    assert shell(caller, "cat", "-i", input="data") == "data"


def test_exit_codes(caller: Caller) -> None:
    """The command's own, a signal's, and those of commands that cannot be run."""
    found = [
        caller.run("root", "--", *words).returncode for words in (["sh", "-c", "exit 3"], ["sh", "-c", "kill -9 $$"], ["/bin"], ["nothing"])
    ]
    assert found == [3, 137, 126, 127]


def test_pid_file(caller: Caller) -> None:
    """It names the first process while the container runs, and is gone afterwards."""
    assert shell(caller, "cat /h/pid", "--pid-file", "pid", "-v", ".:/h").strip().isdecimal()


def test_image(caller: Caller) -> None:
    """An appc image: its app runs, its mount point is filled, and nothing of the archive is left."""
    manifest = {
        "acKind": "ImageManifest",
        "acVersion": "0.8.11",
        "name": "example.com/web",
        "app": {
            "exec": ["/bin/sh", "-c", "echo $AC_APP_NAME; cat /var/db/data; id -u"],
            "user": "0",
            "group": "0",
            "mountPoints": [{"name": "db", "path": "/var/db", "readOnly": True}],
        },
    }
    for name, text in (("manifest", json.dumps(manifest)), ("data", "stored\n")):
        with open(f"{caller.folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    with tarfile.open(f"{caller.folder}/web.aci", "w:gz") as tar:
        tar.add(f"{caller.folder}/manifest", "manifest")
        tar.add(f"{caller.folder}/root", "rootfs")
    spare = f"{caller.folder}/spare"
    os.mkdir(spare)
    os.chmod(spare, 0o1777)
    environment = {**os.environ, "TMPDIR": spare} if caller.name == "root" else None
    done = caller.run("-v", ".:db", "web.aci", **({"env": environment} if environment else {}))
    assert (done.returncode, done.stdout) == (0, "web\nstored\n0\n"), done.stderr
    assert os.listdir(spare) == []


def test_throw_away_root(caller: Caller) -> None:
    """--overlay takes changes to files that are there, up to --disk, and the root stays as it was."""
    script = "echo changed > /bin/made && cat /bin/made; cat /bin/busybox /bin/busybox /bin/busybox > /big 2>/dev/null || echo full"
    assert shell(caller, script, "--overlay", "--disk", "1m").split() == ["changed", "full"]
    assert not os.path.exists(f"{caller.folder}/root/bin/made")


def test_workspace(caller: Caller) -> None:
    """The host view shows the working folder: changes vanish, or stay with rw, with the caller as their owner."""
    work = f"{caller.folder}/work"
    os.mkdir(work)
    with open(f"{work}/file", "w", encoding="utf-8") as file:
        file.write("here\n")
    for path in (work, f"{work}/file"):
        os.chown(path, *os.stat(caller.folder)[stat.ST_UID : stat.ST_GID + 1])
    script = "cat file && echo more >> file && touch made && cat file"
    for mode, after in (([], "here\n"), (["--workspace", "rw"], "here\nmore\n")):
        done = caller.run(*mode, "--", "sh", "-c", script, cwd=work)
        assert (done.returncode, done.stdout) == (0, "here\nhere\nmore\n"), done.stderr
        with open(f"{work}/file", encoding="utf-8") as file:
            assert file.read() == after
    assert os.stat(f"{work}/made").st_uid == os.stat(work).st_uid
    assert caller.run("--workspace", "ro", "--", "touch", "other", cwd=work).returncode == 1
    assert caller.run("--workspace", "none", "--", "ls", work, cwd=work).returncode == 2


def test_keep_id(caller: Caller) -> None:
    """The caller's id, seen as itself."""
    assert shell(caller, "id -u", "--userns", "keep-id").strip() == str(os.stat(caller.folder).st_uid)


def test_device_at_another_place(caller: Caller) -> None:
    """A device of the host under another name, where nodes cannot be made too."""
    assert shell(caller, "ls -l /dev/hole | cut -c1; echo x > /dev/hole", "--device", "/dev/null:/dev/hole") == "c\n"


def test_all_devices(caller: Caller) -> None:
    """--privileged shows what the caller may open."""
    shown = set(shell(caller, "cd /dev; find . -type c -o -type b", "--privileged").split())
    assert {"./null", "./tty"} <= shown
    assert ("./kmsg" in shown) == (caller.name == "root" or os.stat("/dev/kmsg").st_mode & 0o004 != 0)


def test_warnings_only_about_what_was_asked_for(caller: Caller) -> None:
    """contain's own choices are no news."""
    done = caller.run("--network", "host", "--device", "/dev/null:/dev/hole", "root", "--", "true")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)])
def test_closed_standard_streams(caller: Caller, closed: tuple[int, ...]) -> None:
    """Nothing of ours takes their place: the container finds /dev/null there, and no further descriptor."""
    script = 'x=$(for fd in 0 1 2 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$fd || echo; done); echo "$x" > /h/found'
    done = caller.run("-i", "-v", ".:/h", "root", "--", "sh", "-c", script, preexec_fn=lambda: [os.close(fd) for fd in closed])
    assert done.returncode == 0
    with open(f"{caller.folder}/found", encoding="utf-8") as file:
        found = file.read().splitlines()
    assert [found[fd] for fd in closed] == ["/dev/null"] * len(closed)
    assert [name for name in found[3:] if name and not name.startswith("pipe:")] == []  # the shell's own
