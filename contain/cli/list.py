"""`contain list`: the containers of this user, or of another state root."""

from __future__ import annotations

import click

from contain.cli import oci
from contain.cli.output import json_text, table
from contain.container import lifecycle


@click.command("list")
@click.option("-q", "--quiet", is_flag=True, help="Names only.")
@click.option("-f", "--format", "form", type=click.Choice(["table", "json"]), default="table", help="Table for people (default) or JSON.")
@click.pass_obj
def command(options: dict[str, str] | None, *, quiet: bool, form: str) -> int:
    """List containers that have a name: runs with --name or --keep, and those of `create`."""
    return oci.guard(lambda: _list(options or {}, form, quiet=quiet), options or {})


def _list(options: dict[str, str], form: str, *, quiet: bool) -> int:
    rows = lifecycle.listing(options.get("root", ""))
    if quiet:
        for row in rows:
            print(row["id"])
    elif form == "json":
        print(json_text(rows, indent=None))
    else:
        names = ("id", "pid", "status", "created", "owner", "command")
        if "program" in options:  # through a link named runc or crun: its columns
            names = ("id", "pid", "status", "bundle", "created", "owner")
        print(table([name.upper() for name in names], [[str(row[name]) for name in names] for row in rows]))
    return 0
