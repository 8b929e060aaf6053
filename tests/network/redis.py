"""A worked example: a Redis Cluster of six, one of whose masters is killed; its replica takes over.

Redis acknowledges a write before a replica has it, so acknowledged writes may be lost here, and nothing says otherwise: this counts them.
Run it as `python tests/network/redis.py`, as root or as an ordinary user; it needs Debian's redis-server.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any, BinaryIO

PORT = 6379
NODE_TIMEOUT = 1000  # ms until a node that is silent is suspected; 15 s unless told otherwise
Dial = Callable[[], socket.socket]


def command(port: int = PORT) -> list[str]:
    """One node, with nothing on a disk but who belongs to the cluster."""
    return [
        *("redis-server", "--port", str(port), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--appendonly", "no"),
        *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", str(NODE_TIMEOUT)),
        *("--dir", "/mnt", "--logfile", "/dev/null"),
    ]


class Refused(Exception):  # noqa: N818  what the server says
    """An error that a node answers."""


def ask(dial: Dial, *words: str) -> Any:
    """One question to one node; OSError when there is no answer, Refused when it is an error."""
    with dial() as client, client.makefile("rb") as answer:
        client.settimeout(1)
        client.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words))
        return _read(answer)


def _read(answer: BinaryIO) -> Any:
    line = answer.readline()
    kind, rest = line[:1], line[1:].strip().decode()
    if not kind:
        raise OSError("no answer")
    if kind == b"-":
        raise Refused(rest)
    if kind == b"$":
        return answer.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else None
    return [_read(answer) for _ in range(int(rest))] if kind == b"*" else rest


class Client:
    """Writes and reads wherever the cluster says that a key belongs."""

    def __init__(self, nodes: dict[str, Dial]) -> None:
        """`nodes` are "address:port", as nodes name each other, with how each is reached."""
        self.nodes = nodes
        self.acknowledged: dict[str, str] = {}

    def _anywhere(self, *words: str) -> Any:
        """Follows where it is sent."""
        for dial in list(self.nodes.values()):
            try:
                return ask(dial, *words)
            except Refused as problem:
                kind, _, place = str(problem).partition(" ")
                if kind != "MOVED":
                    raise
                target = self.nodes.get(place.split()[1])
                if target is None:
                    raise OSError(f"sent to {place}, which is dead") from None
                return ask(target, *words)
            except OSError:
                continue
        raise OSError("no node answers")

    def put(self, key: str, value: str) -> bool:
        """Whether it was acknowledged."""
        try:
            done = self._anywhere("SET", key, value) == "OK"
        except (OSError, Refused):
            return False
        if done:
            self.acknowledged[key] = value
        return done

    def lost(self) -> int:
        """How many of the acknowledged writes are not there."""
        return sum(self._anywhere("GET", key) != value for key, value in self.acknowledged.items())

    def facts(self, node: str, about: str) -> dict[str, str]:
        """INFO, or CLUSTER INFO, of one node."""
        words = ("CLUSTER", "INFO") if about == "cluster" else ("INFO", about)
        return dict(line.split(":", 1) for line in ask(self.nodes[node], *words).split("\r\n") if ":" in line)

    def master(self, node: str) -> str:
        """Whose replica a node is; ":" for nobody's."""
        facts = self.facts(node, "replication")
        return f"{facts.get('master_host', '')}:{facts.get('master_port', '')}"

    def settled(self) -> bool:
        """Whether all nodes agree that the cluster is whole, and each master's replica is in step."""
        for node in self.nodes:
            if self.facts(node, "cluster")["cluster_state"] != "ok":
                return False
            replication = self.facts(node, "replication")
            if replication["role"] == "master" and "state=online" not in replication.get("slave0", ""):
                return False
        return True


def until(holds: Callable[[], bool], what: str, patience: float = 60) -> float:
    """Seconds until it does."""
    start = time.monotonic()
    while time.monotonic() - start < patience:
        try:
            if holds():
                return time.monotonic() - start
        except (OSError, Refused):
            pass
        time.sleep(0.02)
    raise TimeoutError(f"never: {what}")


def story(client: Client, create: Callable[[], Any], kill: Callable[[str], Any], started: float) -> dict[str, Any]:
    """What is done to a cluster and what it took."""
    nodes = list(client.nodes)
    for node in nodes:
        until(lambda node=node: ask(client.nodes[node], "PING") == "PONG", f"{node} answers")  # type: ignore[misc]
    create()
    until(client.settled, "the cluster is whole")
    report: dict[str, Any] = {"cluster of six is whole after": time.monotonic() - started}
    for index in range(300):
        client.put(f"key{index}", f"value{index}")
    before = len(client.acknowledged)
    # a key of the first node's: what belongs to its slots cannot be written until somebody else has them
    masters = [node for node in nodes if client.facts(node, "replication")["role"] == "master"]
    victim = masters[0]
    replica = next(node for node in nodes if client.master(node) == victim)
    key = next(f"key{index}" for index in range(300) if _holds(client, victim, f"key{index}"))
    kill(victim)
    del client.nodes[victim]
    report["write after the master was killed"] = until(lambda: client.put(key, "new"), "its slots are served")
    assert client.facts(replica, "replication")["role"] == "master"
    until(lambda: all(client.facts(node, "cluster")["cluster_state"] == "ok" for node in client.nodes), "all know of it")
    report["acknowledged"], report["lost"] = before, client.lost()
    return report


def _holds(client: Client, node: str, key: str) -> bool:
    try:
        return ask(client.nodes[node], "GET", key) is not None
    except Refused:
        return False


def main() -> dict[str, Any]:
    """The example itself."""
    import contain

    box = contain.Sandbox(workspace="none", tmpfs={"/mnt": "size=64m"}, allow_missing=["pids", "memory", "swap"])
    started = time.monotonic()
    with contain.Cluster(box, 6, command=command()) as cluster:
        network = cluster.network
        nodes = {f"{address}:{PORT}": name for name, address in network.members.items()}
        client = Client({node: lambda name=name: network.connect(name, PORT) for node, name in nodes.items()})  # type: ignore[misc]

        def create() -> None:
            words = ["redis-cli", "--cluster", "create", *nodes, "--cluster-replicas", "1", "--cluster-yes"]
            box.replace(network=network).run(words, check=True, timeout=60)

        return story(client, create, lambda node: cluster[cluster.names.index(nodes[node])].kill(), started)


if __name__ == "__main__":
    print(json.dumps(main()))
