"""`--add-allow`: the findings of today as entries of the configuration, to be mended one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contain.diagnostics.model import Diagnostic


def entries(found: Iterable[Diagnostic], path: str) -> str:
    """`[[lint.allow]]` entries, each once, as text to be added to a config file."""
    table = "tool.contain.lint.allow" if path.endswith("pyproject.toml") else "lint.allow"
    rows = dict.fromkeys((item.id, item.name, item.file, item.key) for item in found)
    return "".join(
        f'\n[[{table}]]\nrule = {_text(id)}  # {name}\npath = {_text(file)}\nat = {_text(key)}\nreason = "was there when lint came"\n'
        for id, name, file, key in rows
    )


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
