"""`--add-allow`: the findings of today as entries of the configuration, to be mended one by one."""

from __future__ import annotations

import json
import os
from glob import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contain.diagnostics.model import Diagnostic


def entries(found: Iterable[Diagnostic], path: str) -> list[str]:
    """`[[lint.allow]]` entries, each once, as text to be added to a config file."""
    table = "tool.contain.lint.allow" if path.endswith("pyproject.toml") else "lint.allow"
    rows = dict.fromkeys((item.id, item.name, _glob(item.file, os.path.dirname(path)), item.key) for item in found)
    return [
        f'\n[[{table}]]\nrule = {_text(id)}  # {name}\npath = {_text(file)}\nat = {_text(key)}\nreason = "was there when lint came"\n'
        for id, name, file, key in rows
    ]


def _glob(file: str, folder: str) -> str:
    """The path as the config file in a folder calls it, as a glob that means it alone."""
    full, base = os.path.abspath(file), os.path.abspath(folder)
    name = full[len(base) :].lstrip("/") if full.startswith(base.rstrip("/") + "/") else file
    return escape(name)


def _text(value: str) -> str:
    # half surrogates (bytes of a name that are not UTF-8) cannot stand in the file; ? means any letter
    sound = "".join("?" if "\ud800" <= letter <= "\udfff" else letter for letter in value)
    return json.dumps(sound, ensure_ascii=False).replace("\x7f", "\\u007f")
