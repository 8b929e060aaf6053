"""Finding the launcher, and running a plan with it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "contain-launcher"


def find() -> str:
    """The installed launcher: beside this module, or where $CONTAIN_LAUNCHER says (tests use a sanitized build so)."""
    return os.environ.get("CONTAIN_LAUNCHER") or os.path.join(HERE, NAME)


def sealed(name: str, data: bytes, *, executable: bool = False) -> int:
    """A sealed file in memory with these bytes; its descriptor, close-on-exec."""
    flags = os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC
    if executable:
        try:
            fd = os.memfd_create(name, flags | 0x0010)  # MFD_EXEC, since Linux 6.3
        except OSError:
            fd = os.memfd_create(name, flags)
    else:
        fd = os.memfd_create(name, flags)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    import fcntl

    fcntl.fcntl(fd, 1033, 0x0F)  # F_ADD_SEALS: seal, shrink, grow, write
    return fd


def sealed_launcher() -> int:
    """A sealed copy of the launcher, which nothing inside a container can write through /proc/PID/exe (CVE-2019-5736)."""
    with open(find(), "rb") as file:
        return sealed(NAME, file.read(), executable=True)


def execute(plan: bytes, *, trace: bool = False, words: Sequence[str] = (), explainer: Sequence[str] = ()) -> None:
    """Replaces this process by the launcher with this plan; returns never. `words` are options of the launcher."""
    program = sealed_launcher()
    planfd = sealed("plan", plan)
    os.set_inheritable(planfd, True)
    argv = [NAME, *(["--trace"] if trace else []), *words, str(planfd), *explainer]
    os.execve(program, argv, os.environ)


def spawn(plan: bytes, *, report: int = -1, stdin: int = 0, stdout: int = 1, stderr: int = 2) -> int:
    """Starts the launcher as a child; its pid. The three descriptors become its standard streams."""
    program = sealed_launcher()
    planfd = sealed("plan", plan)
    actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate((stdin, stdout, stderr))]
    os.set_inheritable(planfd, True)
    argv = [NAME]
    if report >= 0:
        os.set_inheritable(report, True)
        argv.append(f"--report={report}")
    try:
        return os.posix_spawn(f"/proc/self/fd/{program}", [*argv, str(planfd)], os.environ, file_actions=actions)
    finally:
        os.close(planfd)
        os.close(program)
