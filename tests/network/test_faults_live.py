"""Faults on a real kernel, as the members see them; without measuring more than the least that something must take."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

import contain
from tests.network.conftest import MISSING, SERVER, is_cut, reaches

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")]
READY = contain.port(8080)

#: counts what comes to port 9000 until it is told that this was all; says how many, and the seconds from the first to the last
COUNT = """
import socket, time
server = socket.create_server(("", 9001))
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
box.bind(("", 9000))
print("ready", flush=True)
server.accept()
box.setblocking(False)
count = 0
try:
    while True:
        box.recv(2000)
        count += 1
except BlockingIOError:
    print(count, flush=True)
"""
SEND = """
import socket, sys
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(200):
    box.sendto(b"x" * 100, (sys.argv[1], 9000))
"""
ECHO = """
import socket
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.bind(("", 9000))
print("ready", flush=True)
while True:
    data, who = box.recvfrom(2000)
    box.sendto(data, who)
"""
ASK = """
import socket, sys, time
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.settimeout(30)
start = time.monotonic()
box.sendto(b"x", (sys.argv[1], 9000))
box.recv(2000)
print(time.monotonic() - start)
"""


@pytest.fixture
def python(network: contain.Network) -> contain.Sandbox:
    """The host's own, for what busybox cannot do."""
    return contain.Sandbox(network=network, workspace="none", allow_missing=MISSING)


@pytest.fixture
def three(sandbox: contain.Sandbox) -> Iterator[list[contain.Container]]:
    """Members a, b and c that answer."""
    with sandbox.start(SERVER, member="a") as a, sandbox.start(SERVER, member="b") as b, sandbox.start(SERVER, member="c") as c:
        for one in (a, b, c):
            one.wait_for(READY)
        yield [a, b, c]


def test_partition_and_heal(three: list[contain.Container], network: contain.Network) -> None:
    """Who is in one group goes on with each other; with the end of the block all is well again."""
    a, b, c = three
    assert reaches(a, "b")
    with network.partition([a, "b"], [c]) as fault:
        assert network.faults == (fault,)
        assert reaches(a, "b")
        assert is_cut(b, "c")
        assert is_cut(c, "a")
    assert network.faults == ()
    assert reaches(b, "c")


@pytest.mark.any_kernel
def test_faults_are_many_and_end_one_by_one(three: list[contain.Container], network: contain.Network) -> None:
    """What two of them say holds until both are healed."""
    a, _, _ = three
    first, second = network.cut("a", "b"), network.partition("b")
    first.heal()
    assert is_cut(a, "b")
    assert reaches(a, "c")
    second.heal()
    second.heal()
    assert reaches(a, "b")
    network.loss("b", 1)
    assert is_cut(a, "b")
    network.heal()
    assert reaches(a, "b")


@pytest.mark.any_kernel
def test_fault_waits_for_whoever_comes(three: list[contain.Container], sandbox: contain.Sandbox, network: contain.Network) -> None:
    """A new member is cut off from one that is cut off from all; one that is started again is as cut off as it was."""
    a, b, c = three
    network.partition("a")
    with sandbox.start(SERVER, member="d") as d:
        d.wait_for(READY)
        assert is_cut(d, "a")
        assert is_cut(a, "d")
        assert reaches(d, "b")
    network.heal()
    network.cut("b", "c")
    with c:
        pass
    with sandbox.start(SERVER, member="c") as again:
        again.wait_for(READY)
        assert is_cut(b, "c")
        assert reaches(a, "c")


def received(python: contain.Sandbox, network: contain.Network, sender: str) -> int:
    """How many of 200 datagrams arrive at the member "box"."""
    with python.start(["python3", "-c", COUNT], member="box") as box:
        box.wait_for(contain.log("ready"))
        python.run(["python3", "-c", SEND, "box"], member=sender, check=True)
        network.heal()  # a loss concerns us too
        network.connect("box", 9001).close()
        return int(box.wait(60).check().stdout.split()[-1])


