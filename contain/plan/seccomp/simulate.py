"""What a filter answers to a call, without a kernel: an interpreter for the few instructions of classic BPF that filters use."""

from __future__ import annotations

from contain.plan.seccomp.bpf import JUMP_ALWAYS, JUMP_EQUAL, JUMP_GREATER, LOAD, RETURN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

_AND = 0x54
_JUMP_GREATER_OR_EQUAL = 0x35
_JUMP_SET = 0x45

#: native machine → (execve, sendmsg, recvmsg): what our own way to the program needs under a filter
NEEDED = {
    "x86_64": (59, 46, 47),
    "aarch64": (221, 211, 212),
    "riscv64": (221, 211, 212),
    "loongarch64": (221, 211, 212),
    "s390x": (11, 370, 372),
    "ppc64le": (11, 341, 342),
}
NEEDED_NAMES = ("execve", "sendmsg", "recvmsg")


def answer(code: bytes, audit: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the program returns for a call."""
    order: Literal["little", "big"] = "little" if audit & 0x40000000 else "big"
    data = (number & 0xFFFFFFFF).to_bytes(4, order) + audit.to_bytes(4, order) + bytes(8)
    data += b"".join((value & (1 << 64) - 1).to_bytes(8, order) for value in (*arguments, *[0] * 6)[:6])
    at = accumulator = 0
    while True:
        row = code[8 * at : 8 * at + 8]
        operation, yes, no, value = int.from_bytes(row[:2], order), row[2], row[3], int.from_bytes(row[4:], order)
        at += 1
        if operation == LOAD:
            accumulator = int.from_bytes(data[value : value + 4], order)
        elif operation == RETURN:
            return value
        elif operation == JUMP_ALWAYS:
            at += value
        elif operation == _AND:
            accumulator &= value
        else:
            at += yes if _holds(operation, accumulator, value) else no


def _holds(operation: int, accumulator: int, value: int) -> bool:
    """Whether a conditional jump is taken."""
    if operation == JUMP_EQUAL:
        return accumulator == value
    if operation == JUMP_GREATER:
        return accumulator > value
    if operation == _JUMP_GREATER_OR_EQUAL:
        return accumulator >= value
    if operation == _JUMP_SET:
        return bool(accumulator & value)
    raise ValueError(f"an instruction that no seccomp filter has: {operation:#x}")
