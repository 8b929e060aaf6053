"""Words that engines take for something else stand in no cause and no remedy of ours (Docker makes exit codes of them)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from contain.plan.generate import classes
from contain.plan.operations.security import SetExecLabel

TOP = Path(__file__).parent.parent.parent / "contain"
WORDS = re.compile(
    "permission denied|operation not permitted|is a directory|not a directory|executable file not found|no such file|does not exist",
    re.IGNORECASE,
)
#: Their errors never reach an engine.
ELSEWHERE = ("cli/lint", "linter", "diagnostics", "schema", "document", "testing", "lsp")


def texts(path: Path) -> list[str]:
    """The strings in a file's `cause=` and `remedy=`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg in {"cause", "remedy"}:
            found += [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return found


def test_remedies_of_operations() -> None:
    """Each operation's table."""
    assert [text for c in classes() for text in getattr(c, "remedies", {}).values() if WORDS.search(text)] == []


def test_remedies_of_errors() -> None:
    """Each error that Python raises."""
    files = [path for path in TOP.rglob("*.py") if not str(path.relative_to(TOP)).startswith(ELSEWHERE)]
    assert [(str(path), text) for path in files for text in texts(path) if WORDS.search(text)] == []


def test_labels_name_their_file() -> None:
    """Podman knows a label that was refused by the file in backquotes."""
    words = SetExecLabel(proc=1, module="AppArmor", file="exec", value="exec x").words()
    assert re.search("`/proc/[a-z0-9-].+/attr.*/exec`", words)
