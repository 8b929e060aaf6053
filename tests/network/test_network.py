"""Networks on a real kernel: names, addresses, ways in, and an end that leaves nothing."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import contain
from tests.live.launch import eventually
from tests.network.conftest import MISSING, SERVER, ask, reaches

if TYPE_CHECKING:
    from tests.conftest import User

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files")]
READY = contain.port(8080)


def test_members_find_each_other_by_name(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """Those too that came before; a name is a member's host name, and stands in everybody's /etc/hosts."""
    with sandbox.start(SERVER, member="one") as one, sandbox.start(SERVER, member="two") as two:
        one.wait_for(READY)
        two.wait_for(READY)
        assert (ask(one, "two"), ask(two, "one"), ask(one, "one")) == ("two", "one", "one")
        assert one.member is not None
        assert network.members["one"] == one.member.address
        assert one.exec(["cat", "/etc/hosts"]).stdout == two.exec(["cat", "/etc/hosts"]).stdout


def test_run_is_a_member_too(sandbox: contain.Sandbox) -> None:
    """Without a name: it finds others, and nobody finds it by one."""
    with sandbox.start(SERVER, member="one") as one:
        one.wait_for(READY)
        found = sandbox.run(["sh", "-c", "wget -q -O - http://one:8080/name; cat /etc/hosts"], text=True)
        assert found.stdout.startswith("one\n127.0.0.1 localhost\n")
        assert "contain" not in found.stdout


def test_whoever_is_asked_for_early_is_found_when_it_comes(sandbox: contain.Sandbox) -> None:
    """Not a second later: a member asks for its neighbours often, and gives up as late as ever."""
    found = sandbox.run(["sh", "-c", "cd /proc/sys/net/ipv4/neigh/eth0 && cat retrans_time_ms mcast_solicit"], text=True)
    assert found.stdout.split() == ["40", "75"], found.stderr


@pytest.mark.any_kernel
def test_name_keeps_its_address(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """Whoever is started again is found where it was; and there is one of a name at a time."""
    with sandbox.start(SERVER, member="other") as other:
        before = ""
        for _ in range(2):
            with sandbox.start(SERVER, member="one") as one:
                assert one.member is not None
                assert before in {"", one.member.address}
                before = one.member.address
                one.wait_for(READY)
                assert reaches(other, "one")
                with pytest.raises(contain.UsageError, match="a member one already"):
                    sandbox.start(["true"], member="one")


@pytest.mark.any_kernel
@pytest.mark.parametrize("name", ["a b", "-a", "a" * 64, "a.b", "ä"])
def test_names_are_host_names(sandbox: contain.Sandbox, name: str) -> None:
    """Nothing else goes into a hosts file."""
    with pytest.raises(contain.UsageError, match="no host name"):
        sandbox.run(["true"], member=name)


def test_ways_in(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """A socket made in the network, and an address of this host; both of members that listen on their address alone."""
    with sandbox.start(["sh", "-c", "hostname >/tmp/name; exec httpd -f -p $(hostname -i):8080 -h /tmp"], member="one") as one:
        one.wait_for(READY)
        for client in (network.connect("one", 8080), socket.create_connection(network.publish(one, 8080), 10)):
            with client:
                client.sendall(b"GET /name HTTP/1.0\r\n\r\n")
                assert client.makefile("rb").read().endswith(b"\r\n\r\none\n")
        with pytest.raises(ConnectionRefusedError):
            network.connect("one", 8081)
        with pytest.raises(contain.UsageError, match="no member"):
            network.connect("two", 8080)


def test_host_on_the_network(busybox: str) -> None:
    """By their addresses, for every program of the host; members reach it too, and its link goes with the network."""
    with contain.Network(subnet="10.91.0.0/24", host=True) as network:
        box = contain.Sandbox(rootfs=busybox, network=network, allow_missing=MISSING)
        with box.start(SERVER, member="one") as one, socket.create_server((network.host_address, 0)) as server:
            one.wait_for(READY)
            with socket.create_connection((network.members["one"], 8080), 30) as client:
                client.sendall(b"GET /name HTTP/1.0\r\n\r\n")
                assert client.makefile("rb").read().endswith(b"one\n")
            server.settimeout(30)
            with one.popen(["nc", network.host_address, str(server.getsockname()[1])]):
                assert server.accept()[1][0] == network.members["one"]
            with network.partition("one"):
                socket.create_connection((network.members["one"], 8080), 30).close()
        assert os.path.exists(f"/sys/class/net/{network.host_link}")
    eventually(lambda: not os.path.exists(f"/sys/class/net/{network.host_link}"), "the host's link is gone")


def test_passed_descriptors_are_all_that_a_member_has(sandbox: contain.Sandbox) -> None:
    """The network's own is none of them."""
    for fd in (os.dup(2), fcntl.fcntl(2, fcntl.F_DUPFD, 200)):
        try:
            found = sandbox.run(["ls", "/proc/self/fd"], text=True, pass_fds=[fd])
        finally:
            os.close(fd)
        assert set(found.stdout.split()) - {"3"} == {"0", "1", "2", str(fd)} - {"3"}  # 3: the folder itself


