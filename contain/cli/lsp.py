"""`contain lsp`: serves diagnostics, hover, completion and fixes to editors over standard input and output."""

from __future__ import annotations

import os

import click

from contain.errors import UsageError


@click.command()
def command() -> int:
    """Serve editors by the Language Server Protocol over standard input and output (needs contain[lsp])."""
    try:
        from contain.linter import server
    except ImportError as error:
        missing = UsageError(f"the language server needs {error.name}", remedy="pip install 'contain[lsp]'")
        missing.exit_code = 2
        raise missing from None
    # pygls closes what it is given when the editor says exit
    server.make().start_io(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    return 0