def test_one_way(python: contain.Sandbox, network: contain.Network) -> None:
    """What the first sends to the second is lost, and what the second sends to the first is not."""
    python.run(["true"], member="left")
    python.run(["true"], member="box")
    network.cut("left", "box", both=False)
    assert received(python, network, "left") == 0
    network.cut("box", "left", both=False)
    assert received(python, network, "left") == 200


@pytest.mark.any_kernel
def test_loss_is_about_what_was_asked(python: contain.Sandbox, network: contain.Network) -> None:
    """Half of 200: eight standard deviations around 100."""
    python.run(["true"], member="box")
    network.loss("box", 0.5)
    assert 40 < received(python, network, "left") < 160


@pytest.mark.any_kernel
def test_rate(three: list[contain.Container], network: contain.Network) -> None:
    """A megabyte takes a second at eight megabits; that it may take longer says nothing."""
    a, b, _ = three
    assert a.exec(["dd", "if=/dev/zero", "of=/tmp/large", "bs=1000000", "count=1"]).ok
    with network.rate(b, 8e6):
        start = time.monotonic()
        assert b.exec(["wget", "-q", "-O", "/dev/null", "http://a:8080/large"]).ok
        assert time.monotonic() - start > 0.9


def has_netem() -> bool:
    """Whether this kernel has it, or loads it."""
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "-q", "sch_netem"], check=False, capture_output=True)
    with open("/proc/kallsyms", encoding="ascii") as file:
        return any(" netem_init" in line or "netem_module_init" in line or "netem_enqueue" in line for line in file)


def test_delay(python: contain.Sandbox, network: contain.Network) -> None:
    """Where the kernel has netem: what goes to a member comes later; elsewhere the error names what is missing, and nothing holds."""
    with python.start(["python3", "-c", ECHO], member="box") as box:
        box.wait_for(contain.log("ready"))
        if not has_netem():
            with pytest.raises(contain.MissingFeature) as problem:
                network.delay(box, 0.3)
            assert "CONFIG_NET_SCH_NETEM" in problem.value.cause
            assert network.faults == ()
            return
        network.delay(box, 0.3, jitter=0.1, reorder=0)
        network.rate(box, 8e6)  # both at once
        found = python.run(["python3", "-c", ASK, "box"], text=True)
        assert float(found.stdout) >= 0.19


@pytest.mark.any_kernel
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("loss", (0,)),
        ("loss", (1.1,)),
        ("rate", (0,)),
        ("delay", (0,)),
        ("delay", (1, 2)),
        ("cut", ("nobody",)),
        ("partition", (["a"], ["a"])),
    ],
)
def test_what_is_no_fault(three: list[contain.Container], network: contain.Network, name: str, values: tuple[object, ...]) -> None:
    """Said before anything is done."""
    who = () if name == "partition" else ("a",)
    with pytest.raises(contain.UsageError):
        getattr(network, name)(*who, *values)
    assert network.faults == ()


@pytest.mark.any_kernel
def test_threads_start_members_and_break_links_at_once(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """Whoever comes and goes meanwhile: no fault fails for it, and when all are healed everybody is reached."""
    problems: list[BaseException] = []
    names = [f"m{index}" for index in range(6)]
    network.reserve(*names)

    def come_and_go(name: str) -> None:
        try:
            for _ in range(5):
                with sandbox.start(["sleep", "1000"], member=name):
                    network.loss(name, 0.5)
        except BaseException as problem:  # noqa: BLE001  a thread's are seen by nobody
            problems.append(problem)

    def break_links() -> None:
        try:
            for round in range(15):
                with network.partition(*names[: 1 + round % 3]), network.cut(names[3], names[4], both=False):
                    network.rate(names[5], 1e9).heal()
        except BaseException as problem:  # noqa: BLE001
            problems.append(problem)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in names] + [threading.Thread(target=break_links)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    network.heal()
    with sandbox.start(SERVER, member="m0") as one, sandbox.start(SERVER, member="m1") as other:
        one.wait_for(READY)
        other.wait_for(READY)
        assert reaches(one, "m1")
        assert reaches(other, "m0")
