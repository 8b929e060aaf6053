"""`contain wait`: until containers have ended."""

from __future__ import annotations

import click

from contain.cli import oci
from contain.container import lifecycle


@click.command("wait")
@click.argument("id", nargs=-1, required=True)
@click.pass_obj
def command(options: dict[str, str] | None, *, id: tuple[str, ...]) -> int:
    """Wait until each container ID has ended, and print its exit code."""
    return oci.guard(lambda: _wait(id, (options or {}).get("root", "")), options or {})


def _wait(names: tuple[str, ...], root: str) -> int:
    for name in names:
        print(lifecycle.wait(name, root=root).code, flush=True)
    return 0
