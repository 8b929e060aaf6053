"""`contain spec`: a new config.json."""

from __future__ import annotations

import os

import click

from contain.cli.output import json_text
from contain.errors import UsageError
from contain.spec.skeleton import rootless, skeleton


@click.command("spec")
@click.option("-b", "--bundle", default=".", help="Folder to write config.json in.")
@click.option("--rootless", "unprivileged", is_flag=True, help="For an ordinary user: a user namespace that maps only the caller.")
def command(*, bundle: str, unprivileged: bool) -> int:
    """Write a new config.json for a shell in ./rootfs; an existing one is never overwritten."""
    config = skeleton()
    if unprivileged:
        config = rootless(config, os.geteuid(), os.getegid())
    path = os.path.join(bundle, "config.json")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(json_text(config) + "\n")
    except OSError as problem:
        error = UsageError(f"cannot write {path}: {problem.strerror}", remedy="remove it first" if os.path.exists(path) else "")
        error.exit_code = 1
        raise error from problem
    return 0
