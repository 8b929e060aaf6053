"""`contain exec`: runs a further process in a running container."""

from __future__ import annotations

from contain.cli import oci
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: contain exec [OPTION…] ID COMMAND [ARGUMENT…]
       contain exec [OPTION…] --process FILE ID

Runs COMMAND in the running container ID and waits for it; exits with its code, or 255 when it could not be executed.

  -d, --detach              do not wait for it
  -t, --tty                 give it a terminal of its own
  -e, --env NAME=VALUE      set an environment variable (repeatable)
  --cwd DIR                 working folder inside the container
  -u, --user UID[:GID]      run as this user; by name too
  -g, --additional-gids N   a supplementary group (repeatable)
  -c, --cap NAME            add a capability (repeatable)
  --no-new-privs            set no_new_privs
  --apparmor PROFILE        AppArmor profile
  --process-label LABEL     SELinux label
  --cgroup [CONTROLLERS:]PATH   a cgroup below the container's; on cgroup v1 only of these controllers (repeatable)
  -p, --process FILE        the whole process object of the runtime-spec
  --pid-file FILE           write its pid to FILE
  --console-socket PATH     send the terminal's descriptor to this socket
  --pidfd-socket PATH       send a pidfd of its process to this socket
  --preserve-fds N          pass N further descriptors, from 3 on
  --ignore-paused           wait in a paused container instead of refusing

example: contain exec -t web sh"""

OPTIONS = {
    "--detach": False,
    "--tty": False,
    "--env": True,
    "--cwd": True,
    "--user": True,
    "--additional-gids": True,
    "--cap": True,
    "--no-new-privs": False,
    "--apparmor": True,
    "--process-label": True,
    "--cgroup": True,
    "--process": True,
    "--pid-file": True,
    "--console-socket": True,
    "--pidfd-socket": True,
    "--preserve-fds": True,
    "--ignore-paused": False,
    "--no-subreaper": False,
    "--help": False,
}
SHORT = {
    "-d": "--detach",
    "-t": "--tty",
    "-e": "--env",
    "-u": "--user",
    "-g": "--additional-gids",
    "-c": "--cap",
    "-p": "--process",
    "-h": "--help",
}


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Executes; returns only when that failed: with 255, or as in runc with 1 when the words make no sense."""
    options = global_options or {}
    try:
        words = _words(argv)
    except UsageError as error:
        oci.report(error, options)
        return 1
    if words.flag("--help"):
        print(USAGE)
        return 0
    return oci.guard(lambda: _exec(words, options), options, 255)


def _words(argv: list[str]) -> oci.Words:
    words = oci.Words(argv, OPTIONS, SHORT)
    for name, least in (("--preserve-fds", 0), ("--additional-gids", 1)):  # a negative group runc finds out later
        for text in words.all(name):
            oci.number(text[least:] if text[:least] == "-" else text, name)
    if not words.arguments and not words.flag("--help"):
        raise UsageError("needs an id", place="<command line>:ID", remedy="contain exec ID COMMAND [ARGUMENT…]")
    return words


def _exec(words: oci.Words, options: Mapping[str, str]) -> int:
    from contain.container.exec import Request, execute

    arguments = words.arguments[1:]
    request = Request(
        args=arguments[1:] if arguments[:1] == ["--"] else arguments,
        apparmor=words.get("--apparmor"),
        cap=words.all("--cap"),
        cgroup=words.all("--cgroup"),
        console_socket=words.get("--console-socket"),
        cwd=words.get("--cwd"),
        detach=words.flag("--detach"),
        env=words.all("--env"),
        gids=[oci.number(text, "--additional-gids") for text in words.all("--additional-gids")],
        ignore_paused=words.flag("--ignore-paused"),
        no_new_privs=words.flag("--no-new-privs"),
        pid_file=words.get("--pid-file"),
        pidfd_socket=words.get("--pidfd-socket"),
        preserve_fds=oci.count(words, "--preserve-fds"),
        process=words.get("--process"),
        process_label=words.get("--process-label"),
        tty=words.flag("--tty"),
        user=words.get("--user"),
    )
    execute(words.arguments[0], request, options, oci.warner(options), oci.launcher_words(options))
    return 0
