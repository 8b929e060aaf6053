"""Device rules: the eBPF program and v1's lists against the meaning of the manifest's list."""

from __future__ import annotations

from struct import iter_unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contain.plan.compile.cgroup_devices import everything_allowed, rules, v1_lines
from contain.plan.compile.device_program import program

ROWS = st.lists(
    st.fixed_dictionaries(
        {"allow": st.booleans()},
        optional={
            "type": st.sampled_from(["a", "b", "c"]),
            "major": st.sampled_from([1, 5, 8, 4294967295]),
            "minor": st.sampled_from([0, 3]),
            "access": st.sampled_from(["r", "w", "m", "rw", "rwm"]),
        },
    ),
    max_size=6,
)
BITS = {"m": 1, "r": 2, "w": 4}


def meaning(found, type_, major, minor, access):
    """For each letter asked for the last rule that speaks of it decides."""
    for letter in access:
        allowed = False
        for rule in found:
            if rule.type in {"a", type_} and rule.major in {-1, major} and rule.minor in {-1, minor} and letter in rule.access:
                allowed = rule.allow
        if not allowed:
            return False
    return True


def run(code, type_, major, minor, access):
    """As much of eBPF as our programs use."""
    context = {0: sum(BITS[letter] for letter in access) << 16 | {"b": 1, "c": 2}[type_], 4: major, 8: minor}
    registers = [0] * 11
    steps = list(iter_unpack("<BBhi", code))
    at = 0
    while True:
        op, pair, offset, value = steps[at]
        dst, src, value = pair & 15, pair >> 4, value & 0xFFFFFFFF
        at += 1
        if op == 0x61:
            registers[dst] = context[offset]
        elif op in {0xB4, 0xBC}:
            registers[dst] = value if op == 0xB4 else registers[src]
        elif op == 0x54:
            registers[dst] &= value
        elif op == 0x74:
            registers[dst] >>= value
        elif op in {0x16, 0x56}:
            at += offset if (registers[dst] == value) == (op == 0x16) else 0
        else:
            assert op == 0x95
            return bool(registers[0])


def from_v1(allow_all, lines, type_, major, minor, access):
    """What the kernel's v1 list answers."""
    for letter in access:
        listed = False
        for line in lines:
            kind, numbers, letters = line.split()
            wanted = [None if number == "*" else int(number) for number in numbers.split(":")]
            listed |= kind == type_ and wanted[0] in {None, major} and wanted[1] in {None, minor} and letter in letters
        if listed == allow_all:
            return False
    return True


@given(
    ROWS,
    st.sampled_from("bc"),
    st.sampled_from([1, 5, 8, 9, 4294967295]),
    st.sampled_from([0, 3, 7]),
    st.sampled_from(["r", "w", "m", "rw", "rwm"]),
)
def test_program_and_list_mean_the_manifest(rows, type_, major, minor, access):
    """Both versions answer as the list reads; v1 refuses what it cannot express."""
    found = rules(rows)
    expected = meaning(found, type_, major, minor, access)
    assert run(program(found), type_, major, minor, access) == expected
    if everything_allowed(rows):
        assert expected
    try:
        allow_all, lines = v1_lines(found)
    except ValueError:
        return
    assert from_v1(allow_all, lines, type_, major, minor, access) == expected


def test_docker_s_list_can_be_had_on_v1():
    """It takes back what its deny-all has refused already."""
    rows = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]
    allow_all, lines = v1_lines(rules([*rows, {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]))
    assert not allow_all
    assert not any("10:229" in line for line in lines)


def test_v1_says_what_it_cannot_express():
    """The kernel would ignore a part taken back from a wider entry."""
    with pytest.raises(ValueError, match="takes back a part"):
        v1_lines(
            rules([{"allow": True, "type": "b", "access": "rw"}, {"allow": False, "type": "b", "major": 8, "minor": 0, "access": "w"}])
        )
