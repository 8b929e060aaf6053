"""Options about the run itself: its name, its traces, how strictly it is taken."""

from __future__ import annotations

from contain.errors import UsageError
from contain.spec.options import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec
    from contain.spec.options import Options

_NAME_LIMIT = 1024


def valid_id(name: str) -> bool:
    """Whether a name can be a container's id: runc's rule."""
    plain = name.replace("_", "a").replace("+", "a").replace("-", "a").replace(".", "a")
    return bool(name) and len(name) <= _NAME_LIMIT and plain.isascii() and plain.isalnum() and name not in (".", "..")


def name(spec: Spec, options: Options) -> None:
    """--name."""
    given = options.get("name")
    if not valid_id(given):
        raise UsageError(f"{given!r} cannot be a name", place=place(options.name("name")), remedy="use letters, digits, _ + - and .")
    spec.run.name = given


def label(spec: Spec, options: Options) -> None:
    """--label KEY[=VALUE]."""
    for text in options.get("label"):
        key, _, value = text.partition("=")
        if not key:
            raise UsageError(f"{text!r} has no key before =", place=place(options.name("label")), remedy="write KEY=VALUE")
        spec.run.labels[key] = value


def plain(spec: Spec, options: Options) -> None:
    """Flags and lists that are taken as they are."""
    for keyword in ("die_with_parent", "strict", "trace", "allow_missing"):
        if keyword in options.values:
            setattr(spec.run, keyword, options.get(keyword))
    if "rm" in options.values:
        spec.run.rm = options.get("rm")
        spec.run.keep = not spec.run.rm
    if "pid_file" in options.values:
        spec.run.pid_file = options.absolute(options.get("pid_file"))


HANDLERS = (
    (("name",), name),
    (("label",), label),
    (("rm", "pid_file", "die_with_parent", "strict", "allow_missing", "trace"), plain),
)
