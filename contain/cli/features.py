"""`contain features`: what this runtime supports, for engines."""

from __future__ import annotations

from contain import __version__
from contain.cli import oci
from contain.cli.output import json_text
from contain.container.features import features
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain features

Prints what this runtime supports as JSON (features.md of the runtime specification).

example: contain features"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Prints."""

    def printed(words: oci.Words) -> int:
        if words.arguments:
            raise UsageError(f"takes no argument: {words.arguments[0]}", remedy="contain features > features.json")
        print(json_text(features(__version__)))
        return 0

    return oci.verb(argv, global_options or {}, USAGE, printed)
