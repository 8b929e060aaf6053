"""The Python that pages show is run.

The blocks of one page one after the other, in one namespace; those marked `test` by pytest, with the plugin; those marked `unittest` by that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BLOCK = re.compile(r"^```python([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ["library", "testing", "untrusted"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def blocks(page: str) -> list[tuple[str, str]]:
    """(word, text) of each."""
    with open(f"{TOP}/docs/{page}.md", encoding="utf-8") as file:
        return [(match[1].strip(), match[2]) for match in BLOCK.finditer(file.read())]


def run(folder: Path, *words: str) -> None:
    """One program of Python in a folder that has `rootfs`."""
    env = {**os.environ, "PYTHONPATH": TOP, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page(page: str, tmp_path: Path, busybox: str) -> None:
    """It does what the page says."""
    os.symlink(busybox, tmp_path / "rootfs")
    found = blocks(page)
    assert found
    plain = "".join(text for word, text in found if word == "")
    (tmp_path / "page.py").write_text(plain)
    run(tmp_path, "page.py")
    for number, (word, text) in enumerate(found):
        compile(text, f"{page}.md", "exec")
        name = f"test_{number}.py"
        if word == "test":
            (tmp_path / name).write_text(text)
            run(tmp_path, "-m", "pytest", "-q", "-p", "contain.testing.plugin", "-p", "no:cacheprovider", "--rootdir", ".", name)
        elif word == "unittest":
            (tmp_path / name).write_text(f"import contain, unittest\n{text}")
            run(tmp_path, "-m", "unittest", "-q", name.removesuffix(".py"))
