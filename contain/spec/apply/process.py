"""Options that say what runs: environment, working folder, user, terminal, limits of a process."""

from __future__ import annotations

import os

from contain.errors import UsageError
from contain.linux import RLIMITS
from contain.spec.options import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec
    from contain.spec.options import Options

_FILE_LIMIT = 1 << 20


def environment(spec: Spec, options: Options) -> None:
    """--env-file, then --env, so that a single variable beats a file."""
    for path in options.get("env_file", []):
        for line in _lines(options, path):
            _set(spec, options, line, "env_file")
    for text in options.get("env", []):
        _set(spec, options, text, "env")


def _lines(options: Options, path: str) -> list[str]:
    """The lines of an environment file: blank ones and comments left out."""
    where = place(options.name("env_file"))
    try:
        # a pipe (`<(…)` of a shell) is waited for, but not the writer of a FIFO that has none
        descriptor = os.open(options.absolute(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        with open(descriptor, "rb") as file:
            data = file.read(_FILE_LIMIT + 1)
    except IsADirectoryError:
        raise UsageError(f"cannot read {path}: it is a folder", place=where, remedy="give the path of a file") from None
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}", place=where, remedy="give the path of a readable file") from None
    if len(data) > _FILE_LIMIT:
        raise UsageError(f"cannot read {path}: larger than 1 MiB", place=where, remedy="an environment file has one NAME=VALUE a line")
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        raise UsageError(f"{path}: byte {problem.start} is not UTF-8", place=where, remedy="save the file as UTF-8") from None
    rows = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name = line.partition("=")[0]
        if not name or name != name.strip() or " " in name:
            raise UsageError(f"{path}:{number}: {name!r} is not a name", place=where, remedy="write NAME=VALUE, without spaces around =")
        rows.append(line)
    return rows


def _set(spec: Spec, options: Options, text: str, keyword: str) -> None:
    """NAME=VALUE, or NAME to pass the caller's value (and nothing when the caller has none)."""
    name, equals, value = text.partition("=")
    if not name:
        raise UsageError(f"{text!r} has no name before =", place=place(options.name(keyword)), remedy="write NAME=VALUE")
    if "\0" in text:
        raise UsageError(
            f"the value of {name} contains a NUL byte", place=place(options.name(keyword)), remedy="an environment cannot hold NUL"
        )
    if not equals:
        if name not in options.environ:
            return
        value = options.environ[name]
    env: list[str] = spec.config["process"]["env"]
    index = next((index for index, row in enumerate(env) if row.partition("=")[0] == name), len(env))
    env[index : index + 1] = [f"{name}={value}"]
    spec.origins.set(f"/process/env/{index}", options.name(keyword))


def workdir(spec: Spec, options: Options) -> None:
    """--workdir."""
    path = options.get("workdir")
    if not path.startswith("/"):
        raise UsageError(
            f"{path} is not an absolute path", place=place(options.name("workdir")), remedy=f"write {options.name('workdir')} /{path}"
        )
    spec.config["process"]["cwd"] = path
    spec.origins.set("/process/cwd", options.name("workdir"))


def user(spec: Spec, options: Options) -> None:
    """--user: numbers go into the spec too, names are looked up in the container's files later."""
    text = options.get("user")
    name, colon, group = text.partition(":")
    if not name or (colon and not group) or ":" in group:
        raise UsageError(f"{text!r} is not a user", place=place(options.name("user")), remedy="write USER or USER:GROUP, by name or number")
    for part in (name, group):
        if part.isdecimal() and int(part) > 0xFFFFFFFE:
            raise UsageError(
                f"{part} is not an id: the largest is 4294967294", place=place(options.name("user")), remedy="use a smaller number"
            )
    row = spec.config["process"]["user"]
    row.update({key: int(part) for key, part in (("uid", name), ("gid", group)) if part.isdecimal()})
    row.pop("additionalGids", None)
    spec.run.user = text
    spec.origins.set("/process/user", options.name("user"))


def terminal(spec: Spec, options: Options) -> None:
    """--interactive and --tty."""
    if "interactive" in options.values:
        spec.run.interactive = options.get("interactive")
        spec.origins.set("/run/interactive", options.name("interactive"))
    if "tty" in options.values:
        spec.run.tty = spec.config["process"]["terminal"] = options.get("tty")
        spec.origins.set("/process/terminal", options.name("tty"))


def init(spec: Spec, options: Options) -> None:
    """--init, --no-init."""
    spec.run.init = options.get("init")


def hostname(spec: Spec, options: Options) -> None:
    """--hostname."""
    name = options.get("hostname")
    if len(os.fsencode(name)) > 64 or not name.replace("-", "a").replace(".", "a").replace("_", "a").isalnum():
        raise UsageError(
            f"{name!r} is not a host name", place=place(options.name("hostname")), remedy="use at most 64 letters, digits, - and ."
        )
    spec.config["hostname"] = name
    spec.origins.set("/hostname", options.name("hostname"))


def ulimit(spec: Spec, options: Options) -> None:
    """--ulimit NAME=SOFT[:HARD], as docker has it; -1 and unlimited mean no limit."""
    rlimits: list[dict[str, object]] = spec.config["process"].setdefault("rlimits", [])
    for text in options.get("ulimit"):
        name, _, value = text.partition("=")
        kind = name.upper().removeprefix("RLIMIT_")
        where = place(options.name("ulimit"))
        if f"RLIMIT_{kind}" not in RLIMITS:
            raise UsageError(
                f"unknown limit {name!r}", place=where, remedy=f"one of {', '.join(sorted(RLIMITS)).replace('RLIMIT_', '').lower()}"
            )
        if not value:
            raise UsageError(f"no value for {name}", place=where, remedy=f"write {name}=SOFT or {name}=SOFT:HARD, numbers or unlimited")
        soft, _, hard = value.partition(":")
        numbers = []
        for number in (soft, hard or soft):
            if number in ("-1", "unlimited"):
                numbers.append((1 << 64) - 1)
            elif number.isascii() and number.isdecimal() and int(number) < 1 << 64:
                numbers.append(int(number))
            else:
                raise UsageError(
                    f"{value!r} is not a limit",
                    place=where,
                    remedy=f"write {kind.lower()}=SOFT or {kind.lower()}=SOFT:HARD, numbers or unlimited",
                )
        if numbers[0] > numbers[1]:
            raise UsageError(
                f"the soft limit {soft} is above the hard limit {hard}", place=where, remedy=f"write {kind.lower()}={hard}:{soft}"
            )
        row = {"type": f"RLIMIT_{kind}", "soft": numbers[0], "hard": numbers[1]}
        index = next((index for index, old in enumerate(rlimits) if old["type"] == row["type"]), len(rlimits))
        rlimits[index : index + 1] = [row]
        spec.origins.set(f"/process/rlimits/{index}", options.name("ulimit"))


def preserve_fds(spec: Spec, options: Options) -> None:
    """--preserve-fds."""
    if options.get("preserve_fds") < 0:
        raise UsageError("fewer than none cannot be passed", place=place(options.name("preserve_fds")), remedy="write a number from 0 on")
    spec.run.preserve_fds = options.get("preserve_fds")


HANDLERS = (
    (("env_file", "env"), environment),
    (("workdir",), workdir),
    (("user",), user),
    (("interactive", "tty"), terminal),
    (("init",), init),
    (("hostname",), hostname),
    (("ulimit",), ulimit),
    (("preserve_fds",), preserve_fds),
)
