"""`contain ps`: the processes of a container."""

from __future__ import annotations

from contain.cli import oci
from contain.cli.output import json_text
from contain.container import show
from contain.errors import HostError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USAGE = """\
usage: contain ps [--format table|json] ID [OPTION OF PS…]

Lists the processes of container ID as the host sees them; the options are given to ps(1), -ef without any.

  -f, --format FORMAT       table of ps(1) (default), or pids as json

example: contain ps web -o pid,rss,args"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Lists the processes."""
    options = global_options or {}

    def listed(words: oci.Words) -> int:
        form = oci.choice(words, "--format", ("table", "json"))
        if not words.arguments:
            raise UsageError("needs an id", place="<command line>:ID", remedy="give the id that contain list shows")
        name, *further = words.arguments
        pids = show.pids(name, root=options.get("root", ""))
        print(json_text(pids, indent=None) if form == "json" else _table(pids, further))
        return 0

    return oci.verb(argv, options, USAGE, listed, {"--format": True}, {"-f": "--format"})


def _table(pids: list[int], options: Sequence[str]) -> str:
    """The lines of ps(1) for these processes, as runc prints them: the column PID tells."""
    import subprocess

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
