"""The seccomp compiler and the default profile, asked call by call through an interpreter of BPF: no kernel, no root, every architecture."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import pytest

from contain.errors import HostError, ManifestError
from contain.plan.seccomp import cache, generate
from contain.plan.seccomp.bpf import ABIS, MACHINES
from contain.plan.seccomp.compiler import compile_filter
from contain.plan.seccomp.default import COMMITTED, default_filter
from contain.plan.seccomp.library import Library
from contain.plan.seccomp.profile import ABSENT, ALLOWED, CHECKED, CONDITIONAL, DENIED, OWN_PIDS, checks, names
from contain.plan.seccomp.simulate import answer
from tests.plan.bpf import ALLOW, KILL_PROCESS, LIBRARY, call, errno

X86 = "SCMP_ARCH_X86_64"
EVERY_ABI = [(machine, abi) for machine in generate.COMMITTED for abi in MACHINES[machine]]


def profile(*syscalls: dict[str, object], default: str = "SCMP_ACT_ERRNO", **more: object) -> dict[str, object]:
    """A profile of these rules."""
    return {"defaultAction": default, "syscalls": list(syscalls), **more}


def rule(name: str, action: str = "SCMP_ACT_ALLOW", *args: tuple[int, str, int, int], **more: object) -> dict[str, object]:
    """One rule for one name."""
    conditions = [{"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": two} for index, op, value, two in args]
    return {"names": [name], "action": action, "args": conditions, **more}


@pytest.mark.parametrize("machine", generate.COMMITTED)
def test_committed_bytes_are_fresh(machine: str) -> None:
    """Building the default profile again gives what is committed."""
    made = import_module(f"contain.plan.seccomp.generated.{machine}")
    if LIBRARY.version() != made.LIBSECCOMP:
        pytest.skip(f"made by libseccomp {made.LIBSECCOMP}, here is {LIBRARY.version()}")
    assert (generate.FOLDER / f"{machine}.py").read_text() == generate.module(machine, LIBRARY)


def test_every_known_syscall_is_classified_once() -> None:
    """Nothing that libseccomp knows is forgotten, nothing is both allowed and denied."""
    known = set()
    for abi in ABIS.values():
        if abi.name in {name for machine in generate.COMMITTED for name in MACHINES[machine]}:
            numbers = [*range(abi.first, abi.first + 1000), *range(0xF0000, 0xF0010)]
            known |= {name for number in numbers if (name := LIBRARY.name(number, abi.token))}
    allowed, denied, conditional = names(ALLOWED.values()), names(DENIED.values()), names(CONDITIONAL.values())
    assert not known - {*allowed, *denied, *conditional, *CHECKED, *ABSENT}
    assert not {*allowed} & {*denied, *conditional}
    assert not {*denied} & {*conditional, *CHECKED, *ABSENT}
    assert not {*allowed} & {*CHECKED, *ABSENT}
    assert set(CHECKED) == set(checks("x86_64"))
    assert len(allowed) == len(" ".join(ALLOWED.values()).split())


@pytest.mark.parametrize(("machine", "abi"), EVERY_ABI)
def test_default_profile_by_abi(machine: str, abi: str) -> None:
    """On every ABI: ordinary calls pass, namespaces, keyrings and terminal injection do not, tomorrow's calls do not exist."""
    code = default_filter(machine, ())
    flags = (lambda value: (0, value)) if machine == "s390x" else (lambda value: (value,))
    assert call(code, abi, "read") == call(code, abi, "futex") == call(code, abi, "execve") == ALLOW
    assert call(code, abi, "clone", *flags(0x11)) == ALLOW
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert call(code, abi, "clone", *flags(bit | 0x11)) == errno(1)
        assert call(code, abi, "unshare", bit) == errno(1)
    assert call(code, abi, "unshare", 0x80) == errno(1)
    assert call(code, abi, "unshare", 0x400) == ALLOW
    assert call(code, abi, "clone3") == errno(38)
    for name in ("setns", "keyctl", "add_key", "bpf", "mount", "ptrace", "userfaultfd", "io_uring_setup", "chroot", "kexec_load"):
        assert call(code, abi, name) == errno(1), name
    assert call(code, abi, "ioctl", 0, 0x5401) == ALLOW
    for request in (0x5412, 0x541C, 0x100005412, 0xFFFFFFFF0000541C):
        assert call(code, abi, "ioctl", 0, request) == errno(1)
    first = ABIS[abi].first
    assert answer(code, ABIS[abi].audit, first + 470) == errno(38)


