"""Classic BPF by hand: the few instructions that libseccomp cannot be asked for, and the names of the ABIs.

libseccomp makes the body of a manifest's filter. What stands before it (newer syscalls, additions by capability) is made here, so that parts
can be put together at run time without the library: a part ends by falling through to the next one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
JUMP_ALWAYS = 0x05  # BPF_JMP | BPF_JA
RETURN = 0x06  # BPF_RET | BPF_K

# struct seccomp_data
NUMBER_AT = 0
ARCH_AT = 4
ARGUMENT_AT = 16

ALLOW = 0x7FFF0000
ERRNO = 0x00050000

EPERM = 1
ENOSYS = 38

#: most instructions that the kernel takes in one program (BPF_MAXINSNS)
MOST = 4096

#: x32 calls carry this bit in their number, under x86_64's AUDIT_ARCH
X32_BIT = 0x40000000


class Abi:
    """One calling convention: its name in the OCI, libseccomp's token, what the kernel reports, and where its numbers end."""

    __slots__ = ("audit", "big", "first", "name", "token")

    def __init__(self, name: str, token: int, *, audit: int = 0, first: int = 0) -> None:
        """`audit` differs from the token for x32 only; `first` is the number of its first syscall."""
        self.name = name
        self.token = token
        self.audit = audit or token
        self.first = first
        self.big = not self.audit & 0x40000000


ABIS = {
    abi.name: abi
    for abi in (
        Abi("SCMP_ARCH_X86", 0x40000003),
        Abi("SCMP_ARCH_X86_64", 0xC000003E),
        Abi("SCMP_ARCH_X32", 0x4000003E, audit=0xC000003E, first=X32_BIT),
        Abi("SCMP_ARCH_ARM", 0x40000028),
        Abi("SCMP_ARCH_AARCH64", 0xC00000B7),
        Abi("SCMP_ARCH_LOONGARCH64", 0xC0000102),
        Abi("SCMP_ARCH_M68K", 0x00000004),
        Abi("SCMP_ARCH_MIPS", 0x00000008, first=4000),
        Abi("SCMP_ARCH_MIPS64", 0x80000008, first=5000),
        Abi("SCMP_ARCH_MIPS64N32", 0xA0000008, first=6000),
        Abi("SCMP_ARCH_MIPSEL", 0x40000008, first=4000),
        Abi("SCMP_ARCH_MIPSEL64", 0xC0000008, first=5000),
        Abi("SCMP_ARCH_MIPSEL64N32", 0xE0000008, first=6000),
        Abi("SCMP_ARCH_PARISC", 0x0000000F),
        Abi("SCMP_ARCH_PARISC64", 0x8000000F),
        Abi("SCMP_ARCH_PPC", 0x00000014),
        Abi("SCMP_ARCH_PPC64", 0x80000015),
        Abi("SCMP_ARCH_PPC64LE", 0xC0000015),
        Abi("SCMP_ARCH_RISCV64", 0xC00000F3),
        Abi("SCMP_ARCH_S390", 0x00000016),
        Abi("SCMP_ARCH_S390X", 0x80000016),
        Abi("SCMP_ARCH_SH", 0x4000002A),
        Abi("SCMP_ARCH_SHEB", 0x0000002A),
    )
}

#: uname's machine → the ABIs that such a kernel can be called by, the native one first
MACHINES = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "i686": ("SCMP_ARCH_X86",),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "armv7l": ("SCMP_ARCH_ARM",),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "loongarch64": ("SCMP_ARCH_LOONGARCH64",),
    "s390x": ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "ppc64": ("SCMP_ARCH_PPC64", "SCMP_ARCH_PPC"),
    "mips": ("SCMP_ARCH_MIPS",),
    "mips64": ("SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPS"),
    "mipsel64": ("SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_MIPSEL"),
    "m68k": ("SCMP_ARCH_M68K",),
    "parisc": ("SCMP_ARCH_PARISC",),
    "parisc64": ("SCMP_ARCH_PARISC64", "SCMP_ARCH_PARISC"),
}


def instruction(code: int, value: int, *, yes: int = 0, no: int = 0, big: bool = False) -> bytes:
    """One struct sock_filter in the byte order of the machine that will run it."""
    order: Literal["big", "little"] = "big" if big else "little"
    return code.to_bytes(2, order) + bytes((yes, no)) + value.to_bytes(4, order)


if TYPE_CHECKING:
    from typing import Literal


class Part:
    """A piece of a program for one AUDIT_ARCH: rules on the syscall number, each of which returns, or falls through to what follows."""

    def __init__(self, audit: int) -> None:
        """An empty piece; it gives no code until it has a rule."""
        self.audit = audit
        self.big = not audit & 0x40000000
        self.body: list[bytes] = []

    def _add(self, code: int, value: int, *, yes: int = 0, no: int = 0) -> None:
        self.body.append(instruction(code, value, yes=yes, no=no, big=self.big))

    def numbers(self, numbers: Iterable[int], action: int) -> None:
        """Each of these syscalls gets the action, whatever its arguments."""
        for number in numbers:
            self._add(JUMP_EQUAL, number, no=1)
            self._add(RETURN, action)

    def between(self, low: int, high: int, action: int) -> None:
        """Every number from low to high, both included, gets the action."""
        self._add(JUMP_GREATER, low - 1, no=2)
        self._add(JUMP_GREATER, high, yes=1)
        self._add(RETURN, action)

    def code(self) -> bytes:
        """The piece; the test of the architecture in front jumps over all of it."""
        if not self.body:
            return b""
        head = [
            instruction(LOAD, ARCH_AT, big=self.big),
            instruction(JUMP_EQUAL, self.audit, yes=1, big=self.big),
            instruction(JUMP_ALWAYS, len(self.body) + 1, big=self.big),
            instruction(LOAD, NUMBER_AT, big=self.big),
        ]
        return b"".join(head + self.body)
