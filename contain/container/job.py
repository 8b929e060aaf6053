"""Job: one run of a sandbox, from its options to what a driver needs; and what the options of a run are."""

from __future__ import annotations

import os
import time
from codecs import lookup_error

from contain.container.result import name_version
from contain.container.streams import LOG, PIPE, Limit, Streams
from contain.errors import StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from contain.container.member import Member, Network
    from contain.container.pool import Pool
    from contain.container.result import Layers, Result
    from contain.container.steps import Launch
    from contain.spec.model import Spec

    Command = Sequence[str | os.PathLike[str]]

#: Those of Sandbox.run; `env`, `cwd`, `timeout` and `cpu_time` mean the same in both.
RUN_OPTIONS = (
    "input", "stdin", "stdout", "stderr", "capture_output", "text", "encoding", "errors", "check", "env", "cwd", "timeout", "cpu_time",
    "output_limit", "on_excess", "pass_fds", "member",
)  # fmt: skip
STREAM_OPTIONS = ("stdin", "stdout", "stderr", "input")
EXCESS = ("tail", "drain", "kill")
#: highest number of a passed descriptor (GIVEN_COUNT of the launcher is 1024)
HIGHEST = 1023


class Job:
    """What a driver needs for one run; close() the streams when it is over."""

    __slots__ = ("args", "check", "layers", "member", "passed", "plan", "pool", "streams", "version")

    def __init__(self, args: list[str], options: dict[str, Any], *, unknown: str = "run", log: str = "", driven: bool = True) -> None:
        """Opens the streams; `plan` and `layers` are the sandbox's to set. `driven`: see Streams."""
        check_names(options, unknown)
        self.args = args
        self.plan = b""
        self.pool: Pool | None = None
        self.layers: Layers | None = None
        self.version = ""
        self.member: Member | None = None
        self.check = bool(options.get("check"))
        self.passed = descriptors(options.get("pass_fds") or ())
        self.streams = open_streams(options, log, driven=driven)

    def join(self, network: Network | None, name: str) -> None:
        """Takes a place in the network for this run; `name` is the member's, "" for one that nobody looks for."""
        if network is not None:
            self.member = network.attach(name, above=max(self.passed, default=2))
        elif name:
            raise UsageError("member is for a sandbox with a network", remedy="Sandbox(network=contain.Network(), …)")

    def close(self) -> None:
        """Closes the streams; the places in the network and in the pool are free again."""
        self.streams.close()
        self.pool = None  # not when what came of the run is thrown away: an error keeps the frames that it went through
        self.leave()

    def lost_pool(self, launch: Launch) -> bool:
        """Whether the command could not be started since the pool was going, or the places in it are not ours alone: then it is tried again."""
        return self.pool is not None and launch.result is not None and self.pool.fails(launch.result.stage)

    def leave(self) -> None:
        """Whoever was a member is none any more."""
        if self.member is not None:
            self.member.leave()

    @property
    def given(self) -> tuple[int, ...]:
        """The descriptors that the launcher gets: those that the program has too, and the network's, whose number is above them."""
        return self.passed if self.member is None else (*self.passed, self.member.holder)

    @property
    def preserve(self) -> int:
        """How far the numbers of passed descriptors reach, as LeaveHost counts."""
        return max(self.passed) - 2 if self.passed else 0

    def settle(self, result: Result[Any]) -> Result[Any]:
        """The result with what the plan knows; raises Failed when it is to be checked and not ok."""
        self.leave()
        result._layers = self.layers  # noqa: SLF001  our own kind
        name_version(result.usage, self.version)
        return result.check() if self.check else result


def words(cmd: Command) -> list[str]:
    """The words of a command: never a string, which would ask for a shell."""
    if isinstance(cmd, (str, bytes, os.PathLike)):
        raise UsageError(
            f"the command is one text, not a sequence: {cmd!r}", remedy='write ["program", "argument"]; for a shell ["sh", "-c", TEXT]'
        )
    found: list[Any] = [os.fspath(word) if hasattr(word, "__fspath__") else word for word in listed("the command", cmd)]
    if not found:
        raise UsageError("the command is empty", remedy='write ["program", "argument"]')
    for word in found:
        if not is_text(word):
            raise UsageError(
                f"the command has a word that is no text: {word!r}", remedy="give texts without NUL: str(number), os.fsdecode(bytes)"
            )
    return found


def check_open(sandbox: Any) -> None:
    """StateError for one whose archive was unpacked into folders that close() has removed; so for what was derived of it."""
    top = sandbox
    while top._parent is not None:  # noqa: SLF001  our own kind
        top = top._parent  # noqa: SLF001
    if top._unpacked and not top._unpacked.alive:  # noqa: SLF001  a finalizer
        raise StateError("the sandbox is closed, and what was unpacked for it is gone", remedy="make another one")


def listed(name: str, given: Any) -> list[Any]:
    """What was given as several; UsageError for what is not several."""
    try:
        return list(given)
    except TypeError:
        raise UsageError(f"{name} is no list: {given!r}", remedy=f"write [{given!r}]") from None


def is_text(word: object) -> bool:
    """Whether a program can be given it: bytes that are no text of the caller's stand in it as os.fsdecode writes them."""
    if not isinstance(word, str) or "\0" in word:
        return False
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return False
    return True


def numbered(user: Any) -> Any:
    """A user as text: NAME, UID, UID:GID, or as a number or two."""
    if isinstance(user, (tuple, list)) and len(user) == 2:
        user = f"{user[0]}:{user[1]}"
    return str(user) if isinstance(user, int) and not isinstance(user, bool) else user


