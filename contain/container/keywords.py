"""The options of a run as Python gives them: the same table as the command line's, with Python's own values."""

from __future__ import annotations

import os

from contain.errors import UsageError
from contain.spec.options import BY_KEYWORD, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.spec.options import Option

#: Names that people know from subprocess and docker beside the table's own.
ALIASES = {
    "cwd": "workdir",
    "volumes": "volume",
    "ulimits": "ulimit",
    "labels": "label",
    "sockets": "socket",
    "devices": "device",
    "mounts": "mount",
}


def table_options(given: dict[str, Any]) -> Options:
    """The table's options; UsageError names an unknown one with the nearest."""
    options = Options(cwd=os.getcwd())
    for name, value in given.items():
        row = BY_KEYWORD.get(ALIASES.get(name, name))
        if row is None:
            raise _unknown(name)
        if value is None:
            continue
        options.values[row.keyword] = _value(row, name, value)
        options.typed[row.keyword] = row.shown
    return options


def _value(row: Option, name: str, value: Any) -> Any:
    if row.kind == "flag":
        if not isinstance(value, bool):
            raise UsageError(f"{name}={value!r} is neither True nor False")
        return value
    if not row.repeat:
        return row.read(row.shown, _text(value))
    if isinstance(value, dict):
        value = [
            f"{_text(key)}{':' if row.keyword in {'volume', 'tmpfs'} and text else '='}{_text(text)}" if text != "" else _text(key)
            for key, text in value.items()
        ]
    rows = [value] if isinstance(value, (str, os.PathLike)) else list(value)
    return [row.read(row.shown, _text(one)) for one in rows]


def _text(value: Any) -> str:
    return os.fspath(value) if isinstance(value, (str, os.PathLike)) else str(value)


def _unknown(name: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(name, [*BY_KEYWORD, *ALIASES], 1, 0.6)
    return UsageError(f"unknown option {name}", remedy=f"did you mean {near[0]}?" if near else "see docs/options.md")
