"""Compiles the default profile for each native architecture into contain/plan/seccomp/generated/: python -m contain.plan.seccomp.generate.

What is made here is committed: a run then needs neither libseccomp nor the 15 ms that loading it and compiling take.
"""

from __future__ import annotations

import sys
from pathlib import Path

from contain.plan.seccomp.bpf import ABIS, ALLOW, MACHINES, Part
from contain.plan.seccomp.library import Library
from contain.plan.seccomp.profile import CONDITIONAL, OTHER_PROCESSES
from contain.plan.seccomp.tree import program

FOLDER = Path(__file__).parent / "generated"

#: machines whose bytes are committed; others compile at run time
COMMITTED = ("x86_64", "aarch64", "riscv64", "s390x", "ppc64le")

_HEAD = '''"""The default seccomp filter for {machine} ({abis}), with the numbers of libseccomp {version}.

Made by python -m contain.plan.seccomp.generate; do not edit.
"""

from __future__ import annotations

#: the version of libseccomp whose numbers these are; another one may know more
LIBSECCOMP = "{version}"

'''


def addition(machine: str, text: str, library: Library) -> bytes:
    """The piece that allows these syscalls and lets all others through to the filter behind it."""
    code = b""
    for name in MACHINES[machine]:
        abi = ABIS[name]
        part = Part(abi.audit)
        known = [(library.number(syscall, abi.token), syscall) for syscall in text.split()]
        part.numbers(sorted(number for number, _ in known if number >= 0), ALLOW)
        code += part.code()
    return code


def literal(name: str, code: bytes) -> str:
    """One constant as hexadecimal text, eight instructions a line."""
    rows = [code[start : start + 64].hex() for start in range(0, len(code), 64)]
    return f"{name} = bytes.fromhex(\n" + "".join(f'    "{row}"\n' for row in rows or [""]) + ")\n"


def module(machine: str, library: Library) -> str:
    """The text of one generated module."""
    base = program(machine, library)
    abis = ", ".join(name.removeprefix("SCMP_ARCH_") for name in MACHINES[machine])
    text = _HEAD.format(machine=machine, abis=abis, version=library.version())
    text += "#: the filter alone, and with what OWN_PIDS and CAP_SYS_PTRACE add\n" + literal("BASE", base)
    text += "\n" + literal("TRACING", program(machine, library, more=OTHER_PROCESSES)) + "\nADDITIONS = {\n"
    for condition, syscalls in CONDITIONAL.items():
        if syscalls == OTHER_PROCESSES:
            continue
        body = literal("", addition(machine, syscalls, library)).removeprefix(" = ").replace("\n", "\n    ").rstrip()
        text += f'    "{condition}": {body},\n'
    return text + "}\n"


def main() -> int:
    """Writes all modules; says which changed."""
    library = Library()
    FOLDER.mkdir(exist_ok=True)
    for machine in COMMITTED:
        path = FOLDER / f"{machine}.py"
        text = module(machine, library)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"wrote {path.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
