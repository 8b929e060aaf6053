"""`contain list`: the containers of this user, or of another state root."""

from __future__ import annotations

from contain.cli import oci
from contain.cli.output import json_text, table
from contain.container import lifecycle
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain list [--quiet] [--format table|json]

Lists containers that have a name: runs with --name or --keep, and those of `create`.

  -q, --quiet               names only
  -f, --format FORMAT       table for people (default) or json

example: contain list --format json"""

NAMES = ("id", "pid", "status", "created", "owner", "command")
#: through a link of runc's or crun's name: its columns
RUNC_NAMES = ("id", "pid", "status", "bundle", "created", "owner")


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Lists."""
    options = global_options or {}

    def listed(words: oci.Words) -> int:
        if words.arguments:
            raise UsageError(f"takes no argument: {words.arguments[0]}", remedy="contain state ID shows one container")
        form = oci.choice(words, "--format", ("table", "json"))
        _print(options, form, quiet=words.flag("--quiet"))
        return 0

    return oci.verb(argv, options, USAGE, listed, {"--quiet": False, "--format": True}, {"-q": "--quiet", "-f": "--format"})


def _print(options: Mapping[str, str], form: str, *, quiet: bool) -> None:
    rows = lifecycle.listing(options.get("root", ""))
    if quiet:
        for row in rows:
            print(row["id"])
    elif form == "json":
        print(json_text(rows, indent=None))
    else:
        names = RUNC_NAMES if "program" in options else NAMES
        print(table([name.upper() for name in names], [[str(row[name]) for name in names] for row in rows]))
