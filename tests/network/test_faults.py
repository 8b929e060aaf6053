"""What the filters of faults do to a frame, without a kernel; and how faults add up."""

from __future__ import annotations

from struct import iter_unpack, pack, unpack_from

import pytest

from contain.errors import UsageError
from contain.network.faults import Cut, Fault, Impair, number, setting, text
from contain.network.subnet import Subnet

A, B, C, D = (f"10.90.0.{last}" for last in (2, 3, 4, 5))
KNOWN = (A, B, C, D)
PASS, DROP = 0, 2


class Nobody:
    """Makes no fault, so it need not heal one."""

    def remove(self, fault: Fault) -> None:
        """Nothing."""


def frame(source: str, kind: int = 0x0800) -> bytes:
    """An Ethernet frame of a member."""
    return b"\x02\x63" + b"\0" * 4 + b"\x02\x63" + pack(">I", number(source)) + pack(">H", kind) + b"\0" * 46


def answer(program: bytes, data: bytes, random: int = 0) -> int:
    """Runs classic BPF."""
    rows = list(iter_unpack("=HBBI", program))
    at = value = 0
    while rows:
        code, yes, no, k = rows[at]
        at += 1
        if code == 0x06:
            return k
        if code == 0x28:
            value = unpack_from(">H", data, k)[0]
        elif code == 0x20:
            value = random if k >= 0xFFFFF000 else unpack_from(">I", data, k)[0]
        else:
            holds = value == k if code == 0x15 else value >= k
            at += yes if holds else no
    return PASS


def reached(faults: list[Fault]) -> set[str]:
    """Who reaches whom, as pairs of their last digits."""
    return {
        source[-1] + target[-1]
        for source in KNOWN
        for target in KNOWN
        if source != target and answer(setting(target, faults, KNOWN).incoming, frame(source)) == PASS
    }


ALL = reached([])


def test_without_faults_there_is_no_filter() -> None:
    """And everybody reaches everybody."""
    assert setting(A, [], KNOWN).fields() == {"incoming": b"", "outgoing": b""}
    assert len(ALL) == 12


def test_groups_do_not_reach_each_other() -> None:
    """Whoever is in none of them reaches all."""
    fault = Cut(Nobody(), "partition", [[A, B], [C]], one_way=False, rest=False)
    assert ALL - reached([fault]) == {"24", "34", "42", "43"}


def test_one_group_alone_is_cut_off_from_everybody() -> None:
    """From those too that come later."""
    fault = Cut(Nobody(), "partition", [[A, B]], one_way=False, rest=True)
    assert ALL - reached([fault]) == {"24", "25", "34", "35", "42", "43", "52", "53"}


def test_one_way() -> None:
    """Only what the first sends to the second is lost."""
    assert ALL - reached([Cut(Nobody(), "cut", [[B], [A]], one_way=True, rest=False)]) == {"32"}


def test_arp_always_passes() -> None:
    """To the members it looks as if packets were lost on the way."""
    faults = [Cut(Nobody(), "cut", [[A], [B]], one_way=False, rest=False), Impair(Nobody(), "loss", B, loss=1)]
    program = setting(B, faults, KNOWN).incoming
    assert [answer(program, frame(A, kind)) for kind in (0x0806, 0x0800, 0x86DD)] == [PASS, DROP, DROP]


def test_loss_is_a_share_of_random_numbers() -> None:
    """Both ways; two losses multiply what passes."""
    faults = [Impair(Nobody(), "loss", B, loss=0.5), Impair(Nobody(), "loss", B, loss=0.5)]
    found = setting(B, faults, KNOWN)
    for program in (found.incoming, found.outgoing):
        assert answer(program, frame(A), random=int(0.74 * 2**32)) == DROP
        assert answer(program, frame(A), random=int(0.76 * 2**32)) == PASS
    assert setting(A, faults, KNOWN).fields() == {"incoming": b"", "outgoing": b""}


def test_queues_add_up() -> None:
    """Delays are summed, the lowest rate counts, in bytes."""
    faults = [Impair(Nobody(), "delay", B, delay=0.1, jitter=0.01), Impair(Nobody(), "delay", B, delay=0.2)]
    faults += [Impair(Nobody(), "rate", B, rate=8e6), Impair(Nobody(), "rate", B, rate=16e6)]
    queue = setting(B, faults, KNOWN).queue
    assert (queue["rate"], queue["jitter"]) == (1_000_000, 10_000_000)
    assert abs(queue["delay"] - 300_000_000) <= 1


def test_longest_filter_fits_the_kernel() -> None:
    """4096 instructions; more is said before the kernel says it."""
    many = [text(number("10.90.0.0") + index) for index in range(2001)]
    fault = Cut(Nobody(), "partition", [[A]], one_way=False, rest=True)
    assert len(setting(A, [fault], [A, *many[6:]]).incoming) // 8 <= 4096
    with pytest.raises(UsageError, match="2000 members"):
        setting("10.91.0.1", [Cut(Nobody(), "partition", [["10.91.0.1"]], one_way=False, rest=True)], many)


def test_addresses_of_a_subnet_come_one_by_one() -> None:
    """Free ones are taken again last; when there is none, it is said."""
    subnet = Subnet("10.1.2.77/29")
    assert str(subnet) == "10.1.2.72/29"
    assert [subnet.take() for _ in range(6)] == [f"10.1.2.{last}" for last in range(73, 79)]
    taken = {f"10.1.2.{last}" for last in range(74, 79)}
    assert subnet.take(avoid=taken - {"10.1.2.76"}) == "10.1.2.76"
    with pytest.raises(UsageError, match="are taken"):
        subnet.take(avoid=taken)


@pytest.mark.parametrize("given", ["", "10.0.0.0", "10.0.0.256/24", "10.0.0.0/30", "10.0.0/24", "fd00::/64"])
def test_what_is_no_subnet(given: str) -> None:
    """A word, and the form that is expected."""
    with pytest.raises(UsageError):
        Subnet(given)
