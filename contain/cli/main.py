"""The entry of the command line: the table of verbs, the dispatch to one of them, and the last catch of what goes wrong.

Nothing but the verb that is asked for is imported: `contain run` pays for `contain lint` nothing.
"""

from __future__ import annotations

import gc
import posix
import sys

from contain import paths
from contain.errors import ContainError, HostError, UsageError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

SPEC_VERSION = "1.3.0"

#: name, module below contain.cli, what it does; `contain --help` prints those whose module is there
VERBS = (
    ("run", "run", "run a bundle, a root file system, an .aci or a command of this host"),
    ("plan", "plan", "show what run would do, step by step, without doing it"),
    ("lint", "lint", "check manifests: OCI runtime and image documents, appc"),
    ("rule", "rule", "explain a rule of lint"),
    ("schema", "schema", "print the schema of a kind of document"),
    ("doctor", "doctor", "say what this host and user can do, and what is missing"),
    ("list", "list", "list containers"),
    ("ps", "ps", "list the processes of a container"),
    ("inspect", "inspect", "show what can be seen of a container"),
    ("top", "top", "watch containers"),
    ("stats", "stats", "show what containers use"),
    ("exec", "exec", "run a further process in a container"),
    ("kill", "kill", "send a signal to a container"),
    ("wait", "wait", "wait for a container to end"),
    ("rm", "rm", "remove what is kept of a container"),
    ("spec", "spec", "write a new config.json"),
    ("create", "create", "OCI: create a container from a bundle"),
    ("start", "start", "OCI: start a created container"),
    ("state", "state", "OCI: print the state of a container"),
    ("delete", "delete", "OCI: delete a container"),
    ("pause", "pause", "OCI: suspend the processes of a container"),
    ("resume", "resume", "OCI: let a paused container go on"),
    ("update", "update", "OCI: change the limits of a container"),
    ("events", "events", "OCI: print events and statistics of a container"),
    ("features", "features", "OCI: print what this runtime supports"),
    ("checkpoint", "checkpoint", "OCI: save a running container through CRIU"),
    ("restore", "restore", "OCI: restore a container from a checkpoint"),
    ("image", "image", "handle OCI images"),
    ("pod", "pod", "run appc pods"),
    ("audit", "audit", "compare running containers with the rules"),
    ("lsp", "lsp", "serve diagnostics to editors"),
)

#: verbs that go on for long, or read much: their garbage is collected
LASTING = frozenset({"lint", "lsp", "events", "image", "audit", "top"})

#: names of links to this program under which runc's contract holds
LINKS = ("runc", "crun")

#: options before the verb, as engines give them to an OCI runtime; True: takes a value
GLOBAL_OPTIONS = {
    "--root": True,
    "--log": True,
    "--log-format": True,
    "--cgroup-manager": True,
    "--criu": True,
    "--rootless": True,
    "--debug": False,
    "--systemd-cgroup": False,
}


