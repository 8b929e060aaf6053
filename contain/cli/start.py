"""`contain start`: lets a created container run. The front answers it by itself; Python comes for hooks and for refusals."""

from __future__ import annotations

from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain start ID

Lets the created container ID execute its program; says why when it cannot be executed.

example: contain create --bundle /srv/web web && contain start web"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Starts."""
    options = global_options or {}
    return oci.guard(lambda: _start(argv, options), options)


def _start(argv: list[str], options: Mapping[str, str]) -> int:
    words = oci.Words(argv, {"--help": False}, {"-h": "--help"})
    if words.flag("--help"):
        print(USAGE)
        return 0
    if len(words.arguments) != 1:
        raise UsageError(f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="contain start ID")
    from contain.container.changes import start

    return start(words.arguments[0], options)
