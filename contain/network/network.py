"""Network: a bridge in a namespace of its own, held by a process that ends with its creator; places for members; and faults."""

from __future__ import annotations

import fcntl
import os
import threading

from contain.container import steps
from contain.container.dial import dialing
from contain.container.job import is_text
from contain.container.steps import Launch, drive
from contain.container.streams import DEVNULL, Streams
from contain.errors import StateError, UsageError
from contain.network.faults import Cut, Fault, Impair, Setting, setting
from contain.network.member import Member
from contain.network.subnet import Subnet
from contain.network.work import Work, now

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence
    from typing import TypeAlias

    from contain.container.container import Container
    from contain.container.publish import Publisher
    from contain.plan.operation import Operation

    Who: TypeAlias = Container | Member | str

#: index of the first member's link: the loopback interface and the bridge have the first two
FIRST_LINK = 16
SUBNET = "10.90.0.0/16"
#: more than any link has
MOST_BITS = 1e12
GROUPS = "write partition(a, b), partition([a, b], [c]) or partition(a)"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


class Network:
    """A network for the containers of sandboxes with `network=` this one; a context manager, and gone with the process that made it.

    Each run in such a sandbox is a member, with an address of `subnet`. One that is started with `member="name"` has that name, which is its
    host name and stands in the /etc/hosts of all; a name keeps its address. Nothing leads out of the network, and nothing into it but
    connect() and publish(). It is the same for root and for an ordinary user. With `host` the host itself is on it, at `host_address`
    by its interface `host_link`, which takes root: then every program of the host reaches the members by their addresses.

    Raises HostError or LaunchError where no network can be made.
    """

    def __init__(self, *, subnet: str = SUBNET, host: bool = False) -> None:
        """Makes it; its members' addresses are of `subnet`, whose first one is the bridge's."""
        self._begin(subnet, host=host)
        try:
            drive(steps.start(self._launch, self._streams, ["network"]))
        except BaseException:
            self._abandon()
            raise
        self._note_start()

    def _begin(self, subnet: str, *, host: bool) -> None:
        """Launches; the driver is to wait for the start."""
        from contain.host.probe import Wanted, probe
        from contain.plan.compile.network import compile_network
        from contain.plan.encode import encode
        from contain.state.layout import own_root

        if not isinstance(host, bool):
            raise UsageError(f"host={host!r} is neither True nor False")
        self._subnet = Subnet(subnet)
        self.address = self._subnet.take()
        self._host = probe(Wanted(root="/"))
        self._folder = f"{own_root()}-network-{os.urandom(8).hex()}"
        self._lock = threading.RLock()
        self._owner = os.getpid()
        self._places: dict[str, str] = {}  # name → address
        self._present: dict[str, Member] = {}  # address → whoever has it now
        self._applied: dict[str, Setting] = {}  # address → what holds on its link
        self._links: dict[str, int] = {}  # address → its last link
        self._next = FIRST_LINK
        self._faults: list[Fault] = []
        self._publishers: list[Publisher] = []
        self._holder = self._file = -1
        self.host_address, self.host_link = (self._subnet.take(), f"cn{os.urandom(6).hex()}") if host else ("", "")
        link = (self.host_link, self.host_address) if host else None
        plan = compile_network(self._host, address=self.address, prefix=self.prefix, folder=self._folder, hosts=HOSTS, link=link)
        self._streams = Streams(stdout=DEVNULL, stderr=DEVNULL)
        try:
            self._launch = Launch(encode(plan), self._streams)
        except BaseException:
            self._streams.close()
            raise

    def _note_start(self) -> None:
        try:
            self._holder = self._launch.lent.pop()
            self._file = os.open(self.hosts, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        self._launch.close()
        self._streams.close()
        for fd in (self._holder, self._file):
            if fd >= 0:
                os.close(fd)
        self._holder = self._file = -1

    def __enter__(self) -> Network:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """See close()."""
        self.close()

    def __reduce__(self) -> str:
        """It cannot be in two processes: both would give out the same addresses."""
        raise StateError("a network cannot be pickled", remedy="make one in each process")

    def close(self) -> None:
        """Ends it and waits; members that still run are alone from then on."""
        if self._holder >= 0 and os.getpid() == self._owner:
            self._unpublish()
            self._launch.kill()
            try:
                drive(steps.run(self._launch, self._streams, ["network"]))
            finally:
                self._abandon()

    def _unpublish(self) -> None:
        while self._publishers:
            self._publishers.pop().close()

    @property
    def hosts(self) -> str:
        """The file that all members have as /etc/hosts."""
        return f"{self._folder}/hosts"

    @property
    def prefix(self) -> int:
        """How many bits of an address are the subnet's."""
        return self._subnet.prefix

    @property
    def subnet(self) -> str:
        """As it was given."""
        return str(self._subnet)

    @property
    def members(self) -> dict[str, str]:
        """The addresses of all names that members have, or had."""
        return dict(self._places)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those that hold now."""
        return tuple(self._faults)

    # ---- members ----

    def reserve(self, *names: str) -> list[str]:
        """Gives these names their addresses before there are such members, so that all find each other from the start."""
        with self._lock:
            self._check_open()
            return [self._name(name) for name in names]

    def attach(self, name: str = "", *, above: int = 2) -> Member:
        """For Sandbox: a place for one run."""
        with self._lock:
            self._check_open()
            address = self._place(name)
            link, self._next = self._next, self._next + 1
            replaced, self._links[address] = self._links.get(address, 0), link
            holder = fcntl.fcntl(self._holder, fcntl.F_DUPFD_CLOEXEC, above + 1)
            made = Member(self, name, address, link, replaced, holder)
            try:
                self._present[address] = made
                self._applied[address] = made.setting = self._setting(address)
                self._apply()  # a fault may say something of everybody who comes
            except BaseException:
                made.leave()
                raise
            return made

    def _place(self, name: str) -> str:
        if not name:
            return self._subnet.take(avoid={*self._present, *self._places.values()} if self._subnet.wrapped else ())
        address = self._name(name)
        if address in self._present:
            raise UsageError(f"there is a member {name} already", remedy="wait for its end, or choose another name")
        return address

    def _name(self, name: str) -> str:
        """The address of a name, a new one for a new name."""
        if (
            not is_text(name)
            or not 0 < len(name) < 64
            or not all(c.isascii() and (c.isalnum() or c == "-") for c in name)
            or "-" in (name[0], name[-1])
        ):
            raise UsageError(f"{name!r} is no host name", remedy="use at most 63 letters, digits and -")
        if name.lower() == "localhost":
            raise UsageError("localhost is each member itself", remedy="choose another name")
        address = self._places.get(name)
        if address is None:
            address = self._places[name] = self._subnet.take()
            self._write_hosts()
        return address

    def _write_hosts(self) -> None:
        """In place, so that all who have it mounted see it; it only grows, so no reader ever sees half of what was there before."""
        data = (HOSTS + "".join(f"{address} {name}\n" for name, address in self._places.items())).encode()
        os.pwrite(self._file, data, 0)

    def release(self, member: Member) -> None:
        """For Member.leave()."""
        with self._lock:
            if self._present.get(member.address) is member:
                del self._present[member.address]

    def settle(self, member: Member) -> None:
        """For Member.started(): faults that came while it was being started."""
        with self._lock:
            if self._holder >= 0 and self._applied.get(member.address) != member.setting:
                self._perform(self._operations(member.address, self._applied[member.address]))

    def _check_open(self) -> None:
        if self._holder < 0:
            raise StateError("the network is closed")
        if os.getpid() != self._owner:  # both would give out the same addresses
            raise StateError("the network is of the process that this one was forked from", remedy="make one in each process")
        if self._launch.ended():
            raise StateError("the network has ended: the process that held it was killed")

    def _address(self, who: Who) -> str:
        if isinstance(who, str):
            address = self._places.get(who)
        else:
            member = getattr(who, "member", who)  # of a container, or itself
            address = member.address if isinstance(member, Member) and member.network is self else None
        if address is None:
            raise UsageError(f"{who if isinstance(who, str) else getattr(who, 'id', who)} is no member of this network")
        return address

    # ---- ways in ----

    def connect(self, who: Who, port: int, timeout: float | None = 5) -> socket.socket:
        """A socket, made in the network, that is connected to a member's port; cuts and partitions do not concern it."""
        return self._dial(self._address(who), port, timeout)

    def _dial(self, address: str, port: int, timeout: float | None) -> socket.socket:
        import socket as sockets

        made = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM, fileno=now(self._lending())[0])
        try:
            drive(dialing(made, (address, port), timeout))
            made.setblocking(True)
        except BaseException:
            made.close()
            raise
        return made

    def _lending(self) -> Work:
        """What gives a socket of the network's."""
        from socket import AF_INET

        from contain.plan import stage as at
        from contain.plan.operations.lending import LendSockets

        self._check_open()
        return Work(self._host, self._holder, [LendSockets(stage=at.OPEN, family=int(AF_INET), count=1)])

    def publish(self, who: Who, port: int, address: tuple[str, int] = ("127.0.0.1", 0)) -> tuple[str, int]:
        """Carries what comes to an address of this host (port 0: a free one) to a member's port, until the network's end; the address.

        A thread of this process does it. A name goes on to mean whoever has it.
        """
        from contain.container.publish import Publisher

        target = self._address(who)
        made = Publisher(lambda: self._dial(target, port, 5), port, address)
        self._publishers.append(made)
        return made.address

    # ---- faults ----

    def partition(self, *groups: Who | Collection[Who], one_way: bool = False) -> Fault:
        """Members of different groups do not reach each other; one group alone is cut off from everybody else.

        Members in no group reach all. With `one_way` only what an earlier group sends to a later one is lost. Packets are dropped without
        a word, as by a broken cable.
        """
        sets = [[self._address(one) for one in _several(group)] for group in groups]
        if not sets or not all(sets) or len({address for group in sets for address in group}) != sum(map(len, sets)):
            raise UsageError("a partition has groups with somebody in each, and each member is in one of them at most", remedy=GROUPS)
        return self._add(Cut(self, "partition", sets, one_way=one_way, rest=len(sets) == 1))

    def cut(self, one: Who, other: Who, *, both: bool = True) -> Fault:
        """Two members do not reach each other; with both=False only what the first sends to the second is lost."""
        ends = self._address(one), self._address(other)
        if ends[0] == ends[1]:
            raise UsageError("a cut is between two members", remedy="partition() with one member cuts it off from everybody")
        return self._add(Cut(self, "cut", [[ends[0]], [ends[1]]], one_way=not both, rest=False))

    def loss(self, who: Who, share: float) -> Fault:
        """Of what goes to a member and of what comes from it this share of packets is lost, at random: 0.1 is a tenth."""
        if not _is_number(share) or not 0 < share <= 1:
            raise UsageError(f"{share!r} is no share of packets", remedy="give a number above 0 and at most 1")
        return self._add(Impair(self, "loss", self._address(who), loss=share))

    def rate(self, who: Who, bits: float) -> Fault:
        """No more than this many bits a second go to a member."""
        if not _is_number(bits) or not 8 <= bits <= MOST_BITS:
            raise UsageError(f"{bits!r} is no rate", remedy="give bits a second: 1e6 is a megabit")
        return self._add(Impair(self, "rate", self._address(who), rate=bits))

    def delay(self, who: Who, seconds: float, jitter: float = 0, *, reorder: float = 0) -> Fault:
        """What goes to a member comes so much later, give or take `jitter`; the share `reorder` of packets goes at once.

        MissingFeature where the kernel has no netem.
        """
        plain = all(map(_is_number, (seconds, jitter, reorder)))
        if not plain or not 0 < seconds < 3600 or not 0 <= jitter <= seconds or not 0 <= reorder < 1:
            raise UsageError(
                "a delay has seconds above 0, a jitter of no more than that, and a share to reorder below 1",
                remedy="write delay(who, 0.1, 0.02)",
            )
        return self._add(Impair(self, "delay", self._address(who), delay=seconds, jitter=jitter, reorder=reorder))

    def heal(self) -> None:
        """Ends all faults."""
        with self._lock:
            self._faults.clear()
            self._apply()

    def remove(self, fault: Fault) -> None:
        """For Fault.heal()."""
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)
                if self._holder >= 0:
                    self._apply()

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self._check_open()
            self._faults.append(fault)
            try:
                self._apply()
            except BaseException:
                self._faults.remove(fault)
                self._applied.clear()  # some of it may hold
                self._apply()
                raise
        return fault

    def _setting(self, address: str) -> Setting:
        return setting(address, self._faults, {*self._links, *self._places.values()})

    def _apply(self) -> None:
        """Makes what holds on the links of all who are there what should hold."""
        changed = {}
        for address in self._present:
            wanted = self._setting(address)
            if self._applied.get(address) != wanted:
                changed[address] = wanted
        if changed:
            self._perform([operation for address, wanted in changed.items() for operation in self._operations(address, wanted)])
            self._applied.update(changed)

    def _operations(self, address: str, wanted: Setting) -> list[Operation]:
        from contain.plan.operations.network import SetFilters, SetQueue

        link = self._links[address]
        return [SetFilters(link=link, incoming=wanted.incoming, outgoing=wanted.outgoing), SetQueue(link=link, **wanted.queue)]

    def _perform(self, operations: Sequence[Operation]) -> list[int]:
        self._check_open()
        return now(Work(self._host, self._holder, operations))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _several(group: Who | Collection[Who]) -> Collection[Who]:
    if isinstance(group, str) or hasattr(group, "member") or hasattr(group, "address"):
        return [group]  # type: ignore[list-item]
    if not hasattr(group, "__iter__"):
        raise UsageError(f"{group!r} is no group of members", remedy=GROUPS)
    return group
