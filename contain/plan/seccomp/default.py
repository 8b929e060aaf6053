"""The default filter, put together from committed bytes: what the capabilities add, and the body."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Literal

#: machines with committed bytes
COMMITTED = frozenset({"x86_64", "aarch64", "riscv64", "s390x", "ppc64le"})

#: what uname says on a 32-bit kernel, or under setarch on a 64-bit one: the filter that has both
WIDER = {"i686": "x86_64", "i586": "x86_64", "i386": "x86_64", "armv7l": "aarch64", "armv8l": "aarch64", "s390": "s390x"}

BIG = frozenset({"s390x", "ppc64", "ppc", "mips", "mips64", "m68k", "parisc", "parisc64"})


#: what allows to look into other processes, nearly always given: a filter of its own, not an addition
TRACERS = frozenset({"own pid namespace", "CAP_SYS_PTRACE"})

#: what the filter says to a call that it does not allow, by --seccomp-action
ACTIONS = {"errno": 0x00050001, "kill": 0x80000000, "trap": 0x00030000, "log": 0x7FFC0000, "notify": 0x7FC00000}


def default_filter(machine: str, given: Collection[str], action: str = "errno") -> bytes:
    """The program for a machine; `given` holds capability names and profile.OWN_PIDS."""
    machine = WIDER.get(machine, machine)
    if machine in COMMITTED:
        name = f"contain.plan.seccomp.generated.{machine}"
        made: Any = __import__(name, fromlist=["BASE"])
        base: bytes = made.TRACING if TRACERS.intersection(given) else made.BASE
        code = b"".join(part for condition, part in made.ADDITIONS.items() if condition in given) + base
    else:
        code = _compiled(machine, given)
    return code if action == "errno" else _answering(code, action, big=machine in BIG)


def _answering(code: bytes, action: str, *, big: bool) -> bytes:
    """The same program with another answer in the place of EPERM; calls that do not exist stay so."""
    order: Literal["little", "big"] = "big" if big else "little"
    head = b"\0\x06\0\0" if big else b"\x06\0\0\0"  # BPF_RET | BPF_K
    old, new = (head + ACTIONS[name].to_bytes(4, order) for name in ("errno", action))
    return b"".join(new if code[at : at + 8] == old else code[at : at + 8] for at in range(0, len(code), 8))


def _compiled(machine: str, given: Collection[str]) -> bytes:
    """The same, made now by libseccomp, for machines that have no committed bytes."""
    from contain.errors import HostError
    from contain.plan.seccomp.bpf import MACHINES
    from contain.plan.seccomp.generate import addition
    from contain.plan.seccomp.library import Library
    from contain.plan.seccomp.profile import CONDITIONAL, OTHER_PROCESSES
    from contain.plan.seccomp.tree import program

    if machine not in MACHINES:
        raise HostError(f"seccomp: no filter can be made for a {machine} machine")
    library = Library()
    more = OTHER_PROCESSES if TRACERS.intersection(given) else ""
    wanted = [syscalls for condition, syscalls in CONDITIONAL.items() if condition in given and syscalls != OTHER_PROCESSES]
    return b"".join(addition(machine, syscalls, library) for syscalls in wanted) + program(machine, library, more=more)
