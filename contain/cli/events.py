"""`contain events`: statistics and OOM kills of a container."""

from __future__ import annotations

from contain.cli import oci
from contain.cli.output import json_text
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain events [--stats] [--interval TIME] ID

Prints statistics of container ID at an interval, and OOM kills when they happen, one JSON object a line.

  --stats                   print the statistics once and end
  --interval TIME           time between two statistics (default 5s)

example: contain events --stats web"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Prints."""
    options = global_options or {}

    def printed(words: oci.Words) -> int:
        return _print(oci.one_id(words), options.get("root", ""), once=words.flag("--stats"), interval=words.get("--interval", "5s"))

    return oci.verb(argv, options, USAGE, printed, {"--stats": False, "--interval": True})


def _seconds(text: str) -> float:
    """As Go programs write it: 5s, 500ms, 1m."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdecimal():
            return float(number) * factor
    if text.isdecimal():
        return float(text)
    raise UsageError(f"no duration: {text!r}", place="<command line>:--interval", remedy="write 5s, 500ms or 1m")


def _print(name: str, root: str, *, once: bool, interval: str) -> int:
    if once:
        from contain.container.show import stats

        print(json_text({"type": "stats", "id": name, "data": stats(name, root=root)}, indent=None))
        return 0
    from contain.container.events import events

    wanted = _seconds(interval)
    if wanted <= 0:
        raise UsageError("must be more than zero", place="<command line>:--interval")
    for event in events(name, root=root, interval=wanted):
        print(json_text(event, indent=None), flush=True)
    return 0
