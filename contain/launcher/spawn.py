"""Finding the launcher, and running a plan with it."""

from __future__ import annotations

import posix
import sys

from contain import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

HERE = paths.dirname(paths.abspath(__file__))
NAME = "contain-launcher"
#: set by the front: the descriptors of an empty plan and of a pipe
HANDOVER = "CONTAIN_HANDOVER"
#: Not zero: AppArmor gives no capabilities in user namespaces but to programs that it knows by their path.
RESTRICTION = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"


def find() -> str:
    """The installed launcher: beside this module, or where $CONTAIN_LAUNCHER says (tests use a sanitized build so)."""
    return paths.environ().get("CONTAIN_LAUNCHER") or paths.join(HERE, NAME)


def sealed(name: str, source: bytes | int, *, executable: bool = False) -> int:
    """A sealed file in memory with these bytes, or with those of a file; its descriptor, close-on-exec, and never in the place of a closed
    standard stream.
    """
    flags = posix.MFD_ALLOW_SEALING | posix.MFD_CLOEXEC
    if executable:
        try:
            fd = posix.memfd_create(name, flags | 0x0010)  # MFD_EXEC, since Linux 6.3
        except OSError:
            fd = posix.memfd_create(name, flags)
    else:
        fd = posix.memfd_create(name, flags)
    import fcntl

    fd = _above(fd)
    if isinstance(source, int):
        while posix.sendfile(fd, source, None, 1 << 30):
            pass
    else:
        view = memoryview(source)
        while view:
            view = view[posix.write(fd, view) :]
    fcntl.fcntl(fd, 1033, 0x0F)  # F_ADD_SEALS: seal, shrink, grow, write
    return fd


def _above(fd: int) -> int:
    """The same descriptor, in nobody's place: where a caller has closed its standard streams we are given their numbers."""
    if fd > 2:
        return fd
    import fcntl

    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        posix.close(fd)


