"""`contain delete`: removes what is left of a container. The front answers it by itself; Python comes for hooks and refusals."""

from __future__ import annotations

from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain delete [--force] ID

Removes the stopped or merely created container ID: its cgroups, its state, what hooks want.

  -f, --force     kill it first when it runs; no error when it does not exist

example: contain delete --force web"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Deletes."""
    options = global_options or {}
    return oci.guard(lambda: _delete(argv, options), options)


def _delete(argv: list[str], options: Mapping[str, str]) -> int:
    words = oci.Words(argv, {"--help": False, "--force": False}, {"-h": "--help", "-f": "--force"})
    if words.flag("--help"):
        print(USAGE)
        return 0
    if len(words.arguments) != 1:
        raise UsageError(f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="contain delete ID")
    from contain.container.changes import delete

    return delete(words.arguments[0], options, oci.warner(options), force=words.flag("--force"))
