"""`contain lint`: says what is wrong with manifests, and where."""

from __future__ import annotations

from typing import Any

import click

from contain.diagnostics.formats import FORMATS
from contain.diagnostics.model import SEVERITIES
from contain.errors import UsageError
from contain.linter.kinds import KINDS
from contain.linter.request import Request
from contain.linter.settings import PROFILES
from contain.linter.show import listing

_HELP = f"FORMAT or FORMAT=FILE, more than once: {', '.join(FORMATS)}."


@click.command(epilog="Exit code: 0 nothing at the fail level, 1 findings, 2 a wrong option or unreadable file, 3 a fault of contain.")
@click.argument("paths", nargs=-1)
@click.option("--kind", type=click.Choice(list(KINDS)), help="What the documents are meant to be; else they tell.")
@click.option("--select", multiple=True, help="Only these rules: ids, names, families (SEC), families with digits (RUN5), ALL.")
@click.option("--extend-select", multiple=True, help="These rules too.")
@click.option("--ignore", multiple=True, help="Not these rules.")
@click.option("--preview", is_flag=True, help="New rules too.")
@click.option("--profile", type=click.Choice(PROFILES), help="How much security advice.")
@click.option("--fail-level", type=click.Choice([*SEVERITIES, "never"]), help="The least severity that fails (error).")
@click.option("-o", "--output", "--format", multiple=True, metavar="FORMAT[=FILE]", help=_HELP)
@click.option(
    "--config", type=click.Path(dir_okay=False), help="This config file; else contain.toml or pyproject.toml, upwards from each file."
)
@click.option("--isolated", is_flag=True, help="No config file.")
@click.option("--image", metavar="PATH", help="Compare runtime configs with the image that they were made from: a config or layout.")
@click.option("--host", metavar="here|FILE", help="Compare them with this host, or with facts that `contain doctor --host` printed.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out these paths when walking folders.")
@click.option("--force-exclude", is_flag=True, help="Leave them out when they are named, too.")
@click.option("--skip-unknown", is_flag=True, help="A named file of unknown kind is no error.")
@click.option("--stdin-filename", metavar="NAME", help="What the document from standard input (-) is called.")
@click.option("--max-size", type=int, metavar="BYTES", help="The largest document (4 MiB).")
@click.option("--fix", is_flag=True, help="Make the fixes that keep the meaning.")
@click.option("--unsafe-fixes", is_flag=True, help="Make all fixes.")
@click.option("--diff", is_flag=True, help="Show what --fix would change; exit code 1 when it would.")
@click.option("--add-allow", is_flag=True, help="Write the findings of today into the config file as allowed.")
@click.option("--statistics", is_flag=True, help="Print how often each rule was found.")
@click.option("--list-rules", is_flag=True, help="Print all rules.")
@click.option("-j", "--jobs", type=int, help="Processes to share the work between.")
@click.option("-q", "--quiet", is_flag=True, help="No closing line.")
@click.option("-v", "--verbose", is_flag=True, help="Security advice with its lines, too.")
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Check manifests: OCI runtime and image documents, appc.

    PATHS are files, folders (walked; .gitignore is honoured), or - for standard input; by default the folder where it runs.
    """
    if options["list_rules"]:
        click.echo(listing(), nl=False)
        return 0
    try:
        if options["host"]:
            options["host"] = _host(options["host"])
        return Request(paths, **options).run()
    except UsageError as error:
        error.exit_code = 2
        raise


def _host(where: str) -> Any:
    """The facts of the host where it runs, or those of a file."""
    if where == "here":
        from contain.host.probe import Wanted, probe

        return probe(Wanted()).to_json()
    from contain.linter.pairing import host_facts

    return host_facts(where)
