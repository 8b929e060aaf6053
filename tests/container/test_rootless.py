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
    found = user.run([user.python, "-c", PROGRAM, user_rootfs])
    assert found.stdout == "done\n", found.stderr


STRESS = """
import asyncio, gc, multiprocessing, os, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
import contain
from contain import aio

ALLOWED = ["pids", "memory", "swap"]
box = contain.Sandbox(rootfs=sys.argv[1], allow_missing=ALLOWED)

def run(n):
    return box.run(["echo", str(n)], text=True).stdout

def left():
    children = [open(f"/proc/self/task/{task}/children").read().split() for task in os.listdir("/proc/self/task")]
    return sum(children, []), len(os.listdir("/proc/self/fd")), threading.active_count()

wanted = [f"{n}\\n" for n in range(24)]
assert run(0) == "0\\n"
before = left()
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(run, range(24))) == wanted
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert pool.map(run, range(24)) == wanted
    pool.terminate()
    pool.join()
del pool

async def main():
    boxes = aio.Sandbox(rootfs=sys.argv[1], allow_missing=ALLOWED)
    assert [one.stdout for one in await asyncio.gather(*(boxes.run(["echo", str(n)], text=True) for n in range(24)))] == wanted
    for start in (lambda: boxes.run(["sleep", "1000"]), lambda: hang(boxes)):
        task = asyncio.create_task(start())
        await asyncio.sleep(0.2)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            continue
        raise AssertionError

async def hang(boxes):
    async with boxes.start(["sh", "-c", "while :; do nc -l -p 8080 -e sleep 1000; done"]) as server:
        await server.wait_for(contain.port(8080))
        await server.wait_for(contain.url(8080), timeout=1000)

asyncio.run(main())
with box.start(["cat"], input=b"x" * 100000 + b"end") as one:
    one.wait_for(contain.log("end"))
with box.start(["cat"], stdin=contain.PIPE) as one:
    one.stdin.write(b"typed")
    one.stdin.close()
    assert one.wait(30).stdout == b"typed"
gc.collect()
assert left() == before, (left(), before)
print("done")
"""


def test_many_at_once_as_an_ordinary_user(user: User, user_rootfs: str) -> None:
    """Threads, forked workers, an event loop and its cancellations; then no child, descriptor or thread is left."""
    found = user.run([user.python, "-c", STRESS, user_rootfs])
    assert found.stdout == "done\n", found.stderr
