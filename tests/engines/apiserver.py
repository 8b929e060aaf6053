"""What kubectl needs of a Kubernetes API server, before one pod of a CRI runtime: discovery, the pod, and streams passed through as a kubelet does."""

from __future__ import annotations

import http.server
import json
import select
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    #: the URL of a stream, from `exec` or `attach` and the query's fields
    Opener = Callable[[str, dict[str, list[str]]], str]

RESOURCES = [
    {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list", "create"]}
    for name, kind in (("pods", "Pod"), ("pods/exec", "PodExecOptions"), ("pods/attach", "PodAttachOptions"))
]
DISCOVERY: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "20", "gitVersion": "v1.20.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": RESOURCES},
}


def pod(name: str, container: str, *, tty: bool) -> dict[str, Any]:
    """As `kubectl get` would show it."""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "default", "uid": "1"},
        "spec": {"containers": [{"name": container, "image": "bb", "stdin": True, "tty": tty}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": container, "ready": True, "state": {"running": {}}}]},
    }


def splice(one: socket.socket, other: socket.socket) -> None:
    """Passes bytes both ways until either side has ended."""
    while True:
        for ready in select.select([one, other], [], [], 100)[0]:
            data = ready.recv(1 << 16)
            if not data:
                return
            (other if ready is one else one).sendall(data)


class Server:
    """`with Server(…) as server`: kubectl's --server is `server.url`; `server.upgrades` are the protocols that were asked for."""

    def __init__(self, name: str, opener: Opener, *, tty: bool = False) -> None:
        self.upgrades: list[str] = []
        described = pod(name, "box", tty=tty)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Quiet."""

            def answer(self, value: dict[str, Any], code: int = 200) -> None:
                data = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                here = f"/api/v1/namespaces/default/pods/{name}"
                if parts.path in DISCOVERY:
                    self.answer(DISCOVERY[parts.path])
                elif parts.path == here:
                    self.answer(described)
                elif parts.path in {f"{here}/exec", f"{here}/attach"} and self.headers.get("Upgrade"):
                    self.stream(opener(parts.path.rpartition("/")[2], parse_qs(parts.query)))
                else:
                    self.answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}, 404)

            do_POST = do_GET  # noqa: N815

            def stream(self, url: str) -> None:
                """The runtime's own server answers from here on."""
                server.upgrades.append(str(self.headers["Upgrade"]))
                parts = urlsplit(url)
                lines = [f"{self.command} {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
                lines += [f"{key}: {value}" for key, value in self.headers.items() if key != "Host"]
                with socket.create_connection((parts.hostname, parts.port)) as runtime:
                    runtime.sendall("\r\n".join([*lines, "", ""]).encode())
                    splice(self.connection, runtime)
                self.close_connection = True

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