def variables(given: Any) -> dict[str, str]:
    """A run's own part of the environment; UsageError for what cannot be in one."""
    if given is None:
        return {}
    if not hasattr(given, "items"):
        raise UsageError(f"env={given!r} is no mapping", remedy='write env={"NAME": "value"}')
    found: dict[str, str] = {}
    for name, value in given.items():
        plain = isinstance(value, (str, int, float, os.PathLike)) and not isinstance(value, bool)
        text: Any = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        if not plain or not isinstance(name, str) or not name or "=" in name or not is_text(f"{name}{text}"):
            raise UsageError(f"env: {name!r}: {value!r} is no variable", remedy="both are texts, and there is no = in a name")
        found[name] = text
    return found


def check_names(options: dict[str, Any], verb: str) -> None:
    """UsageError for an option that a run does not have."""
    unknown = [name for name in options if name not in RUN_OPTIONS]
    if unknown:
        raise UsageError(f"{verb} has no option {unknown[0]}", remedy=f"it has {', '.join(RUN_OPTIONS)}; all others belong to the Sandbox")


def positive(name: str, seconds: Any) -> float | None:
    """A limit of time; UsageError for what is none."""
    if seconds is None:
        return None
    if isinstance(seconds, str):
        from contain.spec import values

        try:
            seconds = values.duration(seconds)
        except ValueError as problem:
            raise UsageError(f"{name}: {problem}", remedy="give seconds, or a text as '30s', '5m' or '1h30m'") from None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e9:
        raise UsageError(f"{name}={seconds!r} is no time", remedy="give seconds above 0")
    return float(seconds)


def moment(timeout: Any) -> float | None:
    """When a wait of so many seconds is over; UsageError for what is no time."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout < 1e9:
        raise UsageError(f"timeout={timeout!r} is no time", remedy="give seconds, or None for no limit")
    return time.monotonic() + timeout


def by(timeout: Any) -> float:
    """The same where there has to be a limit."""
    found = moment(timeout)
    if found is None:
        raise UsageError("timeout=None is no time", remedy="give seconds")
    return found


def is_whole(value: object) -> bool:
    """Whether it is a whole number; Python's own False and True are none here."""
    return isinstance(value, int) and not isinstance(value, bool)


def place(name: str, path: Any) -> str:
    """A path as text; UsageError for what is none."""
    if not isinstance(path, (str, os.PathLike)) or not is_text(os.fspath(path)):
        raise UsageError(f"{name} is a path, not {path!r}", remedy="give a text or a pathlib.Path; bytes by os.fsdecode")
    return os.fspath(path)


def descriptors(given: Sequence[int]) -> tuple[int, ...]:
    """The numbers of pass_fds, sorted; UsageError for one that cannot be passed."""
    found = listed("pass_fds", given)
    for fd in found:
        if not is_whole(fd) or not 3 <= fd <= HIGHEST:
            raise UsageError(
                f"pass_fds: {fd!r} is no descriptor from 3 to {HIGHEST}", remedy="stdin, stdout and stderr have their own options"
            )
        try:
            os.fstat(fd)
        except OSError:
            raise UsageError(f"pass_fds: descriptor {fd} is not open", remedy="pass it while it is open, by fileno()") from None
    return tuple(sorted(set(found)))


def open_streams(options: dict[str, Any], log: str = "", *, driven: bool = True) -> Streams:
    """The streams of a run, by its options; `log` begins the names of its log files, if they are to have names."""
    captured = [name for name in ("stdout", "stderr") if options.get(name) in (None, PIPE)]
    if options.get("capture_output") and (options.get("stdout") is not None or options.get("stderr") is not None):
        raise UsageError("stdout and stderr may not be used with capture_output", remedy="both are captured unless you say otherwise")
    limit = _limit(options)
    logged = LOG in (options.get("stdout"), options.get("stderr"))
    if limit and not captured and not logged:
        raise UsageError("output_limit is for captured output, and none is captured")
    encoding = options.get("encoding") or ("utf-8" if options.get("text") or options.get("errors") else "")
    if encoding:
        try:  # said before anything runs, not when its output is there
            b"".decode(encoding), "".encode(encoding), lookup_error(options.get("errors") or "replace")
        except (LookupError, TypeError) as problem:
            raise UsageError(f"encoding, errors: {problem}", remedy="give what Python knows, as utf-8 and replace") from None
    given: dict[str, Any] = {name: options.get(name) for name in STREAM_OPTIONS}
    return Streams(**given, text=encoding, errors=options.get("errors") or "replace", limit=limit, log=log, driven=driven)


def _limit(options: dict[str, Any]) -> Limit | None:
    size, excess = options.get("output_limit"), options.get("on_excess")
    if size is None:
        if excess is not None:
            raise UsageError("on_excess without output_limit says nothing", remedy="give output_limit, as 65536 or '64k'")
        return None
    if excess is not None and excess not in EXCESS:
        raise UsageError(f"on_excess={excess!r} is not one of {', '.join(EXCESS)}")
    from contain.spec import values

    try:
        found = values.size(str(size))
    except ValueError as problem:
        raise UsageError(f"output_limit: {problem}") from None
    if found < 0:
        raise UsageError(f"output_limit={size!r} is below nothing", remedy="leave it out: the first and the last half MiB are kept")
    return Limit(found, excess or "tail")


def bound(spec: Spec) -> frozenset[str]:
    """The names of the host's sockets, as far as they matter: what a view of this host shows can be connected to."""
    if not spec.run.host_view:
        return frozenset()
    from contain.host.paths import bound_sockets

    return bound_sockets()
