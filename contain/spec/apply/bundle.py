"""Options of runc's contract."""

from __future__ import annotations

from contain.errors import UsageError
from contain.spec.options import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec
    from contain.spec.options import Options


def contract(spec: Spec, options: Options) -> None:
    """What these say is taken as it is; --bundle itself was the target, --no-subreaper says nothing."""
    spec.run.detach = bool(options.get("detach"))
    for keyword in ("timeout", "cpu_time", "die_with_parent", "rm") if spec.run.detach else ():
        if options.values.get(keyword):
            raise UsageError(
                "nobody stays to watch a detached container",
                place=place(options.name(keyword)),
                remedy="leave it out, and remove the container with contain rm" if keyword == "rm" else "drop --detach, or the option",
            )
    spec.run.no_pivot = bool(options.get("no_pivot"))
    spec.run.no_new_keyring = bool(options.get("no_new_keyring"))
    if "console_socket" in options.values:
        spec.run.console_socket = options.absolute(options.get("console_socket"))
    if "pidfd_socket" in options.values:
        spec.run.pidfd_socket = options.absolute(options.get("pidfd_socket"))


HANDLERS = ((("bundle", "detach", "no_pivot", "no_new_keyring", "console_socket", "pidfd_socket"), contract),)
