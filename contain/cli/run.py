"""`contain run`: makes the spec, plans it for this host, and becomes the launcher."""

from __future__ import annotations

import os
import sys

from contain.cli import arguments
from contain.container import cache
from contain.errors import ContainError, UsageError, printable
from contain.spec.options import Options, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from contain.spec.model import Spec

USAGE = "contain run [OPTION…] TARGET [-- COMMAND [ARGUMENT…]]\n       contain run [OPTION…] -- COMMAND [ARGUMENT…]"
INTRO = """\
Runs TARGET in a container and waits for its end. TARGET is a bundle (a folder with config.json), a rootfs folder, an
.aci file or an appc image manifest; without one the command runs in a safe view of this host."""
FOOTER = """\
examples:
  contain run -- make test                       a command of this host, which it cannot harm
  contain run rootfs -- sh -c 'id; mount'        in a root file system, with safe defaults
  contain run -it -v .:/work:ro -m 512m rootfs   interactive, a folder shown, memory limited
  contain run bundle                             a bundle: its config.json is obeyed
  contain run --volume ./data:db web.aci         an appc image, a folder at its mount point db

exit codes: the command's own, 128+N when signal N ended it, 124 after --timeout, 125 when contain failed, 126 when the
command cannot be executed, 127 when it is not found.

runc's contract, `contain run [-b BUNDLE] ID`, holds when --bundle or a global option is given, when the program is
called through a link named runc or crun, and when the only argument is no existing path and ./config.json exists; then
the exit codes are runc's (1 when contain failed)."""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Runs; returns only when there is nothing to launch."""
    journal = cache.begin()
    try:
        options = Options()
        words, own = arguments.scan(argv, options, {"--help": False})
    except ContainError as error:
        if any(word in {"-b", "--bundle"} or word.startswith("--bundle=") for word in argv):
            error.exit_code = 1
        raise
    if own:
        print(arguments.help_text(USAGE, INTRO, (("--help", "print this text"),), FOOTER))
        return 0
    contract = is_contract(words, options, global_options or {})
    try:
        before = global_options or {}
        with_spec(words, options, lambda spec: launch(spec, journal, before), contract=contract, options_before=before)
    except ContainError as error:
        if contract:
            error.exit_code = 1
        raise
    return 0


def with_spec(
    words: list[str], options: Options, use: Callable[[Spec], None], *, contract: bool, options_before: Mapping[str, str] | None = None
) -> None:
    """Calls `use` with the spec of a command line; when it comes back, what was unpacked for the spec is removed."""
    spec = read(words, options, contract=contract)
    before = options_before or {}
    if before:
        from contain.cli.oci import cgroup_manager
        from contain.container.create import use_manager
        from contain.state.layout import state_root

        spec.run.state_root = state_root(before["root"]) if before.get("root") else ""
        use_manager(spec, cgroup_manager(before))
    try:
        use(spec)
    finally:
        for folder in spec.run.temporary:
            from contain.spec.sources import archive

            archive.remove(folder)


def is_contract(words: list[str], options: Options, global_options: Mapping[str, str]) -> bool:
    """Whether runc's contract holds: `run [-b BUNDLE] ID`."""
    if "bundle" in options.values:
        return True
    if global_options:
        return list(global_options) != ["root"] or not options.command  # runc's ID has no command behind it
    alone = len(words) == 1 and not options.command and not os.path.lexists(options.absolute(words[0]))
    return alone and "/" not in words[0] and os.path.exists(options.absolute("config.json"))


def read(words: list[str], options: Options, *, contract: bool = False) -> Spec:
    """The checked spec of a command line."""
    from contain.spec import sources

    if contract:
        return _contract(words, options)
    if len(words) > 1:
        raise UsageError(
            f"more than one TARGET: {' '.join(words)}",
            place=place(words[1]),
            remedy=f"put -- before the command: contain run {words[0]} -- {' '.join(words[1:])}",
        )
    return _checked(sources.read(words[0] if words else "", options))


def _checked(spec: Spec) -> Spec:
    """The spec when it can be run; what was unpacked for one that cannot is removed."""
    from contain.spec import semantics

    try:
        semantics.require(spec)
    except ContainError:
        for folder in spec.run.temporary:
            from contain.spec.sources import archive

            archive.remove(folder)
        raise
    return spec


def _contract(words: list[str], options: Options) -> Spec:
    """As runc reads its command line."""
    from contain.spec import activation
    from contain.spec.apply.run import valid_id
    from contain.spec.sources import oci

    if len(words) != 1:
        raise UsageError(f"needs exactly one id, not {len(words)}", place="<command line>:ID", remedy="write contain run --bundle DIR ID")
    if not valid_id(words[0]):
        raise UsageError(f"invalid id {words[0]!r}", place="<command line>:ID", remedy="use letters, digits, _ + - and .")
    spec = oci.read(options.get("bundle", "."), options)
    spec.run.name, spec.run.runc = words[0], True
    activation.adopt(spec, os.environ, os.getpid())
    if "NOTIFY_SOCKET" in os.environ:
        from contain.container import notify

        notify.adopt(spec, os.environ)
    return _checked(spec)


def _notify(spec: Spec) -> None:
    """READY=1 of the program goes to whoever waits for ours (NOTIFY_SOCKET); detached, this process waits for it too."""
    from contain.container import notify
    from contain.state.layout import state_root

    target = os.environ.get(notify.VARIABLE, "")
    folder = notify.folder_of(spec.config) if target else ""
    if folder and spec.run.detach:
        notify.launch_and_wait(folder, target, state_root(spec.run.state_root), spec.run.name)
    elif folder:
        notify.leave_proxy(folder, target)


def launcher_words(before: Mapping[str, str]) -> list[str]:
    """What tells the launcher where to log a failure, as an engine asked."""
    if not before:
        return []
    from contain.cli import oci

    return oci.launcher_words(before)


def launch(spec: Spec, journal: cache.Journal | None = None, before: Mapping[str, str] | None = None) -> None:
    """Plans for this host and replaces this process by the launcher; with a journal the plan is kept for the next time."""
    from contain.host.probe import probe
    from contain.plan.compile import compile_run
    from contain.plan.encode import encode
    from contain.plan.wanted import wanted

    plan = compile_run(spec, probe(wanted(spec)))
    warn(spec, before or {})
    data = encode(plan)
    from contain.launcher import spawn

    explainer = [] if spec.run.runc else spawn.explainer()
    if journal is not None:
        cache.keep(journal, spec, data, spawn.argv(cache.PLAN_WORD, trace=spec.run.trace, explainer=explainer))
    sys.stdout.flush()
    if spec.run.runc and spec.run.temporary:
        _notify(spec)
    spawn.execute(data, trace=spec.run.trace, words=launcher_words(before or {}), explainer=explainer)


def warn(spec: Spec, before: Mapping[str, str]) -> None:
    """Prints the warnings, or logs them where an engine asked for a log; with --strict the first one is an error."""
    from contain.errors import HostError

    if spec.warnings and spec.run.strict:
        raise HostError(spec.warnings[0], remedy="drop --strict, or change what the manifest asks for")
    if before.get("log"):
        from contain.cli import oci

        for text in spec.warnings:
            oci.warner(before)(text)
        return
    for text in spec.warnings:
        print(f"contain: warning: {printable(text)}", file=sys.stderr)
