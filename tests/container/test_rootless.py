"""The library as an ordinary user has it: runs, containers, what goes in and out, and what cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import User

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]
PROGRAM = """
import socket, sys
import contain

box = contain.Sandbox(rootfs=sys.argv[1], allow_missing=["pids", "memory", "swap"])
found = box.run(["sh", "-c", "echo x > /y; id -u; cat /y"], text=True)
assert (found.stdout, found.reason) == ("0\\nx\\n", contain.Reason.EXITED), (found.stdout, found.stderr)
found = box.run(["sh", "-c", "(while :; do :; done) & while :; do :; done"], timeout=0.3)
assert found.reason is contain.Reason.TIMEOUT
assert found.usage.cpu > 0.02, found.usage
with box.start(["sh", "-c", "while :; do nc -l -p 8080 -e cat; done"]) as server:
    server.wait_for(contain.port(8080), contain.file("/etc/passwd"))
    assert server.exec(["cat"], input=b"in").stdout == b"in"
    server.put(b"data", "/tmp/data")
    assert server.get("/tmp/data") == b"data"
    assert server.exec(["stat", "-c", "%u", "/tmp/data"]).stdout == b"0\\n"
    with socket.create_connection(server.publish(8080)) as client:
        client.sendall(b"ping")
        assert client.recv(100) == b"ping"
    assert server.stop(0.1).reason is not contain.Reason.SANDBOX_ERROR
print("done")
"""


def test_library_as_an_ordinary_user(user: User, user_rootfs: str) -> None:
    """Everything that needs no privileges, in one process."""
    found = user.run(["/usr/bin/python3", "-c", PROGRAM, user_rootfs])
    assert found.stdout == "done\n", found.stderr
