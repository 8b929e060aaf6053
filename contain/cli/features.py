"""`contain features`: what this runtime supports, for engines."""

from __future__ import annotations

import click

from contain import __version__
from contain.cli.output import json_text
from contain.container.features import features


@click.command("features")
def command() -> int:
    """Print what this runtime supports as JSON (features.md of the runtime specification)."""
    print(json_text(features(__version__)))
    return 0
