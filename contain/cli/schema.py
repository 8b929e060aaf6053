"""`contain schema`: prints the JSON Schema of a kind of document."""

from __future__ import annotations

import click

from contain.schema.kinds import KINDS
from contain.schema.published import published


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--spec", metavar="VERSION", help="Without what is newer than this version of the specification.")
def command(kind: str, spec: str | None) -> int:
    """Print the schema of KIND, self-contained, for editors and other validators."""
    click.echo(published(kind, spec or ""), nl=False)
    return 0
