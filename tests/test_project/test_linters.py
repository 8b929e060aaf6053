"""The linters, as tests: one command is the whole gate."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tool(name: str) -> str:
    """The path of a linter, the environment's own before the machine's."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    path = beside if os.path.exists(beside) else shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def quiet(*command: str) -> None:
    """Runs a linter from the top; its words are the failure."""
    result = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command[:4])}\n{result.stdout}{result.stderr}", pytrace=False)


def tracked(*patterns: str) -> list[str]:
    """Files that git knows, by pattern."""
    result = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=TOP, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip("not a git work tree")
    return [name for name in result.stdout.split("\0") if name and os.path.exists(os.path.join(TOP, name))]


def test_ruff_check() -> None:
    """All rules of ruff hold, but those excepted with a reason in pyproject.toml."""
    quiet(tool("ruff"), "check", "--no-cache", "--output-format=concise", ".")


def test_ruff_format() -> None:
    """Python is formatted."""
    quiet(tool("ruff"), "format", "--no-cache", "--check", ".")


def test_mypy() -> None:
    """The package passes mypy --strict, and the library's types are what a user of it reads."""
    quiet(tool("mypy"), "--no-error-summary")
    quiet(tool("mypy"), "--no-error-summary", "tests/container/test_types.py")


def test_layers() -> None:
    """Nothing imports what lies above it; no module is outside the layers."""
    quiet(tool("lint-imports"), "--no-cache")


def test_clang_format() -> None:
    """C is formatted."""
    sources = [name for name in tracked("*.c", "*.h") if ".gen." not in name]
    if not sources:
        pytest.skip("no C yet")
    quiet(tool("clang-format"), "--dry-run", "-Werror", *sources)


@pytest.mark.slow
@pytest.mark.timeout(900)  # of all sources: a minute on an idle machine
def test_clang_tidy() -> None:
    """clang-tidy finds no fault in C."""
    sources = tracked("contain/launcher/src/*.c")
    quiet(
        tool("clang-tidy"),
        "-quiet",
        *(name for name in sources if ".gen." not in name),
        "--",
        "-std=gnu17",
        "-D_GNU_SOURCE",
        "-Icontain/launcher/src",
    )


def test_shell_scripts_parse() -> None:
    """Scripts without an ending parse as bash."""
    for name in [".ci/run", ".ci/packages", ".ci/venv", ".ci/legs", *tracked("rootfs/*", "tests/guest/run", "docs/lab/show")]:
        with open(os.path.join(TOP, name), "rb") as file:
            if file.readline().rstrip().endswith(b"bash"):
                quiet("bash", "-n", name)
