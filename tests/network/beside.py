"""The worked examples beside the same servers under docker and podman, on the host's network: no bridge of theirs can be had everywhere.

`python -m tests.network.beside` (as root) prints a table. Nothing can be cut off there, so only starts and kills are compared. Each engine
has an image of nothing but the servers and their libraries, data in a tmpfs, and an own port for each member.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.network import etcd, redis

IMAGE = "servers"
PROGRAMS = ("etcd", "redis-server")
Engine = Callable[..., str]


def image(folder: str) -> str:
    """A tar of the servers with what they are linked to."""
    root = f"{folder}/image"
    for name in PROGRAMS:
        path = shutil.which(name)
        assert path, f"no {name}: apt-get install etcd-server redis-server"
        linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout.split()
        for one in [path, *(word for word in linked if word.startswith("/"))]:
            target = root + os.path.realpath(os.path.dirname(one)) + "/" + os.path.basename(one)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(one, target)
    for link, target in (("lib", "usr/lib"), ("lib64", "usr/lib64"), ("bin", "usr/bin")):
        os.makedirs(f"{root}/{target}", exist_ok=True)
        if not os.path.lexists(f"{root}/{link}"):
            os.symlink(target, f"{root}/{link}")
    for made in ("mnt", "tmp", "etc"):
        os.makedirs(f"{root}/{made}")
    subprocess.run(["tar", "-C", root, "-cf", f"{folder}/image.tar", "."], check=True)
    return f"{folder}/image.tar"


def runner(*base: str) -> Engine:
    """`engine(*words)`: its output."""

    def run(*words: str, check: bool = True) -> str:
        done = subprocess.run([*base, *words], capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    return run


@contextmanager
def podman(folder: str, tar: str) -> Iterator[Engine]:
    """With storage of its own."""
    engine = runner("podman", "--root", f"{folder}/p", "--runroot", f"{folder}/r", "--cgroup-manager", "cgroupfs", "--runtime", "runc")
    engine("import", tar, IMAGE)
    try:
        yield engine
    finally:
        engine("rm", "-fa", "-t", "0", check=False)


@contextmanager
def docker(folder: str, tar: str) -> Iterator[Engine]:
    """A dockerd of our own."""
    words = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "-H", f"unix://{folder}/sock"]
    with open(f"{folder}/log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(
            ["dockerd", *words, "--iptables=false", "--bridge=none"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    engine = runner("docker", "-H", f"unix://{folder}/sock")
    try:
        deadline = time.monotonic() + 60
        while not engine("info", "--format", "{{.ServerVersion}}", check=False).strip():
            assert time.monotonic() < deadline, "dockerd did not come up"
            time.sleep(0.1)
        engine("import", tar, IMAGE)
        yield engine
        left = engine("ps", "-aq").split()
        if left:
            engine("rm", "-f", *left)
    finally:
        daemon.terminate()
        daemon.wait(60)


ENGINES = {"podman": podman, "docker": docker}


def free_ports(count: int, most: int = 50000) -> list[int]:
    """Ports that nobody listens on now."""
    found: list[int] = []
    for port in range(20000, most):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return found


def start(engine: Engine, name: str, words: list[str]) -> None:
    """One member."""
    # this machine's root may not raise limits: those that there are do
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
    engine("run", "-d", "--name", name, "--network", "host", "--tmpfs", "/mnt", *limits, IMAGE, *words)


def dial(port: int) -> Callable[[], socket.socket]:
    """How a port of this host is reached."""
    return lambda: socket.create_connection(("127.0.0.1", port), 5)


def etcd_story(engine: Engine) -> dict[str, Any]:
    """As tests/network/etcd.py, without the cut."""
    names, ports = ["e1", "e2", "e3"], free_ports(6)
    places = {name: (ports[2 * index], ports[2 * index + 1]) for index, name in enumerate(names)}
    cluster = ",".join(f"{name}=http://127.0.0.1:{peer}" for name, (_, peer) in places.items())
    started = time.monotonic()
    for index, name in enumerate(names):
        words = dict(zip((found := etcd.command(index, names))[1::2], found[2::2], strict=True))
        clients, peers = (f"http://127.0.0.1:{port}" for port in places[name])
        words |= {"--listen-client-urls": clients, "--advertise-client-urls": clients, "--listen-peer-urls": peers}
        words |= {"--initial-advertise-peer-urls": peers, "--initial-cluster": cluster}
        start(engine, name, ["/usr/bin/etcd", *(word for pair in words.items() for word in pair)])
    client = etcd.Client({name: dial(port) for name, (port, _) in places.items()})
    return etcd.story(client, None, lambda name: engine("kill", "-s", "KILL", name), started)


def redis_story(engine: Engine) -> dict[str, Any]:
    """As tests/network/redis.py."""
    ports = free_ports(6, 50000)
    started = time.monotonic()
    for port in ports:
        start(engine, f"r{port}", ["/usr/bin/redis-server", *redis.command(port)[1:]])
    nodes = {f"127.0.0.1:{port}": dial(port) for port in ports}

    def create() -> None:
        words = ["redis-cli", "--cluster", "create", *nodes, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(words, check=True, capture_output=True, timeout=60)

    return redis.story(redis.Client(dict(nodes)), create, lambda node: engine("kill", "-s", "KILL", f"r{node.split(':')[1]}"), started)


def measure(name: str) -> dict[str, dict[str, Any]]:
    """Both examples under an engine; nothing of it is left."""
    folder = tempfile.mkdtemp(prefix="beside.", dir="/var/tmp")
    try:
        tar = image(folder)
        with ENGINES[name](folder, tar) as engine:
            return {"etcd": etcd_story(engine), "redis": redis_story(engine)}
    finally:
        remove(folder)


def remove(folder: str) -> None:
    """The folder, and what engines leave mounted there: podman its layers, dockerd the host's network.

    The cleaner that podman starts behind a container that ends mounts the layers once more.
    """
    deadline = time.monotonic() + 20
    while True:
        with open("/proc/self/mounts", encoding="utf-8") as file:
            points = [line.split()[1] for line in file]
        for point in sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True):
            subprocess.run(["umount", point], check=True)
        try:
            shutil.rmtree(folder)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def own() -> dict[str, dict[str, Any]]:
    """Both examples as they stand."""
    return {"etcd": etcd.main(), "redis": redis.main()}


def cell(values: list[float]) -> str:
    """The median, with the least and the most."""
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.1f} ({ordered[0]:.1f}–{ordered[-1]:.1f})" if ordered else "–"


def main(engines: list[str], rounds: int = 5) -> None:
    """The table: rows are what was waited for, in seconds; all take turns."""
    found: dict[str, list[dict[str, dict[str, Any]]]] = {"contain": [], **{name: [] for name in engines}}
    for _ in range(rounds):
        for name, reports in found.items():
            reports.append(own() if name == "contain" else measure(name))
    print(f"| seconds | {' | '.join(found)} |\n| --- |{' ---: |' * len(found)}")
    for example in ("etcd", "redis"):
        for row, value in found["contain"][0][example].items():
            if isinstance(value, float):
                cells = [cell([report[example][row] for report in reports if row in report[example]]) for reports in found.values()]
                print(f"| {example}: {row} | {' | '.join(cells)} |")
    lost = [report["etcd"]["lost"] for reports in found.values() for report in reports]
    kept = [report["etcd"]["acknowledged"] for reports in found.values() for report in reports]
    print(f"etcd: {sum(kept)} writes acknowledged in all rounds, {sum(lost)} lost")
    print(f"redis: {[report['redis']['lost'] for reports in found.values() for report in reports]} acknowledged writes of 300 lost")


if __name__ == "__main__":
    main(sys.argv[1:] or [name for name in ENGINES if shutil.which(name)])