@pytest.mark.any_kernel
def test_member_without_a_network(busybox: str) -> None:
    """A name needs one to stand in."""
    with pytest.raises(contain.UsageError, match="a sandbox with a network"):
        contain.Sandbox(rootfs=busybox, allow_missing=MISSING).run(["true"], member="one")


@pytest.mark.any_kernel
def test_closed_network(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """Nothing is started in it, and it can be closed again."""
    network.close()
    network.close()
    with pytest.raises(contain.StateError, match="closed"):
        sandbox.run(["true"])


@pytest.mark.any_kernel
def test_forked_child_leaves_the_network_alone(sandbox: contain.Sandbox, network: contain.Network) -> None:
    """It would give its members the addresses of ours; what it closes stays open."""
    child = os.fork()
    if child == 0:
        try:
            network.close()
            sandbox.run(["true"])
        except contain.StateError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert sandbox.run(["true"]).ok


def test_member_has_no_say_in_its_link(busybox: str, network: contain.Network) -> None:
    """Though it is root of its container with every capability there: the link belongs to the network's owner."""
    box = contain.Sandbox(rootfs=busybox, network=network, cap_add=["ALL"], allow_missing=MISSING)
    found = box.run(
        ["sh", "-c", "ip link set eth0 down; ip addr add 10.90.9.9/16 dev eth0; ip addr show dev eth0; ping -c 1 127.0.0.1"], text=True
    )
    assert "10.90.9.9" not in found.stdout
    assert ",UP," in found.stdout
    assert found.stderr.count("not permitted") >= 2, found.stderr


@pytest.mark.any_kernel
def test_networks_do_not_see_each_other(sandbox: contain.Sandbox, busybox: str) -> None:
    """The same addresses, other members."""
    with contain.Network() as second:
        other = contain.Sandbox(rootfs=busybox, network=second, allow_missing=MISSING)
        with sandbox.start(SERVER, member="one") as one, other.start(["sleep", "1000"], member="one") as two:
            assert one.member is not None
            assert two.member is not None
            assert one.member.address == two.member.address
            with pytest.raises(contain.UsageError, match="no member of this network"):
                second.loss(one, 0.5)
            one.wait_for(READY)
            assert not two.exec(["wget", "-q", "-O", "-", "http://one:8080/name"]).ok  # refused: it asks itself


CREATOR = """
import os, sys
import contain

network = contain.Network(subnet="10.92.0.0/24", host=True)
box = contain.Sandbox(rootfs=sys.argv[1], network=network, allow_missing=["pids", "memory", "swap"])
member = box.start(["sleep", "1000"], member="one")
print(network.hosts, network.host_link, network._launch.started.pid, member.pid, network._launch.pid, flush=True)
sys.stdin.read()
"""


def created(busybox: str) -> tuple[subprocess.Popen[str], list[str], list[int]]:
    """A process with a network and a member: itself, what of it has a name here, and pids of ours (the last one is the network's monitor)."""
    top = os.path.dirname(os.path.dirname(os.path.abspath(contain.__file__)))
    words = [sys.executable, "-c", CREATOR, busybox]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": top})
    assert process.stdout is not None
    hosts, link, *pids = process.stdout.readline().split()
    names = [os.path.dirname(hosts), f"/sys/class/net/{link}"]
    assert all(map(os.path.exists, names))
    return process, names, [int(pid) for pid in pids]


def gone(names: list[str], pids: list[int]) -> bool:
    """Whether nothing of it is left."""
    return not any(map(os.path.exists, [*names, *(f"/proc/{pid}/ns" for pid in pids)]))


def test_creator_s_death_takes_the_network_with_it(busybox: str) -> None:
    """SIGKILL: its processes end, the hosts file and the host's link go; the kernel removes the others with the namespaces."""
    process, names, pids = created(busybox)
    with process:
        process.kill()
    eventually(lambda: gone(names, pids), "nothing is left")


def test_monitor_s_death_takes_the_network_with_it(busybox: str) -> None:
    """Whoever kills ours: the holder ends with it, and the guardian removes the hosts file; the creator is told."""
    process, names, pids = created(busybox)
    with process:
        os.kill(pids[2], signal.SIGKILL)
        eventually(lambda: gone(names[:1], pids[:1]), "the network is gone")
        process.kill()
    eventually(lambda: gone(names, pids[:2]), "nothing is left")


@pytest.mark.any_kernel
def test_many_networks_at_once(busybox: str) -> None:
    """Twenty, from as many threads, each with two members; the descriptors are as before."""
    problems = []
    before = len(os.listdir("/proc/self/fd"))
    box = contain.Sandbox(rootfs=busybox, allow_missing=MISSING)
    box.run(["true"])
    kept = len(os.listdir("/proc/self/fd"))  # the launcher's own

    def one() -> None:
        try:
            with contain.Network() as network:
                mine = box.replace(network=network)
                with mine.start(SERVER, member="a") as server:
                    server.wait_for(READY, timeout=60)
                    found = mine.run(["wget", "-q", "-O", "-", "http://a:8080/name"], text=True)
                    assert found.stdout == "a\n", found.stderr
        except BaseException as problem:  # noqa: BLE001  a thread's are seen by nobody
            problems.append(problem)

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(os.listdir("/proc/self/fd")) == kept >= before


ROOTLESS = """
import sys
import contain

SERVER = ["sh", "-c", "hostname >/tmp/name; exec httpd -f -p 8080 -h /tmp"]

def ask(one, other, within):
    return one.exec(["timeout", str(within), "wget", "-q", "-O", "-", f"http://{other}:8080/name"], text=True).stdout.strip()

with contain.Network() as network:
    plain = contain.Sandbox(rootfs=sys.argv[1], network=network, allow_missing=["pids", "memory", "swap"])
    ranges = plain.replace(user="1:1") if len(sys.argv) > 2 else plain  # more than one id: by newuidmap's ranges
    with plain.start(SERVER, member="one") as one, ranges.start(SERVER, member="two") as two:
        one.wait_for(contain.port(8080))
        two.wait_for(contain.port(8080))
        assert (ask(one, "two", 30), ask(two, "one", 30)) == ("two", "one")
        with network.cut("one", "two"):
            assert ask(one, "two", 1) == ""
        assert ask(one, "two", 30) == "two"
        client = network.connect("one", 8080)
        client.sendall(b"GET /name HTTP/1.0\\r\\n\\r\\n")
        assert client.makefile("rb").read().endswith(b"one\\n")
        one.put(b"data", "/tmp/data")
        assert one.get("/tmp/data") == b"data"
        with network.partition("two", one_way=True):
            assert ask(one, "two", 1) == ""
        with network.loss(one, 1):
            assert ask(one, "two", 1) == ""
        network.rate(one, 8e6)
        network.loss(one, 0.01)
        try:
            network.delay(two, 0.05, jitter=0.01, reorder=0.1)
        except contain.MissingFeature as problem:
            assert "CONFIG_NET_SCH_NETEM" in problem.cause
        assert ask(one, "two", 30) == "two"
        network.heal()
print("done")
"""


@pytest.mark.parametrize("ranges", [False, True], ids=["one-id", "ranges"])
def test_network_of_an_ordinary_user(user: User, user_rootfs: str, ranges: bool) -> None:
    """All the same: names, faults, ways in."""
    found = user.run([user.python, "-c", ROOTLESS, user_rootfs, *(["ranges"] if ranges else [])])
    assert found.stdout == "done\n", found.stderr


ROOTLESS_LEAK = """
import os, signal, sys, time
import contain

read, write = os.pipe()
child = os.fork()
if child == 0:
    network = contain.Network()
    box = contain.Sandbox(rootfs=sys.argv[1], network=network, allow_missing=["pids", "memory", "swap"])
    member = box.start(["sleep", "1000"], member="one")
    pids = [network._launch.started.pid, network._launch.pid, member.pid, member._launch.pid]
    os.write(write, " ".join([os.path.dirname(network.hosts), *(f"/proc/{pid}/ns" for pid in pids)]).encode())
    signal.pause()
places = os.read(read, 4096).decode().split()
assert all(map(os.path.exists, places)), places
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
end = time.monotonic() + 60
while any(map(os.path.exists, places)) and time.monotonic() < end:
    time.sleep(0.01)
print([place for place in places if os.path.exists(place)])
"""


@pytest.mark.any_kernel
def test_network_of_an_ordinary_user_goes_with_its_creator(user: User, user_rootfs: str) -> None:
    """SIGKILL, as for root."""
    found = user.run([user.python, "-c", ROOTLESS_LEAK, user_rootfs])
    assert found.stdout == "[]\n", found.stdout + found.stderr
