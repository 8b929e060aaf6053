"""One line a finding: `file:line:column: ID severity: message (pointer)`."""

from __future__ import annotations

from contain.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contain.diagnostics.model import Diagnostic


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> str:  # noqa: ARG001  one signature for all formats
    """All findings."""
    return "".join(printable(f"{item}{f' ({item.pointer})' if item.pointer else ''}") + "\n" for item in diagnostics)


def fragment(file: str, items: Sequence[Diagnostic], text: str) -> str:
    """The findings of one file."""
    return render(items, {file: text})


def whole(fragments: Iterable[str]) -> str:
    """All files."""
    return "".join(fragments)
