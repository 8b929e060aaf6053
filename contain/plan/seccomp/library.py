"""libseccomp through ctypes: the dozen calls that a compiler of filters needs (its own Python module is not packaged for venvs)."""

from __future__ import annotations

import ctypes
import os

from contain.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

#: seccomp_attr: SCMP_FLTATR_ACT_BADARCH, SCMP_FLTATR_CTL_OPTIMIZE
BAD_ARCH = 2
OPTIMIZE = 8

#: returned by the resolvers for a name that no architecture knows
UNKNOWN = -1


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("datum_a", ctypes.c_uint64), ("datum_b", ctypes.c_uint64))


class _Version(ctypes.Structure):
    """struct scmp_version."""

    _fields_ = (("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint))


def comparison(index: int, operator: int, value: int, second: int) -> _Comparison:
    """One condition on an argument."""
    return _Comparison(index, operator, value & 0xFFFFFFFFFFFFFFFF, second & 0xFFFFFFFFFFFFFFFF)


class Library:
    """The loaded library; raises HostError when there is none."""

    def __init__(self, name: str = "libseccomp.so.2") -> None:
        """Loads it and lifts the limits it takes from the running kernel: a filter is compiled for a machine, not by asking this one."""
        try:
            self.calls = ctypes.CDLL(name, use_errno=True)
        except OSError as error:
            raise HostError(
                "cannot compile the seccomp profile: libseccomp.so.2 is not installed",
                cause=str(error),
                remedy="install libseccomp2 (Debian, Ubuntu) or libseccomp (others), or use the default profile, which needs no library",
            ) from error
        calls = self.calls
        calls.seccomp_init.restype = ctypes.c_void_p
        calls.seccomp_init.argtypes = [ctypes.c_uint32]
        calls.seccomp_release.argtypes = [ctypes.c_void_p]
        calls.seccomp_release.restype = None
        calls.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        calls.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        calls.seccomp_arch_native.restype = ctypes.c_uint32
        calls.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
        calls.seccomp_rule_add_array.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.POINTER(_Comparison),
        ]
        calls.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
        calls.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
        calls.seccomp_syscall_resolve_num_arch.argtypes = [ctypes.c_uint32, ctypes.c_int]
        calls.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
        calls.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
        calls.seccomp_version.restype = ctypes.POINTER(_Version)
        calls.seccomp_api_set.argtypes = [ctypes.c_uint]
        for level in (7, 6, 5, 4, 3):
            if calls.seccomp_api_set(level) == 0:
                break
        self._free = ctypes.CDLL(None).free
        self._free.argtypes = [ctypes.c_void_p]
        self._free.restype = None

    def version(self) -> str:
        """As `2.5.4`."""
        version = self.calls.seccomp_version().contents
        return f"{version.major}.{version.minor}.{version.micro}"

    def number(self, name: str, token: int | None = None) -> int:
        """The number of a syscall: for one architecture, or as rules take it; negative: the name is known, but not there."""
        if token is None:
            return int(self.calls.seccomp_syscall_resolve_name(name.encode()))
        return int(self.calls.seccomp_syscall_resolve_name_arch(token, name.encode()))

    def name(self, number: int, token: int) -> str:
        """The name of a number on an architecture, or empty."""
        found = self.calls.seccomp_syscall_resolve_num_arch(token, number)
        if not found:
            return ""
        text = ctypes.string_at(found).decode()
        self._free(found)
        return text


class Filter:
    """One filter under construction; a context manager, since the library holds memory for it."""

    def __init__(self, library: Library, default: int, tokens: list[int]) -> None:
        """For these architectures only; the library begins with its own, which may be of another byte order."""
        self.calls = library.calls
        self.handle = self.calls.seccomp_init(default)
        if not self.handle:
            raise ValueError(f"libseccomp refuses the default action {default:#x}")
        native = self.calls.seccomp_arch_native()
        if native not in tokens:
            self._must(self.calls.seccomp_arch_remove(self.handle, native), "remove the native architecture")
        for token in tokens:
            if token != native:
                self._must(self.calls.seccomp_arch_add(self.handle, token), f"add architecture {token:#x}")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Frees it."""
        self.calls.seccomp_release(self.handle)

    @staticmethod
    def _must(result: int, what: str) -> None:
        if result < 0:
            raise OSError(-result, f"libseccomp cannot {what}: {os.strerror(-result)}")

    def attribute(self, attribute: int, value: int) -> None:
        """Sets one of the library's attributes."""
        self._must(self.calls.seccomp_attr_set(self.handle, attribute, value), f"set attribute {attribute}")

    def rule(self, action: int, number: int, name: str, conditions: list[_Comparison]) -> None:
        """Adds a rule; conditions hold together, each on another argument."""
        array = (_Comparison * max(1, len(conditions)))(*conditions)
        self._must(self.calls.seccomp_rule_add_array(self.handle, action, number, len(conditions), array), f"add a rule for {name}")

    def export(self) -> bytes:
        """The program as the kernel takes it."""
        fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
        try:
            self._must(self.calls.seccomp_export_bpf(self.handle, fd), "export the filter")
            return os.pread(fd, os.fstat(fd).st_size, 0)
        finally:
            os.close(fd)
