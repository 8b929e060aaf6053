"""A verb's modules in one file: run from it when every stamp holds, and never otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

from contain.packed.read import TAIL, WORD
from tests.installed import installed
from tests.interpreter import for_everybody

if TYPE_CHECKING:
    from collections.abc import Iterator

#: an ordinary user, whose cache lies where XDG_RUNTIME_DIR says
NOBODY = 65534


class Installation:
    """`contain` installed in a folder of its own, run by a user with a cache of his own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.program = installed(f"{folder}/venv")
        self.cache = f"{folder}/run/contain-plans"
        os.makedirs(self.cache)
        self.user = NOBODY if os.getuid() == 0 else os.getuid()
        subprocess.run(["chmod", "a+rx", folder], check=True)
        for path in (f"{folder}/run", self.cache):
            os.chmod(path, 0o700)
            os.chown(path, self.user, -1)

    def run(self, *words: str, **variables: str) -> str:
        """What it prints, on both streams."""
        environment = {"PATH": f"{os.path.dirname(for_everybody())}:/usr/bin:/bin", "XDG_RUNTIME_DIR": f"{self.folder}/run", **variables}
        done = subprocess.run(
            [self.program, *words],
            env=environment,
            user=self.user,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        return done.stdout

    def module(self, name: str) -> str:
        """The path of one of its modules."""
        (site,) = os.listdir(f"{self.folder}/venv/lib")
        return f"{self.folder}/venv/lib/{site}/site-packages/contain/{name}.py"

    def rewrite(self, name: str, old: str, new: str) -> None:
        """Changes the text of a module."""
        with open(self.module(name)) as file:
            text = file.read()
        assert old in text
        with open(self.module(name), "w") as file:
            file.write(text.replace(old, new))

    def mark_entry(self) -> None:
        """From now on whoever starts without a pack says so first."""
        self.rewrite("__main__", "import sys\n", 'import sys\n\nprint("unpacked", flush=True)\n')

    def another(self) -> str:
        """The same interpreter in a file of its own."""
        program = os.path.realpath(for_everybody())
        os.makedirs(f"{self.folder}/other/bin")
        os.symlink(f"{os.path.dirname(program)}/../lib", f"{self.folder}/other/lib")
        copy: str = shutil.copy(program, f"{self.folder}/other/bin")
        subprocess.run(["chmod", "-R", "a+rX", f"{self.folder}/other"], check=True)
        return copy

    def packs(self) -> list[str]:
        """The files in the cache."""
        return sorted(os.listdir(self.cache))


@pytest.fixture
def installation() -> Iterator[Installation]:
    """Where everybody may look."""
    folder = tempfile.mkdtemp(prefix="contain-packed-", dir="/tmp")
    try:
        yield Installation(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def packed(installation: Installation) -> Installation:
    """With a pack of `list`, made by a first run, and a mark on the ordinary way in."""
    installation.run("list")
    assert [name.partition("-3.")[0] for name in installation.packs()] == [".pack-list"]
    installation.mark_entry()
    return installation


def test_second_run_is_by_the_pack(packed: Installation) -> None:
    """And says what it would say without."""
    assert packed.run("list") == packed.run("list", CONTAIN_CACHE="0").replace("unpacked\n", "")
    assert "unpacked" not in packed.run("list")


def test_functions_that_no_run_called_are_there(packed: Installation) -> None:
    """Words of another kind, an error, and the help come from functions that stand aside in the pack."""
    for words in (("list", "-f", "json"), ("list", "--nonsense"), ("list", "--help"), ("list", "-f", "nonsense")):
        found = packed.run(*words)
        assert found
        assert "unpacked" not in found
        assert found == packed.run(*words, CONTAIN_CACHE="0").replace("unpacked\n", "")


def test_changed_module_is_loaded_as_ever(packed: Installation) -> None:
    """One stamp that does not hold is enough, and the next run has a new pack."""
    packed.rewrite("cli/list", "usage: contain list", "usage: changed list")
    first, second = packed.run("list", "--help"), packed.run("list", "--help")
    assert first.startswith("unpacked\nusage: changed list")
    assert second.startswith("usage: changed list")


def test_verb_without_a_pack_runs_as_ever(packed: Installation) -> None:
    """Each has its own."""
    assert packed.run("features").startswith("unpacked")
    assert packed.run("features").startswith("{")
    assert len(packed.packs()) == 2


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_folder_of_others_is_not_trusted(packed: Installation, mode: int) -> None:
    """What stands there would run with our rights."""
    os.chmod(packed.cache, mode)
    assert packed.run("list").startswith("unpacked")


@pytest.mark.parametrize("damage", ["half", "empty", "zeros", "rows", "link"])
def test_broken_pack_is_no_error(packed: Installation, damage: str) -> None:
    """Half a file, one of zeros, one whose rows are none, a link: the run is as ever."""
    (name,) = packed.packs()
    path = f"{packed.cache}/{name}"
    with open(path, "rb") as file:
        data = file.read()
    start = int.from_bytes(data[-TAIL:][24:32], "little")
    broken = {
        "half": data[: len(data) // 2],
        "empty": b"",
        "zeros": bytes(len(data)),
        "rows": data[:start] + bytes(1000) + data[start + 1000 :],
        "link": data,
    }[damage]
    assert data.endswith(WORD)
    if damage == "link":
        os.rename(path, f"{packed.cache}/elsewhere")
        os.symlink("elsewhere", path)
    else:
        with open(path, "wb") as file:
            file.write(broken)
    assert packed.run("list").startswith("unpacked")


def test_another_interpreter_has_none_of_it(packed: Installation) -> None:
    """The code of one Python is none of another's."""
    link = f"{packed.folder}/venv/bin/python3"
    os.unlink(link)
    os.symlink(packed.another(), link)
    assert packed.run("list").startswith("unpacked")
    assert "unpacked" not in packed.run("list")


def test_pack_that_is_gone_by_then(packed: Installation) -> None:
    """The interpreter has it open: it may be removed or replaced while that starts."""
    (name,) = packed.packs()
    with open(f"{packed.cache}/{name}", "rb") as pack:
        os.unlink(f"{packed.cache}/{name}")
        done = subprocess.run(
            [for_everybody(), "-I", "-S", f"/proc/self/fd/{pack.fileno()}", packed.module("__main__"), "contain", "list", "--help"],
            pass_fds=[pack.fileno()],
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
    assert done.stdout.startswith("usage: contain list")


def test_pack_that_lacks_much_is_made_anew(packed: Installation) -> None:
    """It has then what both kinds of runs need."""
    (name,) = packed.packs()
    packed.rewrite("packed/read", "COLD = 24", "COLD = 0")
    assert packed.run("list").startswith("unpacked")  # a changed module

    def made(*words: str) -> bool:
        """Whether this run makes the pack anew."""
        before = os.stat(f"{packed.cache}/{name}").st_mtime_ns
        assert "unpacked" not in packed.run(*words)
        return os.stat(f"{packed.cache}/{name}").st_mtime_ns != before

    assert [made("list"), made("list", "-f", "json"), made("list", "-f", "json"), made("list")] == [False, True, False, False]


def test_what_is_no_longer_of_use_goes(packed: Installation) -> None:
    """The packs of an environment that was removed, and the draft of a run that was killed while it wrote."""
    (name,) = packed.packs()
    with open(f"{packed.cache}/{name}", "rb") as file:
        data = file.read()
    end = int.from_bytes(data[-TAIL:][32:40], "little")
    with open(f"{packed.cache}/.pack-list-of-old", "wb") as file:
        file.write(data[:end] + b"/nowhere" + data[-TAIL:])
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    drafts = [f".draft-{ended.pid}", f".{'0' * 64}.{ended.pid}", f".draft-{os.getpid()}"]
    for draft in drafts:
        with open(f"{packed.cache}/{draft}", "wb"):
            pass
    packed.run("features")
    assert [left for left in packed.packs() if "-3." not in left] == drafts[2:]


def test_nothing_is_left_where_nothing_was(installation: Installation) -> None:
    """Who only reads has no folder made."""
    os.rmdir(installation.cache)
    installation.run("list")
    assert not os.path.exists(installation.cache)


def test_bug_is_placed_without_lines(packed: Installation) -> None:
    """A pack's functions know their first line only; CONTAIN_DEBUG=1 runs without it and shows every line."""
    packed.rewrite("cli/list", "def main(", 'def main(*_: object, **__: object) -> int:\n    raise ZeroDivisionError("x")\n\n\ndef other(')
    packed.run("list")
    found = packed.run("list")
    assert found.startswith("a bug of contain: ZeroDivisionError at list.py:")
    assert " in main: x;" in found
    assert 'raise ZeroDivisionError("x")' in packed.run("list", CONTAIN_DEBUG="1")


def test_interpreter_on_path(packed: Installation) -> None:
    """A distribution's own place for packages has no interpreter beside the program."""
    os.unlink(f"{packed.folder}/venv/bin/python3")
    assert "unpacked" not in packed.run("list")
    other = os.path.dirname(packed.another())
    assert packed.run("list", PATH=f"relative:{other}:/usr/bin:/bin").startswith("unpacked")
