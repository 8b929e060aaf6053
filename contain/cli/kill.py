"""`contain kill`: a signal for a container. The front answers the plain case by itself."""

from __future__ import annotations

from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain kill [--all] ID [SIGNAL]

Sends SIGNAL (TERM when it is not given; a name, with or without SIG, or a number) to the main process of container ID.

  -a, --all       signal all its processes, also when the main one has ended

example: contain kill web HUP"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Sends the signal."""
    options = global_options or {}
    return oci.guard(lambda: _kill(argv, options), options)


def _kill(argv: list[str], options: Mapping[str, str]) -> int:
    words = oci.Words(argv, {"--help": False, "--all": False}, {"-h": "--help", "-a": "--all"})
    if words.flag("--help"):
        print(USAGE)
        return 0
    if len(words.arguments) not in {1, 2}:
        raise UsageError(
            f"needs an id and at most a signal, not {len(words.arguments)} words",
            place="<command line>:ID",
            remedy="contain kill ID [SIGNAL]",
        )
    from contain.container.lifecycle import send, signal_number

    number = signal_number(words.arguments[1]) if len(words.arguments) == 2 else 15
    send(words.arguments[0], number, root=options.get("root", ""), everybody=words.flag("--all"))
    return 0