def main(argv: Sequence[str] | None = None, *, name: str = "contain") -> int:
    """Runs one command line and returns the exit code; never raises."""
    _fill_standard_streams()
    options: dict[str, str] = {}
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv), paths.basename(name), options)
        sys.stdout.flush()
    except ContainError as error:
        return _refuse(error, options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _silence()
        return 141  # as a program that SIGPIPE ended
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except OSError as error:
        _end_output()
        found = _shortage(error)
        return _refuse(found, options) if found else _bug(error)
    except MemoryError:
        return _refuse(HostError("there is not enough memory", remedy="free memory, or raise the limit: ulimit -v"), options)
    except Exception as error:  # noqa: BLE001  the last catch: a traceback is for us, one line for everybody else
        return _bug(error)
    return code


def _shortage(error: OSError) -> ContainError | None:
    """What the host is short of, in words: no bug of ours; None when it looks like one."""
    import errno  # 70 µs

    remedies = {
        errno.EMFILE: "raise the limit of open files: ulimit -n",
        errno.ENFILE: "raise fs.file-max",
        errno.EFBIG: "raise the limit of file sizes: ulimit -f",
        errno.ENOMEM: "free memory, or raise the limit: ulimit -v",
        errno.EAGAIN: "raise the limit of processes: ulimit -u",
    }
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return HostError(f"cannot write: {error.strerror}")
    if error.errno in remedies:
        from os import fsdecode

        where = f" ({fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
        return HostError(f"{error.strerror}{where}", remedy=remedies[error.errno])
    try:
        posix.getcwd()
    except OSError as gone:
        return UsageError(f"the working folder cannot be used: {gone.strerror}", remedy="cd to another one")
    return None


def _silence() -> None:
    """What stdout still holds goes nowhere: else Python complains once more when it flushes at exit."""
    posix.dup2(posix.open("/dev/null", posix.O_WRONLY), 1)


def _end_output() -> None:
    """Nothing more is written to a stdout that takes no more."""
    try:
        sys.stdout.flush()
    except OSError:
        _silence()


def _fill_standard_streams() -> None:
    """A standard stream that is closed would be taken by the next file that is opened, and Python has None in its place."""
    for fd in range(3):
        try:
            posix.fstat(fd)
        except OSError:
            posix.open("/dev/null", posix.O_RDWR)  # takes the lowest number, which is this one
    if sys.stdout is None or sys.stderr is None:
        nowhere = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115  for the rest of the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere


def _refuse(error: ContainError, options: dict[str, str]) -> int:
    """What no verb has reported itself. An engine, which a global option or the name of a link tells, has the line in its log and runc's code."""
    if not options:
        return _say(error.lines(), error.exit_code)
    from contain.cli import oci

    _end_output()
    oci.report(error, options)
    return 1


def _dispatch(argv: list[str], name: str, options: dict[str, str]) -> int:
    """Finds the verb, imports its module, calls it; fills in `options` what stands before the verb."""
    if name in LINKS:
        options["program"] = name  # its contract holds
    rest = _global_options(argv, options)
    if not rest or rest[0] in {"-h", "--help"} or rest == ["help"]:
        print(_help())
        return 0 if rest else 125
    if rest[0] in {"-v", "--version"}:
        from contain import __version__

        print(f"{name if name in LINKS else 'contain'} version {__version__}\nspec: {SPEC_VERSION}")
        return 0
    if rest[0] == "help":
        rest = [rest[1], "--help"]
    module = _load(rest[0])
    if rest[0] in LASTING:
        gc.enable()
    _sweep(options)
    if hasattr(module, "main"):
        return int(module.main(rest[1:], global_options=options) if options else module.main(rest[1:]))
    return run_click(module.command, rest, options)


def _sweep(options: dict[str, str]) -> None:
    """What runs left whose monitor and guardian were killed at one instant is cleared by the next command, whichever it is."""
    from contain.state import glance, layout

    root = options.get("root") or layout.own_root()
    if glance.anything_dead(root):
        from contain.cli import oci
        from contain.container.lifecycle import sweep_dead

        for problem in sweep_dead(root):
            oci.warner(options)(problem)


def _global_options(argv: list[str], found: dict[str, str]) -> list[str]:
    """Puts what stands before the verb into `found`, {"root": "/run/x", "debug": ""}; returns the rest, [verb, …]."""
    rest = argv[:]
    while rest and rest[0].startswith("-") and rest[0] not in {"-h", "--help", "-v", "--version"}:
        option, equals, value = rest.pop(0).partition("=")
        option = f"-{option}" if not option.startswith("--") else option  # Go programs take -root as --root
        if option not in GLOBAL_OPTIONS:
            raise UsageError("no such option before the command", place=f"<command line>:{option}", remedy="contain --help lists them")
        if GLOBAL_OPTIONS[option] and not equals:
            if not rest:
                raise UsageError("a value is missing", place=f"<command line>:{option}")
            value = rest.pop(0)
        found[option[2:]] = value
    if found.get("log-format", "text") not in {"text", "json"}:
        kind = found.pop("log-format")  # the log has this line as text
        raise UsageError(f"no format of a log: {kind!r}", place="<command line>:--log-format", remedy="use text or json")
    return rest


def _exists(module: str) -> bool:
    """Whether a verb's module is there, without importing it."""
    here = paths.dirname(__file__)
    return paths.exists(f"{here}/{module}.py") or paths.exists(f"{here}/{module}/__init__.py")


def _load(verb: str) -> ModuleType:
    """The module of a verb."""
    for name, module, _ in VERBS:
        if name == verb and _exists(module):
            full = f"contain.cli.{module}"
            __import__(full)
            return sys.modules[full]
    from difflib import get_close_matches

    near = get_close_matches(verb, [name for name, module, _ in VERBS if _exists(module)], n=1)
    raise UsageError(f"no such command: {verb}", remedy=f"did you mean contain {near[0]}?" if near else "contain --help lists the commands")


def _help() -> str:
    """What `contain --help` prints."""
    rows = [(name, summary) for name, module, summary in VERBS if _exists(module)]
    width = max((len(name) for name, _ in rows), default=0)
    lines = ["usage: contain [GLOBAL OPTION…] COMMAND [OPTION…] [ARGUMENT…]", "", "commands:"]
    lines += [f"  {name:<{width}}  {summary}" for name, summary in rows]
    lines += ["", "contain COMMAND --help tells more; contain --version prints versions", ""]
    lines += ["options before the command, as engines give them:"]
    lines += ["  " + "  ".join(f"{option} VALUE" if takes else option for option, takes in GLOBAL_OPTIONS.items())]
    return "\n".join(lines)


def run_click(command: Any, words: list[str], options: dict[str, str]) -> int:
    """Runs a verb that is a click command."""
    import click

    try:
        result = command.main(
            args=["--help"] if words[1:] == ["-h"] else words[1:], prog_name=f"contain {words[0]}", standalone_mode=False, obj=options
        )
    except click.ClickException as error:
        raise _wrong(error, words[0]) from None
    except click.Abort:
        return 130
    return result if isinstance(result, int) else 0


def _wrong(error: Any, verb: str) -> UsageError:
    """A mistake that click found, in the words of ours and with its exit code."""
    text = error.format_message().strip().rstrip(".")
    place, near, remedy = "<command line>", getattr(error, "possibilities", None), f"contain {verb} --help says what it takes"
    if near is not None:  # no such option
        text, place, remedy = "no such option", f"{place}:{error.option_name}", f"did you mean {near[0]}?" if near else remedy
    wrong = UsageError(f"{text[:1].lower()}{text[1:]}", place=place, remedy=remedy)
    wrong.exit_code = error.exit_code
    return wrong


def _say(lines: list[str], code: int) -> int:
    """Prints an error's lines to stderr, after what stdout still holds. Nobody need be able to read them: the code says it too."""
    from contain.cli.output import complain

    _end_output()
    complain(lines)
    return code


def _bug(error: Exception) -> int:
    """One line for what should not have happened; the traceback only on request."""
    if paths.environ().get("CONTAIN_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    trace, where = error.__traceback__, "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        line = trace.tb_lineno or code.co_firstlineno  # packed functions know no more
        where, trace = f"{paths.basename(code.co_filename)}:{line} in {code.co_name}", trace.tb_next
    text = f"a bug of contain: {type(error).__name__} at {where}: {error}; please report it with the output of CONTAIN_DEBUG=1"
    return _say([printable(text.replace("\n", " "))], getattr(error, "exit_code", 125))
