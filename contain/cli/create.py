"""`contain create`: sets a bundle up to the point where only its program is missing, and leaves it waiting for `start`."""

from __future__ import annotations

from contain import paths
from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain create [--bundle DIR] [--pid-file FILE] [--console-socket PATH] [--pidfd-socket PATH] [--preserve-fds N]
                      [--no-pivot] [--no-new-keyring] ID

Creates the container ID from a bundle (by default the current folder). Its process waits until `contain start ID`.

  -b, --bundle DIR          the bundle
  --pid-file FILE           write the pid of its process to FILE
  --console-socket PATH     send the terminal's descriptor to this socket
  --pidfd-socket PATH       send a pidfd of its process to this socket
  --preserve-fds N          pass N further descriptors, from 3 on
  --no-pivot                MS_MOVE and chroot where pivot_root is impossible; less safe
  --no-mount-fallback       accepted and ignored: what cannot be mounted as asked is an error
  --no-new-keyring          keep the caller's session keyring

example: contain create --bundle /srv/web web && contain start web"""

OPTIONS = {
    "--bundle": True,
    "--pid-file": True,
    "--console-socket": True,
    "--pidfd-socket": True,
    "--preserve-fds": True,
    "--no-pivot": False,
    "--no-new-keyring": False,
    "--no-mount-fallback": False,
    "--help": False,
}


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Creates; returns only when that failed."""
    options = global_options or {}
    return oci.guard(lambda: _create(argv, options), options)


def _create(argv: list[str], options: Mapping[str, str]) -> int:
    words = oci.Words(argv, OPTIONS, {"-b": "--bundle", "-h": "--help"})
    if words.flag("--help"):
        print(USAGE)
        return 0
    if len(words.arguments) != 1:
        raise UsageError(
            f"needs exactly one id, not {len(words.arguments)}", place="<command line>:ID", remedy="contain create --bundle DIR ID"
        )
    from contain.container.create import create

    create(
        words.arguments[0],
        bundle=words.get("--bundle", "."),
        state_root=options.get("root", ""),
        launcher=oci.launcher_words(options),
        warn=oci.warner(options),
        cgroup_manager=oci.cgroup_manager(options),
        pid_file=paths.abspath(words.get("--pid-file")) if words.get("--pid-file") else "",
        console_socket=words.get("--console-socket"),
        pidfd_socket=words.get("--pidfd-socket"),
        preserve_fds=oci.count(words, "--preserve-fds"),
        no_pivot=words.flag("--no-pivot"),
        no_new_keyring=words.flag("--no-new-keyring"),
    )
    return 0
