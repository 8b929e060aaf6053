"""`contain resume`: the processes of a paused container go on."""

from __future__ import annotations

from contain.cli.pause import with_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain resume ID

Lets the processes of container ID go on that `contain pause ID` suspended.

example: contain resume web"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Resumes."""
    from contain.container.freeze import resume

    return with_id(argv, global_options or {}, USAGE, resume)
