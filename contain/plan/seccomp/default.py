"""The default filter, put together from committed bytes: what is always refused, what the capabilities add, and the body."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

#: machines with committed bytes
COMMITTED = frozenset({"x86_64", "aarch64", "riscv64", "s390x", "ppc64le"})


def default_filter(machine: str, given: Collection[str]) -> bytes:
    """The program for a machine; `given` holds capability names and profile.OWN_PIDS."""
    if machine in COMMITTED:
        name = f"contain.plan.seccomp.generated.{machine}"
        made: Any = __import__(name, fromlist=["BASE"])
        return made.GUARD + b"".join(code for condition, code in made.ADDITIONS.items() if condition in given) + made.BASE  # type: ignore[no-any-return]
    return _compiled(machine, given)


def _compiled(machine: str, given: Collection[str]) -> bytes:
    """The same, made now by libseccomp, for machines that have no committed bytes."""
    from contain.plan.seccomp import generate
    from contain.plan.seccomp.bpf import MACHINES
    from contain.plan.seccomp.compiler import compile_filter
    from contain.plan.seccomp.library import Library
    from contain.plan.seccomp.profile import CONDITIONAL, default_profile

    library = Library()
    code = generate.guard(machine, library)
    for condition, syscalls in CONDITIONAL.items():
        if condition in given:
            code += generate.addition(machine, syscalls, library)
    return code + compile_filter(default_profile(machine, MACHINES.get(machine, ())), machine, library).code