@pytest.mark.parametrize("machine", generate.COMMITTED)
def test_default_profile_sockets_and_personality(machine: str) -> None:
    """The kernel's crypto and the hypervisor's sockets are out of reach, other families are not."""
    code, abi = default_filter(machine, ()), MACHINES[machine][0]
    assert [call(code, abi, "socket", family) for family in (1, 2, 10, 16, 17, 39, 41)] == [ALLOW] * 7
    assert [call(code, abi, "socket", family) for family in (38, 40, 38 | 1 << 32, 40 | 1 << 63)] == [errno(1)] * 4
    assert call(code, abi, "personality", 0xFFFFFFFF) == call(code, abi, "personality", 0) == ALLOW
    assert call(code, abi, "personality", 0x40000) == errno(1)


def as_oci(machine: str) -> dict[str, object]:
    """The default profile in the OCI's words, without what it checks."""
    allowed = {"names": names(ALLOWED.values()), "action": "SCMP_ACT_ALLOW"}
    absent = {"names": list(ABSENT), "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    return {"defaultAction": "SCMP_ACT_ERRNO", "architectures": list(MACHINES[machine]), "syscalls": [allowed, absent]}


@pytest.mark.parametrize("machine", generate.COMMITTED)
def test_libseccomp_agrees(machine: str) -> None:
    """Our tree and libseccomp's compilation of the same names answer alike to every known number on every ABI."""
    ours, theirs = default_filter(machine, ()), compile_filter(as_oci(machine), machine).code
    assert len(ours) < len(theirs)
    for abi in map(ABIS.get, MACHINES[machine]):
        for number in range(abi.first, abi.first + 600):
            name = LIBRARY.name(number, abi.token)
            if name and name not in CHECKED and number >= 0:
                assert answer(ours, abi.audit, number) == answer(theirs, abi.audit, number), (abi.name, name)


@pytest.mark.parametrize(("machine", "abi"), EVERY_ABI)
def test_conditions_add(machine: str, abi: str) -> None:
    """What a capability adds is allowed with it and refused without, on every ABI; nothing else changes."""
    for condition, text in CONDITIONAL.items():
        code = default_filter(machine, [condition])
        for name in text.split():
            if LIBRARY.number(name, ABIS[abi].token) >= 0:
                assert call(code, abi, name) == ALLOW, (condition, name)
        assert call(code, abi, "keyctl") == errno(1)
        assert call(code, abi, "ioctl", 0, 0x5412) == errno(1)
    assert call(default_filter(machine, [OWN_PIDS]), abi, "ptrace") == ALLOW


@pytest.mark.parametrize(("said", "abi"), [("i686", "SCMP_ARCH_X86"), ("i686", "SCMP_ARCH_X86_64"), ("armv7l", "SCMP_ARCH_ARM")])
def test_uname_of_a_32_bit_personality(said: str, abi: str) -> None:
    """setarch changes what uname says, not which calls the launcher makes."""
    assert call(default_filter(said, ()), abi, "execve") == ALLOW


def test_tracers_can_skip_a_call() -> None:
    """-1, by which a tracer skips a call, is not taken for a newer syscall."""
    assert answer(compile_filter(profile(rule("read")), "x86_64").code, ABIS[X86].audit, -1) != errno(38)


def test_arguments_and_masks() -> None:
    """Comparisons hold in 64 bits; MASKED_EQ takes the mask first."""
    code = compile_filter(
        profile(
            rule("kill", "SCMP_ACT_ALLOW", (0, "GE", 1 << 40, 0), (1, "NE", 9, 0)),
            rule("clone", "SCMP_ACT_ALLOW", (0, "MASKED_EQ", 0xFF00, 0x1100)),
        ),
        "x86_64",
    ).code
    assert call(code, X86, "kill", 1 << 40, 15) == ALLOW
    assert call(code, X86, "kill", (1 << 40) - 1, 15) == call(code, X86, "kill", 1 << 40, 9) == errno(1)
    assert call(code, X86, "clone", 0x1122) == ALLOW
    assert call(code, X86, "clone", 0x2122) == errno(1)


def test_one_argument_twice_means_or() -> None:
    """As runc reads it: docker's profile says "personality is one of these" so."""
    code = compile_filter(profile(rule("personality", "SCMP_ACT_ALLOW", (0, "EQ", 0, 0), (0, "EQ", 8, 0))), "x86_64").code
    assert [call(code, X86, "personality", value) for value in (0, 8, 9)] == [ALLOW, ALLOW, errno(1)]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("SCMP_ACT_KILL", 0),
        ("SCMP_ACT_KILL_THREAD", 0),
        ("SCMP_ACT_KILL_PROCESS", KILL_PROCESS),
        ("SCMP_ACT_TRAP", 0x30000),
        ("SCMP_ACT_ERRNO", errno(7)),
        ("SCMP_ACT_TRACE", 0x7FF00007),
        ("SCMP_ACT_LOG", 0x7FFC0000),
        ("SCMP_ACT_NOTIFY", 0x7FC00000),
        ("SCMP_ACT_ALLOW", ALLOW),
    ],
)
def test_actions(action: str, value: int) -> None:
    """Every action of the spec; ERRNO and TRACE carry errnoRet."""
    more = {"errnoRet": 7} if action in {"SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"} else {}
    made = compile_filter(profile(rule("mkdir", action, **more)), "x86_64")
    assert call(made.code, X86, "mkdir") == value
    assert made.notify == (action == "SCMP_ACT_NOTIFY")


