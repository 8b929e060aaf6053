"""The one layout of specs/: what fits on a line stands on one line."""

from __future__ import annotations

import json
from typing import Any

_WIDTH = 140


def pretty(value: Any) -> str:
    """JSON text of a schema."""
    return _lay(value, "", 0) + "\n"


def _lay(value: Any, indent: str, taken: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or len(flat) + len(indent) + taken <= _WIDTH:
        return flat
    inner = indent + "  "
    if isinstance(value, list):
        rows = [inner + _lay(item, inner, 0) for item in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    rows = []
    for name, child in value.items():
        key = json.dumps(name, ensure_ascii=False) + ": "
        rows.append(inner + key + _lay(child, inner, len(key) + 1))
    return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
