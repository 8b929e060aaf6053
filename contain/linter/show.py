"""What is told about the rules themselves: the list, and the page of one."""

from __future__ import annotations

from contain.diagnostics.table import PREVIEW, RULES
from contain.errors import UsageError
from contain.linter import settings


def listing() -> str:
    """A line for each rule."""
    rows = [f"{id}  {row[1]:<7}  {row[0]}{'  (preview)' if id in PREVIEW else ''}\n" for id, row in RULES.items()]
    return "".join(rows)


def explained(text: str) -> str:
    """The page of a rule, by id or name."""
    from contain.linter.generate import text as rendered
    from contain.linter.registry import pages

    id = settings.resolve(text if text in {row[0] for row in RULES.values()} else text.upper(), "<command line>")
    found = pages()
    if id not in found:
        raise UsageError(f"{text} is a family: contain lint --list-rules shows its rules", place="<command line>")
    return rendered(found[id])