def test_newer_syscalls_only_under_a_refusing_default() -> None:
    """A default of ERRNO, KILL or TRAP says "no such call" for what nobody knew; ALLOW, LOG and TRACE keep their meaning."""
    for default, expected in (("SCMP_ACT_KILL_PROCESS", errno(38)), ("SCMP_ACT_TRAP", errno(38)), ("SCMP_ACT_ALLOW", ALLOW)):
        assert answer(compile_filter(profile(default=default), "x86_64").code, ABIS[X86].audit, 500) == expected
    assert answer(compile_filter(profile(defaultErrnoRet=13), "x86_64").code, ABIS[X86].audit, 2) == errno(13)


def test_architectures() -> None:
    """Without a list only the native ABI may call; ABIs of other machines in the list do not count."""
    i386 = ABIS["SCMP_ARCH_X86"]
    assert answer(compile_filter(profile(rule("read")), "x86_64").code, i386.audit, 3) == KILL_PROCESS
    wanted = ["SCMP_ARCH_X86", "SCMP_ARCH_S390X", "SCMP_ARCH_AARCH64"]
    assert answer(compile_filter(profile(rule("read"), architectures=wanted), "x86_64").code, i386.audit, 3) == ALLOW


def test_unknown_names_are_skipped_with_a_note() -> None:
    """A profile newer than the library works as far as the library knows it."""
    made = compile_filter(profile(rule("no_such_call"), rule("read")), "x86_64")
    assert made.notes == (f"unknown to libseccomp {LIBRARY.version()}, skipped: no_such_call",)
    assert call(made.code, X86, "read") == ALLOW


def test_rule_that_says_what_the_default_says() -> None:
    """Libseccomp refuses such a rule; it means nothing and is left out."""
    assert call(compile_filter(profile(rule("read", "SCMP_ACT_ERRNO")), "x86_64").code, X86, "read") == errno(1)


