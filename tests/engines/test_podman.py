"""Podman as root and as an ordinary user, with and without the part of containers.conf that docs/engines.md gives: containers, pods, no cgroups."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.conftest import TOP
from tests.engines.conftest import on_v2, runner, wait_for
from tests.engines.terminal import play
from tests.installed import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import User
    from tests.engines.conftest import Engine

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="plays root and the ordinary user")]

OPTIONS = ["--network", "none"]
#: Root of a machine that is a container itself may not raise what Podman raises by default.
LIMITS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n'


class Podman:
    """One Podman: whose it is, and whether its containers.conf knows contain by name."""

    def __init__(self, engine: Engine, *, rootless: bool, told: bool) -> None:
        self.engine, self.rootless, self.told = engine, rootless, told

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`run --rm` of the image bb."""
        return self.engine("run", "--rm", *OPTIONS, *words)


def snippet(program: str) -> str:
    """The part of containers.conf in docs/engines.md, with the path of this installation."""
    with open(f"{TOP}/docs/engines.md", encoding="utf-8") as file:
        found = re.search(r"```toml\n(\[engine\]\nruntime = .*?)```", file.read(), re.DOTALL)
    assert found
    return found[1].replace("/usr/local/bin/contain", program)


@pytest.fixture(scope="module")
def place(user: User, image_tar: str) -> Iterator[str]:
    """A folder of the ordinary user's with the image and a readable installation; Podman allows its paths 50 characters."""
    if not shutil.which("podman"):
        pytest.skip("no podman: apt-get install podman")
    folder = tempfile.mkdtemp(prefix="pm.", dir="/var/tmp")
    shutil.copy(image_tar, f"{folder}/bb.tar")
    program = installed(f"{folder}/contain")
    for name, text in (("plain", ""), ("told", snippet(program))):
        with open(f"{folder}/{name}.conf", "w", encoding="utf-8") as file:
            file.write(LIMITS + text)
    for name in ("root", "home"):
        os.mkdir(f"{folder}/{name}", 0o700)
    os.mkdir(f"{folder}/home/run", 0o700)
    subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", f"{folder}/home"], check=True)
    os.chmod(folder, 0o755)
    yield folder
    subprocess.run(["chattr", "-R", "-i", folder], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=["root-plain", "root-told", "user-plain", "user-told"])
def podman(request: pytest.FixtureRequest, place: str, user: User) -> Iterator[Podman]:
    """Each Podman in turn; the image bb is there, and at the end no container."""
    who, how = request.param.split("-")
    home = f"{place}/{'home' if who == 'user' else 'root'}"
    base = ["podman", "--storage-driver", "vfs", "--root", f"{home}/r", "--runroot", f"{home}/rr", "--cgroup-manager", "cgroupfs"]
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home, "CONTAINERS_CONF": f"{place}/{how}.conf"}
    if how == "plain":
        base += ["--runtime", f"{place}/contain/bin/contain"]
    if who == "user":
        environment |= {"USER": user.name, "LOGNAME": user.name, "XDG_RUNTIME_DIR": f"{home}/run"}
        base = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", *base]
    base = ["env", "-i", "-C", home, *(f"{key}={value}" for key, value in environment.items()), *base]
    session = ""
    if who == "user" and on_v2():
        session, holder = log_in(user)
        base = ["nsenter", "-t", str(holder), "-C", "-m", *ENTER, *base]
    engine = runner(base)
    if engine("image", "exists", "bb").returncode != 0:
        engine("import", f"{place}/bb.tar", "bb", check=True)
    yield Podman(engine, rootless=who == "user", told=how == "told")
    engine("pod", "rm", "-fa", "-t", "0")
    engine("rm", "-fa", "-t", "0")
    end_pause(f"{home}/run/libpod/tmp/pause.pid")
    if session:
        remove_group(session)


#: What systemd does at a login, by hand: a group of the user's that is the top of all that he sees, with a leaf for his session
SESSION = """echo $$ >$0/cgroup.procs && exec unshare -C -m sh -c '
umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && mkdir /sys/fs/cgroup/session && echo 0 >/sys/fs/cgroup/session/cgroup.procs
for name in cpu memory pids; do echo +$name >/sys/fs/cgroup/cgroup.subtree_control; done
echo ready; exec sleep 100000'
"""
ENTER = ["sh", "-c", 'echo 0 >/sys/fs/cgroup/session/cgroup.procs && exec "$@"', "sh"]


