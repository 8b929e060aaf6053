"""A worked example: three members of etcd, whose leader is cut off, then killed, while others write. No acknowledged write is lost.

Run it as `python tests/network/etcd.py`, as root or as an ordinary user; it needs Debian's etcd-server.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CLIENTS, PEERS = 2379, 2380
Dial = Callable[[], socket.socket]


def command(index: int, names: list[str]) -> list[str]:
    """One member: its data in memory, elections after a second without a leader."""
    name = names[index]
    return [
        *("etcd", "--name", name, "--data-dir", "/mnt/etcd", "--log-level", "error", "--heartbeat-interval", "100"),
        *("--listen-client-urls", f"http://0.0.0.0:{CLIENTS}", "--advertise-client-urls", f"http://{name}:{CLIENTS}"),
        *("--listen-peer-urls", f"http://0.0.0.0:{PEERS}", "--initial-advertise-peer-urls", f"http://{name}:{PEERS}"),
        *("--initial-cluster", ",".join(f"{one}=http://{one}:{PEERS}" for one in names)),
    ]


class Client:
    """Speaks to whichever members it is told; `acknowledged` has what the cluster has promised to keep. One for each thread."""

    def __init__(self, members: dict[str, Dial], name: str = "main") -> None:
        """`members` are names with how each is reached; `name` tells this one's keys from others'."""
        self.members = members
        self.name = name
        self.acknowledged: dict[str, str] = {}
        self.written = 0
        self._open: dict[str, http.client.HTTPConnection] = {}

    def ask(self, name: str, path: str, question: dict[str, Any], timeout: float = 3) -> dict[str, Any]:
        """One question to one member, by etcd's JSON gateway; OSError when there is no answer."""
        connection = self._open.get(name) or http.client.HTTPConnection("etcd")
        try:
            if connection.sock is None:
                connection.sock = self.members[name]()
            connection.sock.settimeout(timeout)
            connection.request("POST", f"/v3/{path}", json.dumps(question))
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        except (http.client.HTTPException, OSError) as problem:
            connection.close()
            raise OSError(str(problem)) from None
        self._open[name] = connection
        if answer.status != 200:
            raise OSError(found.get("error", "no"))
        return found

    def put(self, name: str, timeout: float = 3) -> bool:
        """Writes one more key; whether it was acknowledged. One that was not may be there all the same."""
        self.written += 1
        key, value = f"key-{self.name}-{self.written}", f"value{self.written}"
        try:
            self.ask(name, "kv/put", {"key": _encoded(key), "value": _encoded(value)}, timeout)
        except OSError:
            return False
        self.acknowledged[key] = value
        return True

    def first_write(self, names: list[str], patience: float = 60) -> float:
        """Seconds until any of these members acknowledges a write."""
        start = time.monotonic()
        while time.monotonic() - start < patience:
            for name in names:
                if self.put(name, 0.3):  # what was on its way to a leader that is gone is never answered
                    return time.monotonic() - start
            time.sleep(0.02)
        raise TimeoutError(f"no write was acknowledged by {', '.join(names)}")

    def write(self, names: list[str], count: int) -> None:
        """Writes to them in turn."""
        for index in range(count):
            self.put(names[index % len(names)])

    def leader(self, names: list[str]) -> str:
        """Who leads, as one of these says that leads itself."""
        for _ in range(3000):
            for name in names:
                try:
                    status = self.ask(name, "maintenance/status", {})
                except OSError:
                    continue
                if status["leader"] == status["header"]["member_id"]:
                    return name
            time.sleep(0.02)
        raise TimeoutError("nobody leads")

    def lost(self, name: str, timeout: float = 20) -> list[str]:
        """Which acknowledged writes a member does not have, read as the cluster agrees on them."""
        answer = self.ask(name, "kv/range", {"key": _encoded("key"), "range_end": _encoded("kez")}, timeout)
        there = {_decoded(row["key"]): _decoded(row["value"]) for row in answer.get("kvs", [])}
        return [key for key, value in self.acknowledged.items() if there.get(key) != value]

    def serves_all(self, name: str) -> float:
        """Seconds until a member has everything."""
        start = time.monotonic()
        while time.monotonic() - start < 60:
            try:
                if not self.lost(name, 0.3):
                    return time.monotonic() - start
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(f"{name} does not catch up")


@contextmanager
def writers(client: Client, count: int = 2) -> Iterator[None]:
    """Others that go on writing to all members, whatever happens to them; what they were promised counts too."""
    stop = threading.Event()
    others = [Client(client.members, f"writer{index}") for index in range(count)]

    def go_on(one: Client) -> None:
        while not stop.wait(0.005):
            for name in one.members:
                one.put(name, 0.3)

    threads = [threading.Thread(target=go_on, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for one in others:
        client.acknowledged |= one.acknowledged
        client.written += one.written


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def story(client: Client, cut: Callable[[str], Callable[[], None]] | None, kill: Callable[[str], None], started: float) -> dict[str, Any]:
    """What is done to a cluster and what it took; `cut` gives what heals the cut, None where nothing can be cut."""
    names = list(client.members)
    client.first_write(names)
    report: dict[str, Any] = {"first write after the start": time.monotonic() - started}
    client.write(names, 100)
    with writers(client):
        if cut is not None:
            old = client.leader(names)
            others = [name for name in names if name != old]
            heal = cut(old)
            report["write after the leader was cut off"] = client.first_write(others)
            assert client.leader(others) != old
            assert not client.put(old), "a leader without a majority has acknowledged a write"
            client.write(others, 100)
            heal()
            report["healed member has all after"] = client.serves_all(old)
        old = client.leader(names)
        others = [name for name in names if name != old]
        kill(old)
        report["write after the leader was killed"] = client.first_write(others)
        assert client.leader(others) != old
        client.write(others, 100)
    report["written"], report["acknowledged"] = client.written, len(client.acknowledged)
    report["lost"] = max(len(client.lost(name)) for name in others)
    return report


def main() -> dict[str, Any]:
    """The example itself."""
    import contain

    box = contain.Sandbox(workspace="none", tmpfs={"/mnt": "size=512m"}, allow_missing=["pids", "memory", "swap"])
    started = time.monotonic()
    with contain.Cluster(box, 3, command=command) as cluster:
        network = cluster.network
        client = Client({name: lambda name=name: network.connect(name, CLIENTS) for name in cluster.names})  # type: ignore[misc]
        return story(client, lambda name: network.partition(name).heal, lambda name: cluster[cluster.names.index(name)].kill(), started)


if __name__ == "__main__":
    print(json.dumps(main()))