def test_flags() -> None:
    """The spec's flags become seccomp(2)'s; a listener adds its own, and TSYNC's companion."""
    flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    assert compile_filter(profile(flags=flags), "x86_64").flags == 7
    notify = rule("mkdir", "SCMP_ACT_NOTIFY")
    flags.append("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
    assert compile_filter(profile(notify, flags=flags), "x86_64").flags == 7 | 8 | 16 | 32


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (profile(default="SCMP_ACT_NOTIFY"), "cannot be the default action"),
        (profile(rule("write", "SCMP_ACT_NOTIFY")), "cannot be used for write"),
        (profile(rule("read", "SCMP_ACT_DANCE")), "unknown action SCMP_ACT_DANCE"),
        (profile(rule("read", "SCMP_ACT_ALLOW", (0, "ABOUT", 1, 0))), "unknown operator SCMP_CMP_ABOUT"),
        (profile(rule("read", "SCMP_ACT_ALLOW", (7, "EQ", 1, 0))), "cannot be compiled"),
        (profile(architectures=["SCMP_ARCH_PDP11"]), "unknown architecture SCMP_ARCH_PDP11"),
        (profile(flags=["FLAG"]), "unknown flag FLAG"),
    ],
)
def test_refusals(broken: dict[str, object], words: str) -> None:
    """What a profile says wrongly is named."""
    with pytest.raises(ManifestError, match=words):
        compile_filter(broken, "x86_64")


def test_without_libseccomp() -> None:
    """A custom profile needs the library and says so; the default one comes from bytes."""
    with pytest.raises(HostError, match=r"libseccomp\.so\.2 is not installed") as caught:
        Library("libseccomp-not-here.so.9")
    assert "install libseccomp2" in caught.value.remedy
    assert set(COMMITTED) == set(generate.COMMITTED)


def test_cache_keeps_and_finds(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is compiled, and the program is the same."""
    folder = f"{tmp_path}/cache/seccomp"
    first = cache.compiled(profile(rule("read"), rule("odd_call")), "x86_64", folder)
    monkeypatch.setattr(cache, "compile_filter", None)
    second = cache.compiled(profile(rule("read"), rule("odd_call")), "x86_64", folder)
    assert (first.code, first.flags, first.notes) == (second.code, second.flags, second.notes)
    assert os.stat(folder).st_mode & 0o777 == 0o700


def test_cache_is_bounded(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest half goes when there are too many; what only names an agent is no other program."""
    monkeypatch.setattr(cache, "_MOST", 4)
    for errno_ in range(1, 8):
        for agent in ("/a", "/b"):
            cache.compiled(profile(defaultErrnoRet=errno_, listenerPath=agent), "x86_64", f"{tmp_path}/cache")
    assert 0 < len(os.listdir(f"{tmp_path}/cache")) <= 4


@pytest.mark.parametrize("spoil", ["folder", "file", "torn", "link"])
def test_cache_that_others_could_have_written_is_not_read(spoil: str, tmp_path: object) -> None:
    """Open modes, a symbolic link or a changed byte: compiled anew."""
    folder = f"{tmp_path}/cache"
    good = cache.compiled(profile(rule("read")), "x86_64", folder)
    (name,) = os.listdir(folder)
    path = f"{folder}/{name}"
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        evil = bytes(data).replace(good.code, b"\0" * len(good.code))
        file.seek(0)
        file.write(evil if spoil == "torn" else cache._sha256(evil[32:]) + evil[32:])
    if spoil == "folder":
        os.chmod(folder, 0o777)
    elif spoil == "file":
        os.chmod(path, 0o666)
    elif spoil == "link":
        os.rename(path, f"{tmp_path}/elsewhere")
        os.symlink(f"{tmp_path}/elsewhere", path)
    assert cache.compiled(profile(rule("read")), "x86_64", folder).code == good.code


def test_cache_needs_no_openssl() -> None:
    """The interpreter's own hash, whose module has another name since Python 3.12; hashlib takes 5 ms to import."""
    code = f"import sys; sys.path.insert(0, {os.getcwd()!r}); from contain.plan.seccomp.cache import key_of; key_of({{}}, 'x86_64', ''); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"hashlib", "_hashlib"} & set(loaded)


def test_cache_folder_by_user() -> None:
    """Root's lies in /var/cache; a user's where XDG says; engines that pass little still get one."""
    assert cache.folder_for(0, {}) == "/var/cache/contain/seccomp"
    assert cache.folder_for(1000, {"HOME": "/home/u"}) == "/home/u/.cache/contain/seccomp"
    assert cache.folder_for(1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}) == "/run/user/1000/contain/seccomp"
    assert cache.folder_for(1000, {}) == ""
