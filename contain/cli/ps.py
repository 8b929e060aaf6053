"""`contain ps`: the processes of a container."""

from __future__ import annotations

import subprocess

import click

from contain.cli import oci
from contain.cli.output import json_text
from contain.container import show
from contain.errors import HostError


@click.command("ps", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "-f", "--format", "form", type=click.Choice(["table", "json"]), default="table", help="Table of ps(1) (default), or pids as JSON."
)
@click.argument("id")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(globals_: dict[str, str] | None, *, form: str, id: str, options: tuple[str, ...]) -> int:
    """List the processes of container ID as the host sees them; OPTIONS are given to ps(1), -ef without any."""
    return oci.guard(lambda: _ps(id, globals_ or {}, form, options), globals_ or {})


def _ps(name: str, globals_: dict[str, str], form: str, options: tuple[str, ...]) -> int:
    pids = show.pids(name, root=globals_.get("root", ""))
    print(json_text(pids, indent=None) if form == "json" else _table(pids, options))
    return 0


def _table(pids: list[int], options: tuple[str, ...]) -> str:
    """The lines of ps(1) for these processes, as runc prints them: the column PID tells."""
    try:
        done = subprocess.run(["ps", *(options or ("-ef",))], capture_output=True, text=True, check=False)
    except FileNotFoundError as problem:
        raise HostError("ps is not installed", remedy="install the package procps, or ask for --format json") from problem
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines or "PID" not in lines[0].split():
        raise HostError(f"ps {' '.join(options)} gives no column PID", cause=done.stderr.strip().partition("\n")[0])
    column = lines[0].split().index("PID")
    wanted = {str(pid) for pid in pids}
    return "\n".join([lines[0], *(line for line in lines[1:] if len(line.split()) > column and line.split()[column] in wanted)])
