"""Engines look for these words anywhere in what we say and draw their conclusions: so no prose of ours has them, only what is about them."""

from __future__ import annotations

import ast
import glob
import os

from tests.conftest import TOP

#: containerd: gone; had ended already. Docker: exit code 126 or 127. Podman: the class of an error. Of any case.
WORDS = (
    "does not exist",
    "no such process",
    "already finished",
    "container not running",
    "permission denied",
    "operation not permitted",
    "is a directory",
    "not a directory",
    "executable file not found",
    "no such file or directory",
    "open executable",
)
#: where they are meant
MEANT = {
    ("contain/state/store.py", "container does not exist: "),
    ("contain/container/lifecycle.py", "container not running"),
    ("contain/container/update.py", "container not running"),
    ("contain/container/freeze.py", "container not running"),
}


def strings(path: str) -> list[str]:
    """All texts of a module but docstrings."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        node.body[0].value for node in ast.walk(tree) if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs]


def test_no_cause_or_remedy_has_them() -> None:
    """Usage texts are no errors; everything else may reach an engine."""
    found = set()
    for path in glob.glob(f"{TOP}/contain/**/*.py", recursive=True):
        name = os.path.relpath(path, TOP)
        for text in strings(path):
            if any(words in text.lower() for words in WORDS) and not text.startswith("usage: "):
                found.add((name, text))
    assert found - MEANT == set()
    assert MEANT - found == set()
