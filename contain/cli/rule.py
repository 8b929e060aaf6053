"""`contain rule`: explains a rule of lint."""

from __future__ import annotations

import click

from contain.errors import UsageError
from contain.linter.show import explained


@click.command()
@click.argument("rule")
def command(rule: str) -> int:
    """Explain RULE, an id (RUN212) or a name (relative-cwd): what it wants, why, and examples."""
    try:
        click.echo(explained(rule), nl=False)
    except UsageError as error:
        error.exit_code = 2
        raise
    return 0
