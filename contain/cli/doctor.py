"""`contain doctor`: what this host and user can do, and what is missing."""

from __future__ import annotations

import os

import click

from contain.cli.output import json_text
from contain.errors import printable
from contain.host import doctor
from contain.host.probe import Wanted, probe
from contain.host.trial import trial
from contain.launcher import spawn

_SIGNS = {doctor.OK: ("ok", "green"), doctor.LIMITED: ("limited", "yellow"), doctor.MISSING: ("missing", "red"), doctor.INFO: ("", "blue")}


@click.command("doctor")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Table for people (default) or JSON.")
@click.option("--host", is_flag=True, help="Print all facts about this host as JSON, as `plan --host` and bug reports use them.")
@click.option("--apparmor-profile", "profile", is_flag=True, help="Print the AppArmor profile that lets contain make user namespaces.")
def command(*, form: str, host: bool, profile: bool) -> int:
    """Say what this host and user can do, with the remedy for each thing missing; exit code 0 when `contain run` works, else 1."""
    facts = probe(Wanted(host_view=host, devices=host))
    if host:
        print(json_text(facts.to_json(), indent=1))
        return 0
    launcher = spawn.find()
    if profile:
        print(doctor.apparmor_profile(launcher), end="")
        return 0
    checks = doctor.report(facts, trial(facts), launcher=launcher if os.access(launcher, os.X_OK) else "")
    works = doctor.works(checks)
    if form == "json":
        print(json_text({"works": works, "checks": [check.values() for check in checks]}))
        return int(not works)
    width = max(len(check.name) for check in checks)
    for check in checks:
        word, colour = _SIGNS[check.status]
        click.echo(f"{click.style(f'{word:<7}', fg=colour)}  {check.name:<{width}}  {printable(check.detail)}".rstrip())
        if check.remedy:
            print(f"{'':<7}  {'':<{width}}  remedy: {check.remedy}")
    print(f"\ncontain run {'works' if works else 'does not work'} here for {facts.user or facts.euid}")
    return int(not works)
