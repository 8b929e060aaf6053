"""`contain wait`: until containers have ended."""

from __future__ import annotations

import click

from contain.container import lifecycle
from contain.errors import ContainError


@click.command("wait")
@click.argument("id", nargs=-1, required=True)
@click.pass_obj
def command(options: dict[str, str] | None, *, id: tuple[str, ...]) -> int:
    """Wait until each container ID has ended, and print its exit code."""
    try:
        for one in id:
            print(lifecycle.wait(one, root=(options or {}).get("root", "")).code, flush=True)
    except ContainError as error:
        error.exit_code = 1
        raise
    return 0
