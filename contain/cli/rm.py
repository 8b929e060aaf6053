"""`contain rm`: what is kept of containers."""

from __future__ import annotations

import sys

import click

from contain.cli.output import complain
from contain.container import lifecycle
from contain.errors import ContainError, printable


@click.command("rm")
@click.option("-f", "--force", is_flag=True, help="Kill a running one first; a missing one is no error.")
@click.argument("id", nargs=-1, required=True)
@click.pass_obj
def command(options: dict[str, str] | None, *, force: bool, id: tuple[str, ...]) -> int:
    """Remove stopped containers, with --force running ones too."""
    failed = 0
    for one in id:
        try:
            for warning in lifecycle.remove(one, root=(options or {}).get("root", ""), force=force):
                print(f"contain: warning: {printable(warning)}", file=sys.stderr)
            print(one)
        except ContainError as error:
            complain(error.lines())
            failed = 1
    return failed
