"""Decoys of what a host must not give away (an engine's socket, an ssh agent, D-Bus, keys, shadow files), against every option that opens something."""

from __future__ import annotations

import os
import select
import shutil
import socket
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

SECRET = "decoy-of-a-secret"
#: tries every path, as it is and through whatever else might lead to the host's root
PROBE = """
import os, socket, sys
sockets, files, abstract = [part.split(",") for part in sys.argv[1:4]]
ways = ["", "/proc/1/root", "/proc/self/root", "/proc/self/cwd/../../../../../..", "/..", *(f"/proc/self/fd/{fd}/../../../.." for fd in range(12))]
for path in sockets:
    for way in ways:
        for target in (way + path, os.path.relpath(path)) if not way else (way + path,):
            for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
                try:
                    if len(target) > 107:
                        os.chdir(os.path.dirname(target))
                        target = os.path.basename(target)
                    socket.socket(socket.AF_UNIX, kind).connect(target)
                    print("connected", path, way)
                except OSError:
                    pass
for name in abstract:
    try:
        socket.socket(socket.AF_UNIX).connect("\\0" + name)
        print("connected", name)
    except OSError:
        pass
for path in files:
    for way in ways:
        try:
            print("read", path, way, open(way + path).read())
        except OSError:
            pass
print("tried")
"""


class Decoys(NamedTuple):
    """What is there to be found, and how its owner calls contain."""

    owner: str
    home: str
    work: str
    sockets: list[str]
    files: list[str]
    servers: list[socket.socket]
    run: Callable[..., subprocess.CompletedProcess[str]]


def listening(path: str, uid: int) -> socket.socket:
    """A socket of the owner's that somebody answers at."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    if not path.startswith("\0"):
        os.chmod(path, 0o666)
        os.chown(path, uid, -1)
    server.listen(64)
    server.setblocking(False)
    return server


@pytest.fixture(params=["root", "user"])
def decoys(request: pytest.FixtureRequest, launcher: str) -> Iterator[Decoys]:
    """A home with keys, sockets where engines, agents and buses have theirs, a neutral working folder; all the caller's own, so no permission helps."""
    user = request.getfixturevalue("user") if request.param == "user" else None
    uid, gid = (user.uid, user.gid) if user else (0, 0)
    folders = [tempfile.mkdtemp(prefix="decoy.", dir=place) for place in ("/srv", "/tmp", "/run", "/var/tmp", "/opt", "/srv")]
    for folder in folders:
        os.chown(folder, uid, gid)
        os.chmod(folder, 0o755)
    home, agent, engine, spool, outside, work = folders
    os.mkdir(f"{home}/.ssh")
    files = [f"{home}/.ssh/id_ed25519", f"{home}/.netrc", f"{engine}/token", f"{agent}/cookie"]
    for path in files:
        with open(path, "w", encoding="utf-8") as file:
            file.write(SECRET)
    for folder, _, names in os.walk(home):
        for path in (folder, *(f"{folder}/{name}" for name in names)):
            os.chown(path, uid, gid)
    paths = [f"{engine}/docker.sock", f"{agent}/agent.1", f"{spool}/bus", f"{outside}/gpg", f"{home}/S.gpg-agent"]
    abstract = f"decoy-{os.getpid()}"
    servers = [listening(path, uid) for path in (*paths, f"\0{abstract}")]
    contain = user.contain if user else request.getfixturevalue("contain")
    environment = {
        **(user.environment if user else os.environ),
        "HOME": home,
        "SSH_AUTH_SOCK": paths[1],
        "DOCKER_HOST": f"unix://{paths[0]}",
    }

    def run(*words: str, cwd: str = work) -> subprocess.CompletedProcess[str]:
        options: dict[str, Any] = {"env": environment, "cwd": cwd}
        probe = ["/usr/bin/python3", "-c", PROBE, ",".join(paths), ",".join([*files, "/etc/shadow", "/etc/gshadow"]), abstract]
        return contain("run", *words, "--", *probe, **options)

    yield Decoys(request.param, home, work, paths, files, servers, run)
    for server in servers:
        server.close()
    for folder in folders:
        shutil.rmtree(folder)


#: options that open something, and what they may open of the decoys
OPENING = {
    "": "",
    "--overlay": "",
    "--read-only": "",
    "--workspace none": "",
    "--workspace ro": "",
    "--workspace rw": "",
    "--privileged": "",
    "--cap-add ALL --security-opt seccomp=unconfined": "",
    "--security-opt unmask=ALL --security-opt no-new-privileges=false": "",
    "--userns keep-id": "",
    "--userns host --cap-add DAC_OVERRIDE": "",
    "--network host": "decoy-",
    "--tmpfs /run --tmpfs /mnt/x": "",
    "--device /dev/null:/dev/hole": "",
    "-v WORK:/mnt/work --mount type=bind,src=WORK,dst=/mnt/again": "",
    "--socket BUS": "BUS",
    "-v /opt:/opt:ro": "",
    "-v /opt:/mnt/opt": "",
    "-v HOME/.netrc:/mnt/netrc:ro": "",
}


@pytest.mark.parametrize("options", OPENING)
def test_only_what_was_opened(decoys: Decoys, options: str) -> None:
    """No socket is connected to, nothing hidden is read: neither by its path nor through /proc, from wherever."""
    bus = decoys.sockets[2]
    words = options.replace("WORK", decoys.work).replace("HOME", decoys.home).replace("BUS", bus).split()
    done = decoys.run(*words)
    if decoys.owner == "user" and "--userns host" in options:
        assert done.returncode == 125
        return
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["tried"]), done.stderr
    assert SECRET not in done.stdout
    assert "root:" not in done.stdout
    allowed = OPENING[options].replace("BUS", bus)
    connected = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("connected")}
    assert {name for name in connected if not allowed or not name.startswith(allowed)} == set()
    answered = [server for server in decoys.servers if select.select([server], [], [], 0)[0]]
    assert len(answered) == len(connected) == (1 if allowed else 0)


def test_working_folder_in_a_home(decoys: Decoys) -> None:
    """Called in a home, in a folder above it, in a project of it, or where the keys are: no key is shown."""
    inside = f"{decoys.home}/project"
    os.mkdir(inside)
    os.chown(inside, os.stat(decoys.home).st_uid, -1)
    for cwd in (decoys.home, "/srv", inside, f"{decoys.home}/.ssh"):
        done = decoys.run(cwd=cwd)
        assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["tried"]), (cwd, done.stderr)
        assert SECRET not in done.stdout, cwd
        assert "connected" not in done.stdout
