"""The default filter as a binary search over ranges of syscall numbers: half the instructions that libseccomp needs, and fewer steps.

Allowed numbers lie side by side, so some sixty ranges say all; the kernel walks the filter once for every number when it is loaded, which is
most of the cost of loading. libseccomp gives the numbers; the tests hold its own compilation of the same profile against this one.
"""

from __future__ import annotations

from contain.plan.seccomp.bpf import (
    ABIS,
    ALLOW,
    ARCH_AT,
    ARGUMENT_AT,
    ENOSYS,
    EPERM,
    ERRNO,
    JUMP_ALWAYS,
    JUMP_EQUAL,
    LOAD,
    MACHINES,
    NUMBER_AT,
    RETURN,
    instruction,
)
from contain.plan.seccomp.compiler import newer
from contain.plan.seccomp.profile import ABSENT, ALLOWED, Check, checks, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.plan.seccomp.library import Library

    #: first number of a range, and what is answered from there on
    Range = tuple[int, int | Check]

JUMP_GREATER_OR_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_SET = 0x45  # BPF_JMP | BPF_JSET | BPF_K
KILL_PROCESS = 0x80000000

_DENIED = ERRNO | EPERM
_ABSENT = ERRNO | ENOSYS
_FARTHEST = 255  # of a conditional jump


def program(machine: str, library: Library) -> bytes:
    """The whole filter of a machine, without what depends on capabilities."""
    big = ABIS[MACHINES[machine][0]].big
    code = b""
    for audit in dict.fromkeys(ABIS[name].audit for name in MACHINES[machine]):
        body = instruction(LOAD, NUMBER_AT, big=big) + _tree(_ranges(machine, audit, library), big=big)
        code += instruction(LOAD, ARCH_AT, big=big) + instruction(JUMP_EQUAL, audit, yes=1, big=big)
        code += instruction(JUMP_ALWAYS, len(body) // 8, big=big) + body
    return code + instruction(RETURN, KILL_PROCESS, big=big)


def _answers(machine: str, audit: int, library: Library) -> Iterator[Range]:
    """(number, answer) of every number that has one, and what stands behind the last of each ABI."""
    allowed, checked = set(names(ALLOWED.values())), checks(machine)
    for abi in (ABIS[name] for name in MACHINES[machine] if ABIS[name].audit == audit):
        for number in (*range(abi.first, abi.first + 1000), *range(0xF0000, 0xF0010)):
            name = library.name(number, abi.token)
            yield number, checked.get(name, ALLOW if name in allowed else _DENIED) if name and name not in ABSENT else _ABSENT
        for low, _ in newer(abi, library):
            yield low, _ABSENT
    yield 0xFFFFFFFF, _DENIED  # -1, by which a tracer skips a call


def _ranges(machine: str, audit: int, library: Library) -> list[Range]:
    """Neighbours with one answer joined."""
    answers = dict(_answers(machine, audit, library))
    ranges: list[Range] = [(0, _ABSENT)]
    for number in sorted(answers):
        for start, answer in ((number, answers[number]), (number + 1, answers.get(number + 1, _ABSENT))):
            if start <= 0xFFFFFFFF and answer != ranges[-1][1]:
                ranges = [*ranges[:-1], (start, answer)] if ranges[-1][0] == start else [*ranges, (start, answer)]
    return ranges


def _tree(ranges: list[Range], *, big: bool) -> bytes:
    """Code that finds the range of the number in the accumulator and gives its answer."""
    if len(ranges) == 1:
        answer = ranges[0][1]
        return instruction(RETURN, answer, big=big) if isinstance(answer, int) else _check(answer, big=big)
    middle = len(ranges) // 2
    left, right = _tree(ranges[:middle], big=big), _tree(ranges[middle:], big=big)
    start, size = ranges[middle][0], len(left) // 8
    if size <= _FARTHEST:
        return instruction(JUMP_GREATER_OR_EQUAL, start, yes=size, big=big) + left + right
    jump = instruction(JUMP_GREATER_OR_EQUAL, start, no=1, big=big) + instruction(JUMP_ALWAYS, size, big=big)
    return jump + left + right


def _check(check: Check, *, big: bool) -> bytes:
    """Code that looks at the low 32 bits of one argument, which is all that the kernel looks at (CVE-2019-10063)."""
    code = instruction(LOAD, ARGUMENT_AT + 8 * check.index + (4 if big else 0), big=big)
    jump = JUMP_SET if check.bits else JUMP_EQUAL
    for value in check.values:
        code += instruction(jump, value, no=1, big=big) + instruction(RETURN, _DENIED if check.refused else ALLOW, big=big)
    return code + instruction(RETURN, ALLOW if check.refused else _DENIED, big=big)
