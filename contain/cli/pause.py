"""`contain pause` and `contain resume`: all processes of a container stop, and go on."""

from __future__ import annotations

from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USAGE = """\
usage: contain pause ID

Suspends all processes of container ID; `contain resume ID` lets them go on.

example: contain pause web"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Pauses."""
    from contain.container.freeze import pause

    return with_id(argv, global_options or {}, USAGE, pause)


def with_id(argv: list[str], options: Mapping[str, str], usage: str, act: Callable[..., None]) -> int:
    """A verb whose only word is an id."""

    def verb() -> int:
        words = oci.Words(argv, {"--help": False}, {"-h": "--help"})
        if words.flag("--help"):
            print(usage)
            return 0
        if len(words.arguments) != 1:
            raise UsageError(
                f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="give the id that contain list shows"
            )
        act(words.arguments[0], root=options.get("root", ""))
        return 0

    return oci.guard(verb, options)
