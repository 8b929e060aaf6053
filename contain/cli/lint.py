"""`contain lint`: says what is wrong with manifests, and where.

Click costs more than a document, so it reads only command lines with a mistake or a question in them; both readers have the one table.
"""

from __future__ import annotations

from typing import Any

from contain.diagnostics.formats import FORMATS
from contain.diagnostics.model import SEVERITIES
from contain.errors import UsageError
from contain.linter.kinds import KINDS
from contain.linter.request import OURS, WRONG, Request
from contain.linter.settings import PROFILES
from contain.linter.show import listing

_FORMAT_HELP = f"FORMAT or FORMAT=FILE, more than once: {', '.join(FORMATS)}."
#: names; what it takes: nothing (None), a text ("METAVAR", "" for click's own), texts (["METAVAR"]), a number (int), one of a tuple; help
OPTIONS: tuple[tuple[str, Any, str], ...] = (
    ("--kind", tuple(KINDS), "What the documents are meant to be; else they tell."),
    ("--select", [""], "Only these rules: ids, names, families (SEC), families with digits (RUN5), ALL."),
    ("--extend-select", [""], "These rules too."),
    ("--ignore", [""], "Not these rules."),
    ("--preview", None, "New rules too."),
    ("--profile", PROFILES, "How much security advice."),
    ("--fail-level", (*SEVERITIES, "never"), "The least severity that fails (error)."),
    ("-o --output --format", ["FORMAT[=FILE]"], _FORMAT_HELP),
    ("--config", "FILE", "This config file; else contain.toml or pyproject.toml, upwards from each file."),
    ("--isolated", None, "No config file."),
    ("--image", "PATH", "Compare runtime configs with the image that they were made from: a config or layout."),
    ("--host", "here|FILE", "Compare them with this host, or with facts that `contain doctor --host` printed."),
    ("--exclude", ["GLOB"], "Leave out these paths when walking folders."),
    ("--force-exclude", None, "Leave them out when they are named, too."),
    ("--skip-unknown", None, "A named file of unknown kind is no error."),
    ("--stdin-filename", "NAME", "What the document from standard input (-) is called."),
    ("--max-size", int, "The largest document, in bytes (4 MiB)."),
    ("--max-depth", int, "How deep a document may be nested (128)."),
    ("--max-findings", int, "The most findings of a file (1000)."),
    ("--max-entries", int, "The most entries of an archive (a million)."),
    ("--max-ratio", int, "How many times its size an archive may unpack to (200)."),
    ("--timeout", int, "Seconds that a file may take, from 64 files up (30)."),
    ("--fix", None, "Make the fixes that keep the meaning."),
    ("--unsafe-fixes", None, "Make all fixes."),
    ("--diff", None, "Show what --fix would change; exit code 1 when it would."),
    ("--add-allow", None, "Write the findings of today into the config file as allowed."),
    ("--statistics", None, "Print how often each rule was found."),
    ("--list-rules", None, "Print all rules."),
    ("-j --jobs", int, "Processes to share the work between."),
    ("-q --quiet", None, "No closing line."),
    ("-v --verbose", None, "Security advice with its lines, too."),
)
_HELP = """Check manifests: OCI runtime and image documents, appc.

PATHS are files, folders (walked; .gitignore is honoured), or - for standard input; by default the folder where it runs."""
_EPILOG = "Exit code: 0 nothing at the fail level, 1 findings, 2 a wrong option or unreadable file, 3 a fault of contain."


def main(argv: list[str], global_options: dict[str, str] | None = None) -> int:
    """Check; the exit code."""
    found = quick(argv)
    if found is None:
        from contain.cli.main import run_click

        return run_click(_command(), ["lint", *argv], global_options or {})
    return check(*found)


def check(paths: tuple[str, ...], options: dict[str, Any]) -> int:
    """Do what the command line asks for."""
    if options["list_rules"]:
        print(listing(), end="")
        return 0
    try:
        if options["host"]:
            options["host"] = _host(options["host"])
        return Request(paths, **options).run()
    except UsageError as error:
        error.exit_code = WRONG
        raise
    except Exception as error:
        error.__dict__["exit_code"] = OURS  # the last catch of all commands asks for it
        raise


def quick(argv: list[str]) -> tuple[tuple[str, ...], dict[str, Any]] | None:
    """Paths and options of a command line; None when there is anything about it that click should look at."""
    rows = {name: (key, takes) for key, names, takes in _rows() for name in names}
    options: dict[str, Any] = {key: () if takes.__class__ is list else False if takes is None else None for key, _, takes in _rows()}
    paths: list[str] = []
    words = argv[::-1]
    while words:
        word = words.pop()
        if word == "-" or not word.startswith("-"):
            paths.append(word)
            continue
        name, equals, value = word.partition("=")
        key, takes = rows.get(name, ("", None))
        if not key or (takes is None and equals) or (equals and not name.startswith("--")):
            return None
        if takes is None:
            options[key] = True
            continue
        if not equals:
            if not words or words[-1].startswith("-"):
                return None
            value = words.pop()
        if (takes.__class__ is tuple and value not in takes) or (takes is int and not (value.isascii() and value.isdecimal())):
            return None
        options[key] = (*options[key], value) if takes.__class__ is list else int(value) if takes is int else value
    return tuple(paths), options


def _rows() -> list[tuple[str, list[str], Any]]:
    """Key, names, and what it takes, of each option."""
    found = []
    for text, takes, _ in OPTIONS:
        names = text.split()
        key = next(name for name in names if name.startswith("--"))[2:].replace("-", "_")
        found.append((key, names, takes))
    return found


def _command() -> Any:
    """The same options for click, which knows how to explain them."""
    import click

    options: list[click.Parameter] = [click.Argument(["paths"], nargs=-1)]
    for names, takes, words in OPTIONS:
        more: dict[str, Any] = {"is_flag": True} if takes is None else {"type": int} if takes is int else {}
        if takes.__class__ is tuple:
            more = {"type": click.Choice(takes)}
        elif takes.__class__ is list:
            more = {"multiple": True, "metavar": takes[0] or None}
        elif takes.__class__ is str:
            more = {"metavar": takes}
        options.append(click.Option(names.split(), help=words, **more))

    def called(paths: tuple[str, ...], **found: Any) -> int:
        return check(paths, found)

    return click.Command("lint", callback=called, params=options, help=_HELP, epilog=_EPILOG)


def _host(where: str) -> Any:
    """The facts of the host where it runs, or those of a file."""
    if where == "here":
        from contain.host.probe import Wanted, probe

        return probe(Wanted()).to_json()
    from contain.linter.pairing import host_facts

    return host_facts(where)
