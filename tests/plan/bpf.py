"""An interpreter for the classic BPF of seccomp filters, so that a filter for any machine can be asked what it does."""

from __future__ import annotations

import pytest

from contain.errors import HostError
from contain.plan.seccomp.bpf import ABIS
from contain.plan.seccomp.library import Library

try:
    LIBRARY = Library()
except HostError as error:
    pytest.skip(str(error), allow_module_level=True)

#: numbers that the library hides behind those of socketcall
DIRECT = {("SCMP_ARCH_S390X", "socket"): 359, ("SCMP_ARCH_PPC64LE", "socket"): 326}

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000


def errno(number: int) -> int:
    """The value of "fail with this number"."""
    return 0x00050000 | number


def run(code: bytes, audit: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the program returns for a call."""
    order = "little" if audit & 0x40000000 else "big"
    data = (number & 0xFFFFFFFF).to_bytes(4, order) + audit.to_bytes(4, order) + bytes(8)
    data += b"".join((value & (1 << 64) - 1).to_bytes(8, order) for value in (*arguments, *[0] * 6)[:6])
    at = accumulator = 0
    while True:
        row = code[8 * at : 8 * at + 8]
        operation, yes, no, value = int.from_bytes(row[:2], order), row[2], row[3], int.from_bytes(row[4:], order)
        at += 1
        if operation == 0x20:
            accumulator = int.from_bytes(data[value : value + 4], order)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x06:
            return value
        elif operation == 0x05:
            at += value
        else:
            test = {0x15: accumulator == value, 0x25: accumulator > value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            at += yes if test[operation] else no


def call(code: bytes, abi: str, name: str, *arguments: int) -> int:
    """What the program returns for a call by name on an ABI."""
    number = DIRECT.get((abi, name)) or LIBRARY.number(name, ABIS[abi].token)
    assert number >= 0, f"{name} does not exist on {abi}"
    return run(code, ABIS[abi].audit, number, arguments)
