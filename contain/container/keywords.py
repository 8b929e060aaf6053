"""The options of a run as Python gives them: the same table as the command line's, with Python's own values."""

from __future__ import annotations

import os

from contain.container.job import listed, numbered
from contain.errors import HostError, UsageError
from contain.spec.options import Options, option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.spec.model import Spec
    from contain.spec.options import Option


#: what subprocess calls otherwise
ELSEWHERE = {
    "shell": 'write ["sh", "-c", TEXT]',
    "universal_newlines": "write text=True",
    "close_fds": "that is so; pass_fds= names those that stay open",
    "preexec_fn": 'nothing of yours runs inside: write ["sh", "-c", "…; exec program"]',
}


def table_options(given: dict[str, Any]) -> Options:
    """The table's options; UsageError names an unknown one with the nearest."""
    options = Options()
    for name, value in given.items():
        row = _row_of(name)
        if value is None:
            continue
        if row.instead:
            raise UsageError(f"{name} is not for the library", remedy=f"use {row.instead}")
        if row.keyword in options.values:
            raise UsageError(f"{row.also} and {row.keyword} are one option", remedy="give one of them")
        options.values[row.keyword] = _value(row, name, value)
        options.typed[row.keyword] = row.shown
    return options


def aliases() -> dict[str, str]:
    """Names that people know from subprocess and docker beside the table's own, and what they are here."""
    from contain.spec.options import OPTIONS

    return {row.also: row.keyword for row in OPTIONS if row.also}


def _row_of(name: str) -> Option:
    try:
        return option(name)
    except KeyError:
        pass
    known = aliases()
    if name not in known:
        raise _unknown(name)
    return option(known[name])


def _value(row: Option, name: str, value: Any) -> Any:
    if row.kind == "flag":
        if not isinstance(value, bool):
            raise UsageError(f"{name}={value!r} is neither True nor False")
        return value
    if not row.repeat:
        return row.read(row.shown, _text(name, numbered(value)))
    if isinstance(value, dict):
        value = [_row(row.keyword, name, _text(name, key), text) for key, text in value.items()]
    rows = [value] if isinstance(value, (str, os.PathLike)) else listed(name, value)
    return [row.read(row.shown, _text(name, one)) for one in rows]


def _row(keyword: str, name: str, key: str, value: Any) -> str:
    """An entry of a mapping as it is typed."""
    if value is None and keyword == "env":  # as typed it would pass the caller's
        raise UsageError(f"{name}: {key} is None", remedy="leave it out, or give a text")
    if keyword == "tmpfs" and value not in {None, ""}:
        from contain.spec import values

        try:
            value = f"size={values.size(_text(name, value))}"
        except ValueError:  # options in words
            pass
    if value in {None, ""} and keyword != "env":
        return key
    return f"{key}{':' if keyword in {'volume', 'tmpfs'} else '='}{_text(name, value)}"


def _text(name: str, value: Any) -> str:
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        raise UsageError(f"{name}: {value!r} is neither a text nor a number", remedy="docs/options.md shows how its values are written")
    return str(found)


def _unknown(name: str) -> UsageError:
    from difflib import get_close_matches

    from contain.spec.options import BY_KEYWORD

    if name in ELSEWHERE:
        return UsageError(f"unknown option {name}", remedy=ELSEWHERE[name])
    near = get_close_matches(name, [*BY_KEYWORD, *aliases()], 1, 0.6)
    return UsageError(f"unknown option {name}", remedy=f"did you mean {near[0]}?" if near else "see docs/options.md")


def clean(options: dict[str, Any], kind: str) -> dict[str, Any]:
    """The options for the table."""
    found = {name: value for name, value in options.items() if name != "keep"}
    if options.get("keep") and kind not in {"rootfs", "image"}:
        raise UsageError("keep is for a rootfs or an image", remedy="show a writable folder: volume=['/data:/data'], or workspace='rw'")
    return found


def is_thrown_away(options: dict[str, Any], kind: str) -> bool:
    """Whether what a run writes into the root goes with it, though no option says so."""
    return kind in {"rootfs", "image"} and not options.get("keep") and not options.get("read_only") and options.get("overlay") is None


def plain(name: str, value: Any) -> dict[str, Any]:
    """The caller's mapping, which may change it afterwards."""
    from contain.document import value as values

    if name != "spec" or not hasattr(value, "keys"):
        raise UsageError(f"{name} is a path{' or a mapping' if name == 'spec' else ''}, not {type(value).__name__}")
    found = values.of(value, "")
    return dict(value) if found.problems else dict(found.value)  # type: ignore[call-overload]  # with a problem it is refused in a moment


def obey_strict(spec: Spec) -> None:
    """With `strict` a warning is an error."""
    if spec.warnings and spec.run.strict:
        raise HostError(spec.warnings[0])
