"""From the OCI's linux.seccomp object to a BPF program, by libseccomp.

    compile_filter(profile, machine) → Program(code, flags, notify, notes)

Where the text of the spec leaves a choice the engines' habits decide: several conditions on one argument mean "or", a rule that says what the
default says is left out, and names that the library does not know are skipped with a note.
"""

from __future__ import annotations

from contain.errors import HostError, ManifestError
from contain.plan.seccomp.bpf import ABIS, ALLOW, ENOSYS, EPERM, ERRNO, MACHINES, MOST, RETURN, X32_BIT, Abi, Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from contain.plan.seccomp.library import Library, _Comparison

ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": ERRNO,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": ALLOW,
}

#: enum scmp_compare
OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}

#: seccomp(2)'s flags
FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}
NEW_LISTENER = 8
TSYNC_ESRCH = 16

#: defaults that mean "no", under which a syscall that nobody knew about must look like one that does not exist
_REFUSING = frozenset({"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP"})

#: calls that our own way from the filter's load to execve needs; a listener that holds them would wait for itself
HELD_BACK = frozenset({"write", "read", "sendmsg", "recvmsg", "close", "futex"})

#: private syscalls of 32-bit ARM (cacheflush, set_tls, breakpoint) lie far above the others
_ARM_PRIVATE = 0x000F0000


class Program:
    """A compiled filter: code, flags of seccomp(2), whether it has a listener, and what is to be said about it."""

    __slots__ = ("code", "flags", "notes", "notify")

    def __init__(self, code: bytes, flags: int, notes: Sequence[str], *, notify: bool) -> None:
        """All of it."""
        self.code = code
        self.flags = flags
        self.notify = notify
        self.notes = tuple(notes)


