"""`contain pause` and `contain resume`: all processes of a container stop, and go on."""

from __future__ import annotations

from contain.cli import oci

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

    def named(words: oci.Words) -> int:
        act(oci.one_id(words), root=options.get("root", ""))
        return 0

    return oci.verb(argv, options, usage, named)
