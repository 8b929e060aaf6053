"""Generated files are what their generators write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def generators() -> list[str]:
    """Every module named generate."""
    found = [f"{folder}/generate.py" for folder, _, names in os.walk(f"{TOP}/contain") if "generate.py" in names]
    return sorted(os.path.relpath(path, TOP)[:-3].replace("/", ".") for path in found)


def contents(folder: str) -> dict[str, bytes]:
    """Path → bytes of every file but caches and builds."""
    found = {}
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(where, name)
            if not os.path.islink(path) and name != "contain-launcher":
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


@pytest.mark.parametrize("module", generators())
def test_generated_files_are_fresh(module: str, tmp_path) -> None:
    """Running the generator on a copy of the tree changes nothing."""
    for folder in ("contain", "specs", "docs"):
        if os.path.isdir(f"{TOP}/{folder}"):
            shutil.copytree(f"{TOP}/{folder}", f"{tmp_path}/{folder}", ignore=shutil.ignore_patterns("__pycache__"))
    before = contents(f"{tmp_path}")
    result = subprocess.run(
        [sys.executable, "-m", module], cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""}
    )
    assert result.returncode == 0, result.stderr
    after = contents(f"{tmp_path}")

    assert sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)) == []
