"""`contain kill`: a signal for a container. The native front answers the plain case itself."""

from __future__ import annotations

import click

from contain.container import lifecycle
from contain.errors import ContainError


@click.command("kill")
@click.option("-a", "--all", "everybody", is_flag=True, help="Signal all processes of the container, also when its main one has ended.")
@click.argument("id")
@click.argument("signal", default="TERM")
@click.pass_obj
def command(options: dict[str, str] | None, *, everybody: bool, id: str, signal: str) -> int:
    """Send SIGNAL (TERM, or a name or number) to the main process of container ID."""
    try:
        lifecycle.send(id, lifecycle.signal_number(signal), root=(options or {}).get("root", ""), everybody=everybody)
    except ContainError as error:
        error.exit_code = 1
        raise
    return 0
