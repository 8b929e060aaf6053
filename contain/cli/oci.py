"""What the OCI verbs have in common: their small option loop, and errors as engines read them."""

from __future__ import annotations

import posix
import sys

from contain.cli.output import complain
from contain.errors import ContainError, UsageError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Words:
    """The words of a verb: options by long name (repeated ones as lists), and arguments."""

    __slots__ = ("arguments", "options")

    def __init__(self, argv: list[str], known: Mapping[str, bool], short: Mapping[str, str]) -> None:
        """`known`: long name → whether it takes a value. All from `--`, or from the first word that is no option, is argument."""
        self.options: dict[str, list[str]] = {}
        self.arguments: list[str] = []
        words = argv[:]
        while words:
            word = words.pop(0)
            if word == "--" or not word.startswith("-") or word == "-":
                self.arguments = [*([] if word == "--" else [word]), *words]
                return
            name, equals, value = word.partition("=")
            dashed = name if name.startswith("--") else f"-{name}"
            name = short.get(name) or short.get(dashed[1:], dashed)  # runc takes -bundle and --b too
            if name not in known:
                raise UsageError("no such option", place=f"<command line>:{name}")
            if known[name] and not equals:
                if not words:
                    raise UsageError("needs a value", place=f"<command line>:{name}")
                value = words.pop(0)
            self.options.setdefault(name, []).append(value if known[name] else value or "true")

    def get(self, name: str, default: str = "") -> str:
        """The last value given."""
        return self.options.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        """Whether a flag is set; `--flag=false` takes it back."""
        return self.get(name) not in {"", "false"}

    def all(self, name: str) -> list[str]:
        """Every value given."""
        return self.options.get(name, [])


def verb(
    argv: list[str],
    options: Mapping[str, str],
    usage: str,
    act: Callable[[Words], int],
    known: Mapping[str, bool] | None = None,
    short: Mapping[str, str] | None = None,
) -> int:
    """A whole verb: its words are read, --help is answered, and what goes wrong is said as runc does."""

    def run() -> int:
        words = Words(argv, {"--help": False, **(known or {})}, {"-h": "--help", **(short or {})})
        if words.flag("--help"):
            print(usage)
            return 0
        return act(words)

    return guard(run, options)


def one_id(words: Words) -> str:
    """The id, which is the only argument."""
    if len(words.arguments) != 1:
        raise UsageError(
            f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="give the id that contain list shows"
        )
    return words.arguments[0]


def choice(words: Words, name: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed values, the first unless given."""
    found = words.get(name, allowed[0])
    if found not in allowed:
        raise UsageError(
            f"{found!r} is not one of {', '.join(allowed)}", place=f"<command line>:{name}", remedy=f"write {name} {allowed[0]}"
        )
    return found


def count(words: Words, name: str) -> int:
    """A number that is no option's mistake: 0 when it is not given."""
    return number(words.get(name, "0"), name)


def number(text: str, name: str) -> int:
    """A number from 0 on."""
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(f"{text!r} is not a number", place=f"<command line>:{name}")
    return int(text)


def guard(verb: Callable[[], int], options: Mapping[str, str], code: int = 1) -> int:
    """Runs a verb; what goes wrong is logged and said as runc does, with its exit code."""
    try:
        return verb()
    except ContainError as error:
        report(error, options)
        return code


def report(error: ContainError, options: Mapping[str, str]) -> None:
    """The first line to the log (JSON: what containerd reads last) and all lines to stderr."""
    if options.get("log"):
        log(options["log"], options.get("log-format", "text"), str(error))
    complain(error.lines())


def warner(options: Mapping[str, str]) -> Callable[[str], None]:
    """Where warnings go: to the log, when there is one, and nowhere else. Of `create`, `run` and `exec` stderr is the container's own."""
    path, kind = options.get("log", ""), options.get("log-format", "text")
    return (lambda text: log(path, kind, text, level="warning")) if path else warn


def log(path: str, kind: str, message: str, *, level: str = "error") -> None:
    """One line, appended."""
    import time

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if kind == "json":
        import json

        line = json.dumps({"level": level, "msg": message, "time": now})
    else:
        quoted = printable(message.replace("\\", "\\\\").replace('"', '\\"'))
        line = f'time="{now}" level={level} msg="{quoted}"'
    try:
        fd = posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC, 0o644)
        with open(fd, "w") as file:
            file.write(line + "\n")
    except OSError as problem:  # the words are on stderr too
        warn(f"cannot write the log {path}: {problem.strerror}")


def launcher_words(options: Mapping[str, str]) -> list[str]:
    """What the launcher must know to report as we would."""
    words = [f"--log={options['log']}"] if options.get("log") else []
    words += [f"--log-format={options['log-format']}"] if options.get("log-format") else []
    return words


def warn(text: str) -> None:
    """One line of warning, at once: what follows may replace this process."""
    print(f"contain: warning: {printable(text)}", file=sys.stderr, flush=True)


def cgroup_manager(options: Mapping[str, str]) -> str:
    """The cgroup driver that the options before the verb ask for."""
    asked = "systemd" if options.get("systemd-cgroup", "false") != "false" else options.get("cgroup-manager", "")
    if asked not in {"", "cgroupfs", "systemd", "disabled"}:
        raise UsageError(
            f"no cgroup driver: {asked!r}", place="<command line>:--cgroup-manager", remedy="use cgroupfs, systemd or disabled"
        )
    return asked
