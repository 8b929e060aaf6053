"""The default filter as a binary search over ranges of syscall numbers: a quarter of libseccomp's instructions, and fewer steps.

Allowed numbers lie side by side, so some two hundred ranges say all, and all answers alike share a return. To load a filter costs 0.1 µs an
instruction (its translation), and 2 ns for each that is met when the kernel walks it once for every number. libseccomp gives the numbers; the
tests hold its own compilation of the same profile against this one.
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


def program(machine: str, library: Library, *, more: str = "") -> bytes:
    """The whole filter of a machine, without what depends on capabilities; `more` names syscalls that it allows too."""
    big = ABIS[MACHINES[machine][0]].big
    code = b""
    for audit in dict.fromkeys(ABIS[name].audit for name in MACHINES[machine]):
        body = _Body(big=big)
        _tree(_ranges(machine, audit, library, more), body)
        body.add(LOAD, NUMBER_AT)
        code += instruction(LOAD, ARCH_AT, big=big) + instruction(JUMP_EQUAL, audit, yes=1, big=big)
        code += instruction(JUMP_ALWAYS, len(body.rows), big=big) + body.code()
    return code + instruction(RETURN, KILL_PROCESS, big=big)


def _answers(machine: str, audit: int, library: Library, more: str) -> Iterator[Range]:
    """(number, answer) of every number that has one, and what stands behind the last of each ABI."""
    allowed, checked = set(names([*ALLOWED.values(), more])), checks(machine)
    for abi in (ABIS[name] for name in MACHINES[machine] if ABIS[name].audit == audit):
        for number in (*range(abi.first, abi.first + 1000), *range(0xF0000, 0xF0010)):
            name = library.name(number, abi.token)
            yield number, checked.get(name, ALLOW if name in allowed else _DENIED) if name and name not in ABSENT else _ABSENT
        for low, _ in newer(abi, library):
            yield low, _ABSENT
    yield 0xFFFFFFFF, _DENIED  # -1, by which a tracer skips a call


def _ranges(machine: str, audit: int, library: Library, more: str) -> list[Range]:
    """Neighbours with one answer joined."""
    answers = dict(_answers(machine, audit, library, more))
    ranges: list[Range] = [(0, _ABSENT)]
    for number in sorted(answers):
        for start, answer in ((number, answers[number]), (number + 1, answers.get(number + 1, _ABSENT))):
            if start <= 0xFFFFFFFF and answer != ranges[-1][1]:
                ranges = [*ranges[:-1], (start, answer)] if ranges[-1][0] == start else [*ranges, (start, answer)]
    return ranges


class _Body:
    """Code written from its end to its start: jumps go forwards only, so all that one can lead to is there already."""

    def __init__(self, *, big: bool) -> None:
        """Empty."""
        self.big = big
        self.rows: list[bytes] = []  # the last instruction first
        self.returns: dict[int, int] = {}  # answer → where the nearest return of it stands in `rows`

    def add(self, code: int, value: int, *, yes: int = 0, no: int = 0) -> int:
        """Puts an instruction before all others; gives its place, which `distance` takes."""
        self.rows.append(instruction(code, value, yes=yes, no=no, big=self.big))
        return len(self.rows) - 1

    def distance(self, place: int) -> int:
        """Instructions to skip from one that is added now to `place`."""
        return len(self.rows) - 1 - place

    def answer(self, value: int, slack: int = 2) -> int:
        """Place of a return of `value` that a conditional jump can reach, though `slack` more instructions come between."""
        place = self.returns.get(value)
        if place is None or self.distance(place) + slack > _FARTHEST:
            place = self.returns[value] = self.add(RETURN, value)
        return place

    def code(self) -> bytes:
        """In the kernel's order."""
        return b"".join(reversed(self.rows))


def _tree(ranges: list[Range], body: _Body) -> int:
    """Adds code that finds the range of the number in the accumulator and gives its answer; gives the place where it starts."""
    if len(ranges) == 1:
        answer = ranges[0][1]
        return body.answer(answer) if isinstance(answer, int) else _check(answer, body)
    middle = len(ranges) // 2
    right = _tree(ranges[middle:], body)
    left = _tree(ranges[:middle], body)
    if body.distance(right) > _FARTHEST:
        right = body.add(JUMP_ALWAYS, body.distance(right))
    if body.distance(left) > _FARTHEST:
        left = body.add(JUMP_ALWAYS, body.distance(left))
    return body.add(JUMP_GREATER_OR_EQUAL, ranges[middle][0], yes=body.distance(right), no=body.distance(left))


def _check(check: Check, body: _Body) -> int:
    """Adds code that looks at the low 32 bits of one argument, which is all that the kernel looks at (CVE-2019-10063)."""
    slack = len(check.values) + 2
    hit = body.answer(_DENIED if check.refused else ALLOW, slack)
    miss = body.answer(ALLOW if check.refused else _DENIED, slack)
    for value in reversed(check.values):
        miss = body.add(JUMP_SET if check.bits else JUMP_EQUAL, value, yes=body.distance(hit), no=body.distance(miss))
    return body.add(LOAD, ARGUMENT_AT + 8 * check.index + (4 if body.big else 0))
