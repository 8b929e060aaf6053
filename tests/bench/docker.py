"""A dockerd of the bench's own, spoken to through its API: what `docker run` does, without a client program."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class Connection(http.client.HTTPConnection):
    """HTTP by a Unix socket."""

    def __init__(self, path: str) -> None:
        """Connected by the first request."""
        super().__init__("localhost", timeout=100)
        self.path = path

    def connect(self) -> None:
        """See the base."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Docker:
    """The daemon, with busybox as its image `bb`; stop() in any case."""

    def __init__(self, rootfs: Path) -> None:
        """Starts it; RuntimeError when it does not come up."""
        self.folder = tempfile.mkdtemp(prefix="docker.", dir="/var/tmp")
        self.path = f"{self.folder}/sock"
        words = ["--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec", "--pidfile", f"{self.folder}/pid"]
        words += ["-H", f"unix://{self.path}", "--iptables=false", "--bridge=none", "--storage-driver", "overlay2"]
        with open(f"{self.folder}/log", "w", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(["dockerd", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self._begin(rootfs)
        except BaseException:
            self.stop()
            raise

    def _begin(self, rootfs: Path) -> None:
        deadline = time.monotonic() + 60
        while not self._is_up():
            if time.monotonic() > deadline or self.daemon.poll() is not None:
                raise RuntimeError("dockerd does not come up")
            time.sleep(0.1)
        tar = subprocess.run(["tar", "-C", rootfs, "-c", "."], capture_output=True, check=True).stdout
        self.ask("POST", "/images/create?fromSrc=-&repo=bb", tar)

    def _is_up(self) -> bool:
        try:
            return self.ask("GET", "/_ping") == b"OK"
        except OSError:
            return False

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """One request, on a connection of its own, as any thread may."""
        connection = Connection(self.path)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"docker: {text[:80].decode(errors='replace')}")
        return text

    def run(self) -> None:
        """create, start, wait, remove, as `docker run --rm` asks for them."""
        body = {"Image": "bb", "Cmd": ["/bin/true"], "HostConfig": {"NetworkMode": "none"}}
        name = json.loads(self.ask("POST", "/containers/create", body))["Id"]
        self.ask("POST", f"/containers/{name}/start")
        self.ask("POST", f"/containers/{name}/wait")
        self.ask("DELETE", f"/containers/{name}")

    def stop(self) -> None:
        """The daemon, and its files."""
        self.daemon.terminate()
        self.daemon.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)
