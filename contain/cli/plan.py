"""`contain plan`: what `contain run` would do, step by step, without doing it."""

from __future__ import annotations

import sys

from contain.cli import arguments, run
from contain.errors import UsageError
from contain.spec.options import Options, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from contain.host.model import Host
    from contain.spec.model import Spec

USAGE = "contain plan [OPTION…] TARGET [-- COMMAND [ARGUMENT…]]\n       contain plan [OPTION…] -- COMMAND [ARGUMENT…]"
INTRO = """\
Prints the operations that `contain run` with the same words would execute, by stage, each with the place in the manifest
(or the option) that it comes from. Nothing is changed, and root is not needed."""
#: of a saved host, in bytes
_SAVED_LIMIT = 1 << 24
#: stands for the id that was not given
ANYBODY = "container"
OWN = (
    ("--format FORMAT", "human or json [human]"),
    ("--host FILE", "plan for the machine saved in FILE, not for this one"),
    ("--save-host FILE", "write the facts about this machine that the plan rests on to FILE"),
    ("--help", "print this text"),
)
FOOTER = """\
examples:
  contain plan bundle                              the plan of a bundle
  contain plan --format json rootfs -- id          for programs
  contain plan --save-host here.json bundle        facts about this machine, for tests and bug reports
  contain plan --host here.json bundle             the same plan on another machine"""


def main(argv: list[str], global_options: Mapping[str, str] | None = None) -> int:
    """Prints a plan."""
    options = Options()
    words, own = arguments.scan(argv, options, {"--format": True, "--host": True, "--save-host": True, "--help": False})
    if "--help" in own:
        print(arguments.help_text(USAGE, INTRO, OWN, FOOTER))
        return 0
    if own.get("--format", "human") not in ("human", "json"):
        raise UsageError(
            f"{own['--format']!r} is not one of human, json", place=place("--format"), remedy="write --format human or --format json"
        )
    contract = run.is_contract(words, options, global_options or {})
    if contract and not words:
        words = [ANYBODY]  # `plan --bundle DIR`: the id changes nothing but names
    run.with_spec(words, options, lambda spec: _show(spec, own), contract=contract, options_before=global_options)
    return 0


def _show(spec: Spec, own: dict[str, str]) -> None:
    """Compiles and prints."""
    from contain.plan import explain
    from contain.plan.compile import compile_run

    plan = compile_run(spec, _host(spec, own))
    run.warn(spec, {})
    print(explain.json_text(plan) if own.get("--format") == "json" else explain.human(plan, colour=sys.stdout.isatty()))


def _host(spec: Spec, own: dict[str, str]) -> Host:
    """The facts: probed here, or as they were saved."""
    if "--host" in own:
        return _saved(own["--host"])
    from contain.host.probe import probe
    from contain.plan.wanted import wanted

    host = probe(wanted(spec))
    if "--save-host" in own:
        import json

        try:
            with open(own["--save-host"], "w", encoding="utf-8") as file:
                json.dump(host.to_json(), file, indent=1, sort_keys=True)
                file.write("\n")
        except OSError as problem:
            raise UsageError(
                f"cannot write {own['--save-host']}: {problem.strerror}",
                place=place("--save-host"),
                remedy="give a path that can be written",
            ) from None
    return host


def _saved(path: str) -> Host:
    import json

    from contain.host.model import Host
    from contain.kernel.files import read

    try:
        return Host.from_json(json.loads(read(path, limit=_SAVED_LIMIT)))
    except OSError as problem:
        raise UsageError(
            f"cannot read {path}: {problem.strerror}", place=place("--host"), remedy="contain plan --save-host FILE writes one"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        text = " ".join(str(problem).split())
        raise UsageError(
            f"{path} holds no facts about a host: {text}", place=place("--host"), remedy="contain plan --save-host FILE writes one"
        ) from None
