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
    return oci.guard(lambda: _list((options or {}).get("root", ""), form, quiet=quiet), options or {})


def _list(root: str, form: str, *, quiet: bool) -> int:
    rows = lifecycle.listing(root)
    if quiet:
        for row in rows:
            print(row["id"])
    elif form == "json":
        print(json_text(rows, indent=None))
    else:
        names = ("id", "pid", "status", "created", "owner", "command")
        print(table([name.upper() for name in names], [[str(row[name]) for name in names] for row in rows]))
    return 0
