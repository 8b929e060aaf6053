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


def test_verb_makes_at_once_what_it_needed_before(package: Package) -> None:
    """The second run notes the order, the third makes all of it: no module is imported one by one."""
    run = "sys.argv = ['contain', 'run']; modules.install(['--root', '/x', 'run']); done = [f for f in sys.meta_path if type(f).__name__ == 'Finder'][0].done; "
    first = package.run(run + "print(len(done)); import contain.cli.run; modules.keep()")
    again = package.run(
        run + "made = len(done); import contain.cli.run as m; print(made, len(done) - made, m.USAGE[:11], m.__spec__.name, m.__package__)"
    )
    made, more, *words = again.split(maxsplit=3)
    assert first == "0"
    assert int(made) > 5
    assert int(more) == 0
    assert " ".join(words).startswith("contain run contain.cli.run contain.cli")


def test_one_changed_module_leaves_all_to_import(package: Package) -> None:
    """And the list is made anew, so that the run after the next is quick again."""
    run = "sys.argv = ['contain', 'run']; modules.install(['run']); f = [f for f in sys.meta_path if type(f).__name__ == 'Finder'][0]; made = len(f.done); import contain.cli.run as m; modules.keep(); print(made, m.USAGE[:11])"
    assert package.run(run).startswith("0 ")
    assert not package.run(run).startswith("0 ")
    path = package.folder / "contain/cli/run.py"
    path.write_text(path.read_text().replace('USAGE = "contain run', 'USAGE = "changed run'))
    assert package.run(run) == "0 changed run"
    assert package.run(run) == "0 changed run"
    assert not package.run(run).startswith("0 ")


def test_module_that_fails_is_told_by_import(package: Package) -> None:
    """What is made at once and fails is imported as ever: with a traceback that names the file."""
    run = "sys.argv = ['contain', 'run']; modules.install(['run']); import contain.cli.run as m; modules.keep(); print(m.__spec__.loader.__class__.__name__)"
    package.run(run)
    package.run(run)
    broken = "import builtins; real = builtins.exec; builtins.exec = lambda code, space: 1 / 0 if space['__name__'] == 'contain.cli.run' and not sys.modules.get('retried') and not sys.modules.update(retried=1) else real(code, space); "
    assert package.run(broken + run) == "Finder"


def test_files_of_packages_that_are_gone_go(package: Package, tmp_path: Path, top: str) -> None:
    """A virtual environment that was removed leaves none of its code."""
    other = tmp_path / "other"
    other.mkdir()
    second = Package(other, top)
    second.cache = package.cache
    second.run("import contain.cli.run; modules.keep()")
    assert len(os.listdir(package.cache)) == 2
    shutil.rmtree(other)
    package.run("modules.install(); import contain.cli.create; modules.keep()")
    (left,) = os.listdir(package.cache)
    assert "other" not in left
