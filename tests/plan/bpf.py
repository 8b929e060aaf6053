"""Asking a filter for any machine, call by call, what it does."""

from __future__ import annotations

import pytest

from contain.errors import HostError
from contain.plan.seccomp.bpf import ABIS
from contain.plan.seccomp.library import Library
from contain.plan.seccomp.simulate import answer

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


def call(code: bytes, abi: str, name: str, *arguments: int) -> int:
    """What the program returns for a call by name on an ABI."""
    number = DIRECT.get((abi, name)) or LIBRARY.number(name, ABIS[abi].token)
    assert number >= 0, f"{name} does not exist on {abi}"
    return answer(code, ABIS[abi].audit, number, arguments)
