"""`contain state`: a container's state as the OCI has it. The front answers it by itself; Python comes for the odd cases."""

from __future__ import annotations

from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain state ID

Prints the state of container ID as JSON: ociVersion, id, status, pid, bundle, annotations, and what runc adds.

example: contain state web"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Prints the state."""
    options = global_options or {}
    return oci.guard(lambda: _state(argv, options), options)


def _state(argv: list[str], options: Mapping[str, str]) -> int:
    words = oci.Words(argv, {"--help": False}, {"-h": "--help"})
    if words.flag("--help"):
        print(USAGE)
        return 0
    if len(words.arguments) != 1:
        raise UsageError(f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="contain state ID")
    from contain.container.show import state

    print(state(words.arguments[0], root=options.get("root", "")))
    return 0
