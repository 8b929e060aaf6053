"""Faults: what they do to the packets that go to a member, and the filters that make it so."""

from __future__ import annotations

from struct import pack

from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any, Protocol

    class Healer(Protocol):
        """Who made a fault."""

        def remove(self, fault: Fault) -> Any:
            """Ends it."""


# classic BPF (linux/filter.h) and what a filter of the traffic control answers (linux/pkt_cls.h)
_LOAD_HALF, _LOAD_WORD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x28, 0x20, 0x15, 0x35, 0x06
_RANDOM = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM
_PASS, _DROP = 0, 2
_KIND_AT, _ARP = 12, 0x0806  # of an Ethernet frame
_SENDER_AT = 8  # the last four bytes of the sender's hardware address: AddMember makes them its address
#: a filter may have 4096 instructions, of which each sender takes two
MOST_SENDERS = 2000
#: a bucket holds at least a large packet, and what goes in a timer's tick
_LEAST_BURST, _TICKS = 16384, 100


class Setting:
    """All that holds for the link of one member; `==` tells whether something is to be done."""

    __slots__ = ("incoming", "outgoing", "queue")

    queue: dict[str, Any]  # the fields of SetQueue, all of them numbers

    def __init__(self, incoming: bytes = b"", outgoing: bytes = b"", queue: dict[str, int] | None = None) -> None:
        """Filters of what goes to it and comes from it; `queue` as the fields of SetQueue."""
        self.incoming = incoming
        self.outgoing = outgoing
        self.queue = queue or {}

    def __eq__(self, other: object) -> bool:
        """By value."""
        return isinstance(other, Setting) and self.fields() == other.fields()

    __hash__ = None  # type: ignore[assignment]

    def fields(self) -> dict[str, Any]:
        """As AddMember has them."""
        return {"incoming": self.incoming, "outgoing": self.outgoing, **self.queue}


class Fault:
    """Something that goes wrong in a network until heal(); a context manager whose end heals it. Made by the network's methods."""

    __slots__ = ("_healer", "kind")

    def __init__(self, healer: Healer, kind: str) -> None:
        """`kind` is the method's name."""
        self._healer = healer
        self.kind = kind

    def heal(self) -> None:
        """Ends it; once is enough."""
        self._healer.remove(self)

    def __enter__(self) -> Fault:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """See heal()."""
        self.heal()

    def __repr__(self) -> str:
        """Its kind."""
        return f"<{self.kind}>"

    def blocks(self, source: str, target: str) -> bool:
        """For Network: whether nothing of `source` reaches `target`."""
        del source, target
        return False

    def effect(self, address: str) -> dict[str, float]:
        """For Network: what else happens on a member's link: `loss`, `rate`, `delay`, `jitter`, `reorder`."""
        del address
        return {}


class Cut(Fault):
    """Groups that do not reach each other; `rest` says that whoever is in none of them is one more."""

    __slots__ = ("groups", "one_way", "rest")

    def __init__(self, healer: Healer, kind: str, groups: Sequence[Collection[str]], *, one_way: bool, rest: bool) -> None:
        """Groups of addresses; `one_way`: only what an earlier one sends to a later one is lost."""
        super().__init__(healer, kind)
        self.groups = [frozenset(group) for group in groups]
        self.one_way = one_way
        self.rest = rest

    def _group(self, address: str) -> int:
        for index, group in enumerate(self.groups):
            if address in group:
                return index
        return len(self.groups) if self.rest else -1

    def blocks(self, source: str, target: str) -> bool:
        """See the base."""
        sender, receiver = self._group(source), self._group(target)
        if -1 in (sender, receiver) or sender == receiver:
            return False
        return sender < receiver or not self.one_way


class Impair(Fault):
    """One member's link is worse than it was."""

    __slots__ = ("_address", "_effect")

    def __init__(self, healer: Healer, kind: str, address: str, **effect: float) -> None:
        """See Fault.effect."""
        super().__init__(healer, kind)
        self._address = address
        self._effect = effect

    def effect(self, address: str) -> dict[str, float]:
        """See the base."""
        return self._effect if address == self._address else {}


def setting(address: str, faults: Collection[Fault], known: Iterable[str]) -> Setting:
    """What holds for the member at `address` when all these faults do: losses multiply, delays add up, the lowest rate counts."""
    if not faults:
        return Setting()
    blocked = [other for other in sorted(known) if other != address and any(fault.blocks(other, address) for fault in faults)]
    if len(blocked) > MOST_SENDERS:
        raise UsageError(f"no filter can know more than {MOST_SENDERS} members")
    effects = [fault.effect(address) for fault in faults]
    passing = 1.0
    for effect in effects:
        passing *= 1 - effect.get("loss", 0)
    rates = [effect["rate"] for effect in effects if "rate" in effect]
    queue: dict[str, int] = {}
    if rates:
        queue["rate"] = max(1, int(min(rates) / 8))
        queue["burst"] = max(_LEAST_BURST, queue["rate"] // _TICKS)
    for name in ("delay", "jitter"):
        total = sum(effect.get(name, 0) for effect in effects)
        if total:
            queue[name] = int(total * 1e9)
    reorder = max((effect.get("reorder", 0) for effect in effects), default=0)
    if reorder:
        queue["reorder"] = min(int(reorder * 2**32), 2**32 - 1)
    return Setting(_program(blocked, 1 - passing), _program([], 1 - passing), queue)


def _program(blocked: Collection[str], loss: float) -> bytes:
    """Lets pass what no rule drops. ARP always passes: to the members it looks as if packets were lost on the way."""
    if not blocked and not loss:
        return b""
    rows = [(_LOAD_HALF, 0, 0, _KIND_AT), (_IF_EQUAL, 0, 1, _ARP), (_RETURN, 0, 0, _PASS)]
    rows += [(_LOAD_WORD, 0, 0, _SENDER_AT)] if blocked else []
    for address in blocked:
        rows += [(_IF_EQUAL, 0, 1, number(address)), (_RETURN, 0, 0, _DROP)]
    if loss >= 1:
        rows += [(_RETURN, 0, 0, _DROP)]
    elif loss:
        rows += [(_LOAD_WORD, 0, 0, _RANDOM), (_IF_AT_LEAST, 1, 0, int(loss * 2**32)), (_RETURN, 0, 0, _DROP)]
    rows += [(_RETURN, 0, 0, _PASS)]
    return b"".join(pack("=HBBI", *row) for row in rows)


def number(address: str) -> int:
    """An IPv4 address as a number."""
    found = 0
    for part in address.split("."):
        found = found << 8 | int(part)
    return found


def text(address: int) -> str:
    """The opposite of number()."""
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