def log_in(user: User) -> tuple[str, int]:
    """The group, and a process in its namespaces."""
    path = "/sys/fs/cgroup/contain-test-podman"
    os.mkdir(path)
    holder = subprocess.Popen(["sh", "-c", SESSION, path], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"ready\n"
    for folder in (path, f"{path}/session"):
        for name in ("", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"):
            os.chown(folder + name, user.uid, user.gid)
    return path, holder.pid


def remove_group(path: str) -> None:
    """With all below it."""
    with open(f"{path}/cgroup.kill", "w", encoding="ascii") as file:
        file.write("1")
    wait_for(lambda: "populated 0" in text_of(f"{path}/cgroup.events"), "the end of the session")
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)


def text_of(path: str) -> str:
    """Of a file of the kernel's."""
    with open(path, encoding="ascii") as file:
        return file.read()


def end_pause(path: str) -> None:
    """The process that keeps an ordinary user's namespaces for later Podmans."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        os.unlink(path)


def test_run(podman: Podman) -> None:
    """Root of the container, output, exit code."""
    done = podman.run("bb", "sh", "-c", "id -u; exit 7")
    assert (done.returncode, done.stdout) == (7, "0\n")


@pytest.mark.parametrize(
    ("options", "script", "expected"),
    [
        (["--read-only"], "touch /x 2>&1", "Read-only"),
        (["--cap-drop", "ALL"], "grep CapEff /proc/self/status", "0000000000000000"),
        (["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status", "1"),
        (["--tmpfs", "/scratch"], "grep ' /scratch tmpfs' /proc/mounts", "tmpfs"),
        (["-u", "1000:1001"], "id -u; id -g", "1000\n1001"),
        (["-w", "/tmp"], "pwd", "/tmp"),
        (["--hostname", "named"], "hostname", "named"),
        (["-v", "/usr/share:/shown:ro"], "touch /shown/x 2>&1; ls -d /shown/doc", "/shown/doc"),
        (["--init"], "cat /proc/1/cmdline", "podman-init"),
    ],
)
def test_options_of_run(podman: Podman, options: list[str], script: str, expected: str) -> None:
    """Each option is seen inside; catatonit is Podman's init."""
    if "--init" in options and not shutil.which("catatonit"):
        pytest.skip("no catatonit: apt-get install catatonit")
    assert expected in podman.run(*options, "bb", "sh", "-c", script + " 2>&1").stdout


@pytest.mark.parametrize(("program", "code"), [("nonesuch", 127), ("/nonesuch", 127), ("/etc", 126), ("/etc/passwd", 126)])
def test_programs_that_cannot_be_executed(podman: Podman, program: str, code: int) -> None:
    """Podman makes its exit codes of our words."""
    assert podman.run("bb", program).returncode == code


def test_privileged(podman: Podman) -> None:
    """All devices of the host: their modes are what stat(2) gives, permissions and the type of the file. An ordinary user gets his by bind mounts."""
    done = podman.run("--privileged", "bb", "stat", "-c", "%t:%T", "/dev/kmsg")
    assert (done.returncode, done.stdout) == (0, "1:b\n"), done.stderr


def test_life(podman: Podman) -> None:
    """Detached, entered, listed, read, killed, waited for, removed."""
    engine = podman.engine
    engine("run", "-d", "--name", "lives", *OPTIONS, "bb", "sh", "-c", "while :; do echo tick; sleep 0.2; done", check=True)
    done = engine("exec", "-w", "/tmp", "-u", "1000", "-e", "A=b", "lives", "sh", "-c", "pwd; id -u; echo $A; exit 5")
    assert (done.returncode, done.stdout.split()) == (5, ["/tmp", "1000", "b"])
    assert "echo tick" in engine("top", "lives", check=True).stdout
    assert "tick" in engine("logs", "lives", check=True).stdout
    assert engine("exec", "lives", "nonesuch").returncode == 127
    engine("kill", "-s", "KILL", "lives", check=True)
    assert engine("wait", "lives", check=True).stdout == "137\n"
    engine("restart", "-t", "0", "lives", check=True)
    engine("rm", "-f", "-t", "0", "lives", check=True)
    assert engine("inspect", "lives").returncode != 0


def test_terminal(podman: Podman) -> None:
    """A person works at it, in a container of his own and in one that runs."""
    play([*podman.engine.base, "run", "--rm", "-it", *OPTIONS, "bb"])  # type: ignore[attr-defined]
    podman.engine("run", "-d", "--name", "shared", *OPTIONS, "bb", "sleep", "1000", check=True)
    play([*podman.engine.base, "exec", "-it", "shared"])  # type: ignore[attr-defined]
    podman.engine("rm", "-f", "-t", "0", "shared", check=True)


def test_limits(podman: Podman) -> None:
    """Given, counted, changed, exceeded; and all of it stands still. An ordinary user has cgroups on v2, as a login gives him one."""
    engine = podman.engine
    if podman.rootless and not on_v2():
        pytest.skip("on cgroup v1 an ordinary user has no cgroups")
    limits = ["-m", "64m", "--memory-swap", "64m", "--pids-limit", "20"]
    engine("run", "-d", "--name", "limited", *OPTIONS, *limits, "bb", "sleep", "1000", check=True)
    files = "memory.max pids.max" if on_v2() else "memory/memory.limit_in_bytes pids/pids.max"
    read = ["exec", "limited", "sh", "-c", f"cd /sys/fs/cgroup; cat {files}"]
    assert engine(*read, check=True).stdout.split() == [str(64 << 20), "20"]
    assert "limited" in engine("stats", "--no-stream", "limited", check=True).stdout
    if on_v2():
        engine("update", "--memory", "32m", "--memory-swap", "32m", "limited", check=True)
        assert engine(*read, check=True).stdout.split() == [str(32 << 20), "20"]
    engine("pause", "limited", check=True)
    assert engine("inspect", "-f", "{{.State.Status}}", "limited").stdout == "paused\n"
    engine("unpause", "limited", check=True)
    engine("stop", "-t", "0", "limited", check=True)
    assert engine("inspect", "-f", "{{.State.ExitCode}}", "limited").stdout == "137\n"
    engine("rm", "limited", check=True)
    engine("run", "--name", "hungry", *OPTIONS, "-m", "16m", "--memory-swap", "16m", "bb", "sh", "-c", "head -c 64m /dev/zero | tail")
    # that it was the OOM killer, Podman 4.3 tells as little with runc and crun, on v1 and v2
    assert engine("inspect", "-f", "{{.State.ExitCode}}", "hungry").stdout == "137\n"
    engine("rm", "hungry", check=True)


def test_pod(podman: Podman) -> None:
    """Containers of a pod share what its infra container (catatonit) has."""
    if not shutil.which("catatonit"):
        pytest.skip("no catatonit: apt-get install catatonit")
    engine = podman.engine
    engine("pod", "create", "--name", "pod", "--hostname", "podded", "--network", "none", check=True)
    for name in ("one", "two"):
        engine("run", "-d", "--pod", "pod", "--name", name, "bb", "sleep", "1000", check=True)
    script = "for kind in net uts ipc; do readlink /proc/self/ns/$kind; done"
    seen = [engine("exec", name, "sh", "-c", script, check=True).stdout for name in ("one", "two")]
    assert seen[0] == seen[1] != ""
    assert engine("exec", "two", "hostname", check=True).stdout == "podded\n"
    engine("pod", "stop", "-t", "0", "pod", check=True)
    engine("pod", "start", "pod", check=True)
    assert engine("exec", "one", "hostname", check=True).stdout == "podded\n"
    engine("pod", "rm", "-f", "-t", "0", "pod", check=True)
    assert engine("ps", "-aq", check=True).stdout == ""


def test_without_cgroups(podman: Podman) -> None:
    """Podman knows by its configuration, only, that contain can do without."""
    done = podman.run("--cgroups=disabled", "bb", "echo", "hi")
    if podman.told:
        assert (done.returncode, done.stdout) == (0, "hi\n")
    else:
        assert "not compatible with NoCgroups" in done.stderr


@pytest.mark.parametrize("limit", ["-1", "0"])
def test_no_limit_on_processes(podman: Podman, limit: str) -> None:
    """Up to Podman 5.4 both become pids.limit 0, which before version 1.3 of the specification meant none."""
    done = podman.run(f"--pids-limit={limit}", "bb", "sh", "-c", "true | true; echo well")
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr
