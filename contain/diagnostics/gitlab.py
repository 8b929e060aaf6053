"""GitLab's code quality report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.diagnostics.fingerprint import fingerprint, path
from contain.diagnostics.json import pieces, whole_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic

_SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:
    """All findings."""
    return whole([fragment("", diagnostics, next(iter(texts.values()), ""))])


def fragment(_: str, items: Sequence[Diagnostic], __: str) -> list[dict[str, Any]]:
    """The findings of one file."""
    rows, taken = [], set()
    for item in items:
        salt = 0
        while (mark := fingerprint(item, salt)) in taken:
            salt += 1
        taken.add(mark)
        rows.append(
            {
                "description": whole_letters(f"{item.id} {item.message}"),
                "check_name": item.name,
                "fingerprint": mark,
                "severity": "critical" if item.severity == "error" and item.blocking else _SEVERITIES[item.severity],
                "location": {"path": whole_letters(path(item.file)), "lines": {"begin": item.position.line if item.position else 1}},
            }
        )
    return rows


def whole(fragments: Iterable[list[dict[str, Any]]]) -> str:
    """All files."""
    return "".join(pieces(fragments))
