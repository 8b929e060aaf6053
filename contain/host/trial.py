"""Trying out, in children that are thrown away, what no file tells: what doctor needs, and nothing on the way of a run.

Everything happens in new namespaces of a forked child; nothing of it is seen outside.
"""

from __future__ import annotations

import os

from contain.kernel import libraries
from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

    from contain.host.model import Host

#: OCI name → CLONE_NEW…
NAMESPACES = {
    "mount": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "network": 0x40000000,
    "time": 0x80,
}
_NEWUSER = 0x10000000
#: System calls that the launcher cannot do without, by their numbers on every architecture but alpha.
CALLS = {"pidfd_open": 434, "clone3": 435, "openat2": 437}
#: … and those that it has a fallback for.
NICE = {"open_tree": 428, "mount_setattr": 442}


class Trial(Record):
    """What was tried, by name; "" means that it worked, else an errno's name, or the words of a program."""

    results: dict[str, str] = {}
    securebits: list[str] = []  # that are set on our own process (capabilities(7)); /proc does not show them
    dumpable: bool = True  # our own process; else its files in /proc belong to root, and no id map can be written

    def works(self, name: str) -> bool:
        """Whether it was tried and worked."""
        return self.results.get(name) == ""

    def failed(self, name: str) -> str:
        """Why it did not work; "" when it did, or was not tried."""
        return self.results.get(name, "")


def trial(host: Host) -> Trial:
    """Tries everything; takes some ten milliseconds."""
    results = {name: "" if _call_is_there(number) else "ENOSYS" for name, number in {**CALLS, **NICE}.items()}
    results.update(_in_child(host))
    if host.userns.subuid and host.userns.subgid and host.userns.newuidmap and host.userns.newgidmap and host.euid != 0:
        results["ranges"] = _ranges(host)
    results.update(_cgroups(host))
    results["libseccomp"] = "" if libraries.find("libseccomp.so.2") else "ENOENT"
    securebits, dumpable = _own_process()
    return Trial(results=results, securebits=securebits, dumpable=dumpable)


def _own_process() -> tuple[list[str], bool]:
    """What prctl(2) tells of us; nothing where its module is not installed."""
    try:
        import prctl
    except ImportError:
        return [], True
    names = ("noroot", "noroot_locked", "no_setuid_fixup", "no_setuid_fixup_locked", "keep_caps", "keep_caps_locked")
    return [name for name in names if getattr(prctl.securebits, name)], bool(prctl.get_dumpable())


def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _failure() -> str:
    import ctypes
    import errno

    return errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))


def _call_is_there(number: int) -> bool:
    """Called with arguments that make no sense, a system call that exists says anything but ENOSYS."""
    return bool(_libc().syscall(number, -1, None, None, 0, 0) == -1 and _failure() != "ENOSYS")


def _tell(fd: int, line: str) -> None:
    os.write(fd, line.encode())


def _child(work: Callable[[Callable[[str, str], None]], None]) -> dict[str, str]:
    """Runs `work(report)` in a forked child, and gives back what it reported."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            work(lambda name, result: _tell(writing, f"{name}={result}\n"))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        found = dict(line.rstrip("\n").split("=", 1) for line in lines)
    os.waitpid(pid, 0)
    return found


def _in_child(host: Host) -> dict[str, str]:
    """User namespace, map, the other namespaces, mounts in them, a seccomp filter."""
    uid, gid = host.euid, host.egid

    def work(report: Callable[[str, str], None]) -> None:
        libc = _libc()
        report("seccomp", _load_filter(libc))
        if libc.unshare(_NEWUSER) != 0:
            report("userns", _failure())
        else:
            report("userns", "")
            report("map", _write_map(uid, gid))
        made = {name: libc.unshare(flag) == 0 or _failure() for name, flag in NAMESPACES.items() if name in host.namespaces}
        for name, result in made.items():
            report(name, "" if result is True else str(result))
        if made.get("mount") is not True:  # what follows would be seen outside
            return
        if libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None) != 0:  # MS_PRIVATE | MS_REC
            report("private", _failure())
            return
        if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
            report("tmpfs", "")
            report("overlay", _overlay(libc))
        else:
            report("tmpfs", _failure())
        pid = os.fork()  # the first process of the new pid namespace: only there a new procfs can be mounted
        if pid == 0:
            report("proc", "" if libc.mount(b"proc", b"/proc", b"proc", 0, None) == 0 else _failure())
            os._exit(0)
        os.waitpid(pid, 0)

    return _child(work)


def _write_map(uid: int, gid: int) -> str:
    import errno

    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except OSError as problem:
        return errno.errorcode.get(problem.errno or 0, "?")
    return ""


def _overlay(libc: ctypes.CDLL) -> str:
    for name in ("lower", "upper", "work", "all"):
        os.mkdir(f"/tmp/{name}")  # a tmpfs of our own
    options = b"lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr"
    return "" if libc.mount(b"none", b"/tmp/all", b"overlay", 0, options) == 0 else _failure()


def _load_filter(libc: ctypes.CDLL) -> str:
    """A filter that allows everything."""
    import ctypes
    import struct

    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))  # BPF_RET, SECCOMP_RET_ALLOW
    program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(code)))
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        return _failure()
    return "" if libc.prctl(22, 2, program, 0, 0) == 0 else _failure()  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _ranges(host: Host) -> str:
    """The user's whole first range, mapped by newuidmap and newgidmap for a waiting child."""
    import subprocess

    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go[1])
        os.write(ready[1], b"." if _libc().unshare(_NEWUSER) == 0 else b"!")
        os.read(go[0], 1)
        os._exit(0)
    os.close(go[0])
    try:
        if os.read(ready[0], 1) != b".":
            return "no user namespace"
        for program, own, ranges in (
            (host.userns.newuidmap, host.euid, host.userns.subuid),
            (host.userns.newgidmap, host.egid, host.userns.subgid),
        ):
            words = [program, str(pid), "0", str(own), "1", "1", str(ranges[0].start), str(ranges[0].count)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
        return ""
    finally:
        for fd in (ready[0], ready[1], go[1]):
            os.close(fd)
        os.waitpid(pid, 0)


def _cgroups(host: Host) -> dict[str, str]:
    """A cgroup made and removed in each folder that may hold ours."""
    import errno

    found = {}
    for controller, base in host.cgroup.base.items():
        folder = f"{base}/contain-doctor-{os.getpid()}"
        try:
            os.mkdir(folder)
            os.rmdir(folder)
            found[f"cgroup:{controller}"] = ""
        except FileExistsError:
            found[f"cgroup:{controller}"] = ""  # two controllers in one hierarchy
        except OSError as problem:
            found[f"cgroup:{controller}"] = errno.errorcode.get(problem.errno or 0, "?")
    return found
