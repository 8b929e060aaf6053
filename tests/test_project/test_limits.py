"""No file and no function grows past what one look can hold."""

from __future__ import annotations

import ast
import os
import re
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_LINES = 400
PYTHON_FUNCTION_LINES = 60
C_FUNCTION_LINES = 80
#: generated, or data: nobody reads them from top to end
GENERATED = re.compile(
    r"\.gen\.|contain/\w+/generated/|seccomp/generated/|contain/schema/types\.py|plan/kinds\.py|diagnostics/table\.py|/rules_data\.py"
)


def sources(*endings: str) -> list[str]:
    """Source files of the work tree, generated ones left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    return sorted({name for name in listed if name.endswith(endings) and not GENERATED.search(name) and os.path.exists(f"{TOP}/{name}")})


def lines(name: str) -> list[str]:
    """The lines of a file of the work tree."""
    with open(f"{TOP}/{name}", encoding="utf-8") as file:
        return file.read().splitlines()


def report(long: list[str]) -> None:
    """Fails with the list."""
    if long:
        pytest.fail("wants to be two:\n  " + "\n  ".join(long), pytrace=False)


def test_files_are_short() -> None:
    """A file has at most 400 lines; one whose first line gives a reason (`long because …`) may have more."""
    report(
        [
            f"{name}: {len(text)} lines"
            for name in sources(".py", ".c", ".h")
            if len(text := lines(name)) > FILE_LINES and "long because" not in text[0]
        ]
    )


def test_python_functions_are_short() -> None:
    """A function has at most 60 lines."""
    report(
        [
            f"{name}:{node.lineno}: {node.name}: {size} lines"
            for name in sources(".py")
            for node in ast.walk(ast.parse("\n".join(lines(name))))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > PYTHON_FUNCTION_LINES
        ]
    )


def test_c_functions_are_short() -> None:
    """A C function has at most 80 lines, from its name to the closing brace in the first column."""
    long = []
    for name in sources(".c"):
        start, title = 0, ""
        for number, line in enumerate(lines(name), 1):
            if line == "}" and start:
                if number - start >= C_FUNCTION_LINES:
                    long.append(f"{name}:{start}: {title}: {number - start + 1} lines")
                start = 0
            elif line[:1].isalpha() and "(" in line:
                start, title = number, line.split("(")[0].split()[-1]
            elif line[:1].isalpha():
                start = 0
    report(long)