def sealed_launcher() -> int:
    """A sealed copy of the launcher, which nothing inside a container can write through /proc/PID/exe (CVE-2019-5736)."""
    file = posix.open(find(), posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return sealed(NAME, file, executable=True)
    finally:
        posix.close(file)


def program() -> int:
    """A descriptor of what is executed: a sealed copy of the launcher, or its own file where a copy has no rights.

    AppArmor on Ubuntu gives user namespaces to programs by their path (contain doctor --apparmor-profile), and vm.memfd_noexec=2 forbids
    to execute memory. The file is safe then: an ordinary user's container sees no process of ours but the non-dumpable init.
    """
    from contain.kernel.files import word

    if posix.geteuid() != 0 and word(RESTRICTION) not in {"", "0"}:
        return _above(posix.open(find(), posix.O_PATH | posix.O_CLOEXEC))
    try:
        return sealed_launcher()
    except PermissionError:
        return _above(posix.open(find(), posix.O_PATH | posix.O_CLOEXEC))


def explainer() -> list[str]:
    """The program that says more about a failure, for execute(): cause and remedy on lines of their own."""
    top = paths.dirname(paths.dirname(HERE))
    code = f"import sys; sys.path.insert(0, {top!r}); from contain.launcher.explain import main; sys.exit(main(sys.argv))"
    return [sys.executable, "-I", "-S", "-c", code]


def execute(plan: bytes, *, trace: bool = False, words: Sequence[str] = (), explainer: Sequence[str] = ()) -> None:
    """Replaces this process by the launcher with this plan; returns never. `words` are options of the launcher."""
    from contain.packed.keep import keep

    environ = paths.environ()
    place = environ.get(HANDOVER)
    if place:
        _hand_over(place, plan, trace=trace, words=words, explainer=explainer)
    planfd = sealed("plan", plan)
    posix.set_inheritable(planfd, True)
    launcher, words = program(), argv(str(planfd), trace=trace, words=words, explainer=explainer)
    keep()  # last, so that it knows of all that was called
    posix.execve(launcher, words, environ)


def _hand_over(place: str, plan: bytes, **given: Any) -> None:
    """Gives the plan to the front, our parent, which becomes the launcher while this process ends (launcher/src/front/handover.c)."""
    from contain.packed.keep import keep

    planfd, pipe = map(int, place.split(","))
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    said = b"".join(word.encode(encoding, errors) + b"\0" for word in argv(str(planfd), **given)) + b"\0"
    keep()  # before the front goes on
    for fd, data in ((planfd, plan), (pipe, said)):
        view = memoryview(data)
        while view:
            view = view[posix.write(fd, view) :]
    sys.stdout.flush()
    sys.stderr.flush()
    posix._exit(0)  # noqa: SLF001  its name


def argv(plan: str, *, trace: bool = False, words: Sequence[str] = (), explainer: Sequence[str] = ()) -> list[str]:
    """The launcher's words; `plan` is the number of the plan's descriptor."""
    return [NAME, *(["--trace"] if trace else []), *words, plan, *explainer]


def spawn(
    plan: bytes,
    *,
    streams: Sequence[int] = (0, 1, 2),
    report: int = -1,
    life: int = -1,
    caller: int = -1,
    passed: Sequence[int] = (),
    captures: Sequence[tuple[int, ...]] = (),
    brief: bool = False,
    apart: bool = False,
) -> int:
    """Starts the launcher as a child; its pid. `streams` become its standard streams, `passed` keep their numbers (LeaveHost.preserve).

    `report` is a SOCK_SEQPACKET socket for its records (`brief`: none of the start); the end of the pipe or socket `life`, or of the process
    behind the pidfd `caller`, ends the container. `captures` are pipe, file, head, tail, kill of streams that go into files. `apart`: the
    launcher becomes nobody's child, and the pid is that of a process that ends at once. Descriptors are passed by file actions, so that
    nothing of ours is inheritable for another thread's child.
    """
    launcher = launcher_for_spawn()
    low = [fd for fd in (report, life, caller, *streams, *(fd for row in captures for fd in row[:2])) if 0 <= fd < 3]
    if low and tuple(streams) != (0, 1, 2):
        return _spawn_from_above(
            low, plan, streams=streams, report=report, life=life, caller=caller, passed=passed, captures=captures, brief=brief, apart=apart
        )
    planfd = sealed("plan", plan)
    own = {"--report": report, "--life": life, "--caller": caller}
    kept = [fd for fd in (*own.values(), planfd, *passed, *(fd for row in captures for fd in row[:2])) if fd >= 0]
    actions: list[tuple[int, ...]] = [(posix.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(streams)]
    actions += [(posix.POSIX_SPAWN_DUP2, fd, fd) for fd in kept]
    if passed:  # what another part of the caller left inheritable below them is not meant for the program
        actions += [(posix.POSIX_SPAWN_CLOSE, fd) for fd in range(3, max(passed)) if fd not in kept and fd != launcher]
    words = [f"{option}={fd}" for option, fd in own.items() if fd >= 0]
    words += [f"--capture={','.join(str(int(number)) for number in row)}" for row in captures]
    words += [word for word, given in (("--brief", brief), ("--apart", apart)) if given]
    command = [NAME, *words, str(planfd)]
    try:
        return posix.posix_spawn(f"/proc/self/fd/{launcher}", command, paths.environ(), file_actions=actions)
    finally:
        posix.close(planfd)


def _spawn_from_above(low: Sequence[int], plan: bytes, **given: Any) -> int:
    """The same with copies of the descriptors that have a standard stream's number: each file action would replace another one's source."""
    import fcntl

    copies = {fd: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in set(low)}

    def copied(value: Any) -> Any:
        return copies.get(value, value)

    try:
        given["streams"] = [copied(fd) for fd in given["streams"]]
        given["captures"] = [(copied(row[0]), copied(row[1]), *row[2:]) for row in given["captures"]]
        return spawn(plan, **{name: copied(value) if type(value) is int else value for name, value in given.items()})
    finally:
        for fd in copies.values():
            posix.close(fd)


def launcher_for_spawn(kept: dict[str, int] = {}) -> int:  # noqa: B006  the one thing that is kept for the whole process
    """What program() gave at the first spawn; forked workers share it."""
    path = find()
    fd = kept.get(path, -1)
    if fd < 0:
        fd = kept[path] = program()
    return fd