def flags_of(profile: dict[str, Any]) -> int:
    """The flags for seccomp(2); TSYNC with a listener needs one more, since both want the return value."""
    flags = 0
    for name in profile.get("flags") or ():
        if name not in FLAGS:
            raise ManifestError(f"seccomp: unknown flag {name}")
        flags |= FLAGS[name]
    if uses_notify(profile):
        flags |= NEW_LISTENER
        if flags & FLAGS["SECCOMP_FILTER_FLAG_TSYNC"]:
            flags |= TSYNC_ESRCH
    else:
        flags &= ~FLAGS["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    return flags


def uses_notify(profile: dict[str, Any]) -> bool:
    """Whether any rule hands calls to a listener."""
    return any(rule.get("action") == "SCMP_ACT_NOTIFY" for rule in profile.get("syscalls") or ())


def architectures(profile: dict[str, Any], machine: str) -> list[Abi]:
    """The ABIs to compile for, the native one first; those that this machine's kernel can never be called by are left out."""
    if machine not in MACHINES:
        raise HostError(f"seccomp: no filter can be made for a {machine} machine")
    possible = MACHINES[machine]
    wanted = profile.get("architectures") or ()
    for name in wanted:
        if name not in ABIS:
            raise ManifestError(f"seccomp: unknown architecture {name}")
    return [ABIS[name] for name in possible if name == possible[0] or name in wanted]


def action_value(name: str, errno: int | None) -> int:
    """The kernel's value of an action; ERRNO and TRACE carry a number, EPERM unless said."""
    if name not in ACTIONS:
        raise ManifestError(f"seccomp: unknown action {name}")
    value = ACTIONS[name]
    if name in {"SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"}:
        return value | ((EPERM if errno is None else errno) & 0xFFFF)
    return value


def newer(abi: Abi, library: Library) -> Iterator[tuple[int, int]]:
    """Ranges of numbers above the newest one that the library knows; -1 stays out: a tracer uses it to skip a call."""
    known = (number for number in range(abi.first + 999, abi.first - 1, -1) if library.name(number, abi.token))
    newest = next(known, -1)
    if newest < 0:
        return
    if abi.first == X32_BIT:  # x32 has calls of its own at 512, put there before the common numbers came near
        common = next((number for number in known if number < X32_BIT + 512), newest)
        yield common + 1, X32_BIT + 511
        yield newest + 1, 0xFFFFFFFE
    elif abi.name == "SCMP_ARCH_X86_64":
        yield newest + 1, X32_BIT - 1
    elif abi.name == "SCMP_ARCH_ARM":
        yield newest + 1, _ARM_PRIVATE - 1
    else:
        yield newest + 1, 0xFFFFFFFE


def _newer_code(abis: Sequence[Abi], library: Library) -> bytes:
    """What answers ENOSYS for the calls of tomorrow, so that a C library falls back instead of failing (runc does likewise)."""
    code = b""
    for abi in abis:
        part = Part(abi.audit)
        for low, high in newer(abi, library):
            part.between(low, high, ERRNO | ENOSYS)
        code += part.code()
    return code


def _conditions(rule: dict[str, Any]) -> Iterator[list[_Comparison]]:
    """The condition lists of a rule: one with all of them, or one each when an argument is named twice (as runc reads it)."""
    from contain.plan.seccomp.library import comparison

    made = []
    seen = set()
    for argument in rule.get("args") or ():
        operator = argument.get("op")
        if operator not in OPERATORS:
            raise ManifestError(f"seccomp: unknown operator {operator}")
        value, second = argument.get("value", 0), argument.get("valueTwo", 0)
        # the library takes the mask first, and so does the OCI (value is the mask, valueTwo what must be left)
        made.append(comparison(argument["index"], OPERATORS[operator], value, second))
        seen.add(argument["index"])
    if len(seen) == len(made):
        yield made
    else:
        yield from ([one] for one in made)


def _check_listener(profile: dict[str, Any]) -> None:
    """A default of NOTIFY, or NOTIFY of what we need ourselves, can never start."""
    if profile["defaultAction"] == "SCMP_ACT_NOTIFY":
        raise ManifestError("seccomp: SCMP_ACT_NOTIFY cannot be the default action: the container's start would wait for its own listener")
    for rule in profile.get("syscalls") or ():
        held = sorted(HELD_BACK.intersection(rule["names"])) if rule["action"] == "SCMP_ACT_NOTIFY" else ()
        if held:
            raise ManifestError(
                f"seccomp: SCMP_ACT_NOTIFY cannot be used for {', '.join(held)}: the container's start would wait for its own listener"
            )


def compile_filter(profile: dict[str, Any], machine: str, library: Library | None = None) -> Program:
    """The program of a profile for a machine; ManifestError for what the profile says wrongly, HostError without libseccomp."""
    from contain.plan.seccomp.library import BAD_ARCH, OPTIMIZE, Filter, Library

    library = library or Library()
    _check_listener(profile)
    abis = architectures(profile, machine)
    default = action_value(profile["defaultAction"], profile.get("defaultErrnoRet"))
    unknown: list[str] = []
    try:
        with Filter(library, default, [abi.token for abi in abis]) as made:
            made.attribute(BAD_ARCH, ACTIONS["SCMP_ACT_KILL_PROCESS"])
            made.attribute(OPTIMIZE, 2)
            for rule in profile.get("syscalls") or ():
                unknown += _add_rule(made, library, rule, default)
            code = made.export()
        if abis[0].big:
            code = _mended(code, _actions(profile, default))
    except OSError as error:
        raise ManifestError(f"seccomp: the profile cannot be compiled: {error.strerror}") from error
    if profile["defaultAction"] in _REFUSING and default != ERRNO | ENOSYS:
        code = _newer_code(abis, library) + code
    if len(code) > 8 * MOST:
        raise ManifestError(f"seccomp: the profile gives {len(code) // 8} instructions, the kernel takes {MOST}")
    notes = [f"unknown to libseccomp {library.version()}, skipped: {', '.join(sorted(set(unknown)))}"] if unknown else []
    return Program(code, flags_of(profile), notes, notify=uses_notify(profile))


def _actions(profile: dict[str, Any], default: int) -> set[int]:
    """Every value that the filter may return."""
    ruled = {action_value(rule["action"], rule.get("errnoRet")) for rule in profile.get("syscalls") or ()}
    return {default, ACTIONS["SCMP_ACT_KILL_PROCESS"], *ruled}


def _mended(code: bytes, actions: set[int]) -> bytes:
    """Undoes a fault of libseccomp (seen in 2.5.4): made on a little-endian host, long filters have some return values swapped twice."""
    rows = []
    for at in range(0, len(code), 8):
        row = code[at : at + 8]
        if row[1] == RETURN and int.from_bytes(row[4:], "big") not in actions and int.from_bytes(row[4:], "little") in actions:
            row = row[:4] + row[:3:-1]
        rows.append(row)
    return b"".join(rows)


def _add_rule(made: Any, library: Library, rule: dict[str, Any], default: int) -> list[str]:
    """Adds one rule of the profile; gives the names that the library does not know."""
    from contain.plan.seccomp.library import UNKNOWN

    action = action_value(rule["action"], rule.get("errnoRet"))
    unknown = []
    lists = list(_conditions(rule))
    for name in rule["names"]:
        number = library.number(name)
        if number == UNKNOWN:
            unknown.append(name)
        elif action != default:  # the library refuses a rule that says what the default says
            for conditions in lists:
                made.rule(action, number, name, conditions)
    return unknown
