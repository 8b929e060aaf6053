"""All modules in one file: used when every stamp holds, and never otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Package:
    """A copy of the package, and interpreters that start as the front starts them, with a cache folder of the test's own."""

    def __init__(self, folder: Path, top: str) -> None:
        self.folder, self.cache = folder, folder / "cache"
        shutil.copytree(f"{top}/contain", folder / "contain", ignore=shutil.ignore_patterns("src", "__pycache__"))

    def run(self, code: str) -> str:
        """What an isolated interpreter prints; `modules` is imported, its folder is ours."""
        head = f"import sys; sys.path.append({str(self.folder)!r}); from contain import modules; modules.folder = lambda: {str(self.cache)!r}; "
        done = subprocess.run([sys.executable, "-I", "-S", "-c", head + code], capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    def loader(self) -> str:
        """Which kind of loader a module comes from after install()."""
        return self.run("modules.install(); import contain.cli.run as m; print(type(m.__spec__.loader).__name__, m.__file__, m.USAGE[:11])")


@pytest.fixture
def package(tmp_path: Path, top: str) -> Package:
    """With its file written by a first interpreter."""
    found = Package(tmp_path, top)
    found.run("import contain.cli.run; modules.keep()")
    return found


def test_second_interpreter_takes_all_from_the_file(package: Package) -> None:
    """The module knows its path, and does what it did."""
    assert package.loader() == f"Finder {package.folder}/contain/cli/run.py contain run"


def test_changed_module_is_loaded_as_ever(package: Package) -> None:
    """One stamp that does not hold is enough."""
    path = package.folder / "contain/cli/run.py"
    path.write_text(path.read_text().replace('USAGE = "contain run', 'USAGE = "changed run'))
    assert package.loader() == f"SourceFileLoader {path} changed run"


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_folder_of_others_is_not_trusted(package: Package, mode: int) -> None:
    """What stands there would run with our rights."""
    package.cache.chmod(mode)
    assert package.loader().startswith("SourceFileLoader")


def test_broken_file_is_no_error(package: Package) -> None:
    """Half a file, or none of ours."""
    (name,) = os.listdir(package.cache)
    data = (package.cache / name).read_bytes()
    for broken in (data[: len(data) // 2], b"", b"\0" * 100):
        (package.cache / name).write_bytes(broken)
        assert package.loader().startswith("SourceFileLoader")
    (package.cache / name).write_bytes(data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2))
    assert package.loader() == f"Finder {package.folder}/contain/cli/run.py contain run"
