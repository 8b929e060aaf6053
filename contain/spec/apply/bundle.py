"""Options of runc's contract."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec
    from contain.spec.options import Options


def contract(spec: Spec, options: Options) -> None:
    """What these say is taken as it is; --bundle itself was the target, --no-subreaper says nothing."""
    spec.run.detach = bool(options.get("detach"))
    spec.run.no_pivot = bool(options.get("no_pivot"))
    spec.run.no_new_keyring = bool(options.get("no_new_keyring"))
    if "console_socket" in options.values:
        spec.run.console_socket = options.absolute(options.get("console_socket"))
    if "pidfd_socket" in options.values:
        spec.run.pidfd_socket = options.absolute(options.get("pidfd_socket"))


HANDLERS = ((("bundle", "detach", "no_pivot", "no_new_keyring", "console_socket", "pidfd_socket"), contract),)
