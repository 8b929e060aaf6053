"""What the tests of the plugin share."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@pytest.fixture
def suite(tmp_path: Path, top: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`suite(text)`: runs pytest on one file with the plugin loaded."""

    def run(text: str, *options: str, below: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text("import pytest\n" + text)
        environment = {**os.environ, "PYTHONPATH": top, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [
            *below,
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "contain.testing.plugin",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            *options,
            str(tmp_path),
        ]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=100, cwd=tmp_path)

    return run
