"""Device rules for cgroup v2: an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE) as bytes.

The last entry that speaks of a device decides, for each of r, w and m by itself; so the program asks from the last entry to the
first and stops at the first refusal, or when nothing asked for is left. Registers: r1 context, r2 type, r3 access still asked
for, r4 major, r5 minor, r6 scratch (linux/bpf.h, struct bpf_cgroup_dev_ctx).
"""

from __future__ import annotations

from struct import pack

from contain.plan.compile.cgroup_devices import ANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.plan.compile.cgroup_devices import Rule

_TYPES = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

_LOAD = 0x61  # dst = *(u32 *)(src + off)
_MOVE, _MOVE_IMMEDIATE = 0xBC, 0xB4  # 32 bits wide, as all that follow
_AND_IMMEDIATE, _SHIFT_RIGHT = 0x54, 0x74
_JUMP_EQUAL, _JUMP_NOT_EQUAL = 0x16, 0x56
_EXIT = 0x95


def _op(code: int, dst: int = 0, src: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return pack("<BBhi", code, dst | src << 4, offset, value if value < 1 << 31 else value - (1 << 32))


def _answer(allow: bool) -> list[bytes]:  # noqa: FBT001 — it is the answer
    return [_op(_MOVE_IMMEDIATE, 0, value=int(allow)), _op(_EXIT)]


def program(found: list[Rule]) -> bytes:
    """The program for a list of rules; without a word about a device it is refused."""
    code = [
        _op(_LOAD, 2, 1, 0),
        _op(_MOVE, 3, 2),
        _op(_AND_IMMEDIATE, 2, value=0xFFFF),
        _op(_SHIFT_RIGHT, 3, value=16),
        _op(_LOAD, 4, 1, 4),
        _op(_LOAD, 5, 1, 8),
    ]
    for rule in reversed(found):
        if rule.everything:
            return b"".join(code + _answer(rule.allow))  # nothing before it matters
        code += _block(rule)
    return b"".join(code + _answer(allow=False))


def _block(rule: Rule) -> list[bytes]:
    tests = []
    if rule.type != "a":
        tests.append((2, _TYPES[rule.type]))
    if rule.major != ANY:
        tests.append((4, rule.major))
    if rule.minor != ANY:
        tests.append((5, rule.minor))
    mask = sum(_ACCESS[letter] for letter in rule.access)
    if rule.allow:
        body = [_op(_AND_IMMEDIATE, 3, value=~mask & 7), _op(_JUMP_NOT_EQUAL, 3, offset=2)]
    else:
        body = [_op(_MOVE, 6, 3), _op(_AND_IMMEDIATE, 6, value=mask), _op(_JUMP_EQUAL, 6, offset=2)]
    body += _answer(rule.allow)
    size = len(tests) + len(body)
    return [_op(_JUMP_NOT_EQUAL, register, offset=size - index - 1, value=value) for index, (register, value) in enumerate(tests)] + body
