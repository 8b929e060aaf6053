"""`contain events`: statistics and OOM kills of a container."""

from __future__ import annotations

import click

from contain.cli import oci
from contain.cli.output import json_text
from contain.container.events import events
from contain.container.show import stats
from contain.errors import UsageError


def _seconds(text: str) -> float:
    """As Go programs write it: 5s, 500ms, 1m."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdecimal():
            return float(number) * factor
    if text.isdecimal():
        return float(text)
    raise UsageError(f"no duration: {text!r}", place="<command line>:--interval", remedy="write 5s, 500ms or 1m")


@click.command("events")
@click.option("--stats", "once", is_flag=True, help="Print the statistics once and end.")
@click.option("--interval", default="5s", show_default=True, help="Time between two statistics.")
@click.argument("id")
@click.pass_obj
def command(options: dict[str, str] | None, *, once: bool, interval: str, id: str) -> int:
    """Print statistics of container ID at an interval, and OOM kills when they happen, one JSON object a line."""
    return oci.guard(lambda: _print(id, (options or {}).get("root", ""), once=once, interval=interval), options or {})


def _print(name: str, root: str, *, once: bool, interval: str) -> int:
    if once:
        print(json_text({"type": "stats", "id": name, "data": stats(name, root=root)}, indent=None))
        return 0
    wanted = _seconds(interval)
    if wanted <= 0:
        raise UsageError("must be more than zero", place="<command line>:--interval")
    for event in events(name, root=root, interval=wanted):
        print(json_text(event, indent=None), flush=True)
    return 0
