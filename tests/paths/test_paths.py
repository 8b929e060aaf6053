"""Paths without os: of one mind with os.path, and the environment that os has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contain import paths

TOP = Path(__file__).resolve().parents[2]
PATHS = st.lists(st.sampled_from(["/", "//", "a", "..", ".", "b.c", "é", " "]), max_size=8).map("".join)


@given(PATHS, st.lists(PATHS, max_size=3))
def test_texts_are_as_os_path_makes_them(path: str, more: list[str]) -> None:
    """Whatever is written."""
    assert paths.normpath(path) == os.path.normpath(path)
    assert paths.abspath(path) == os.path.abspath(path)
    assert paths.basename(path) == os.path.basename(path)
    assert paths.dirname(path) == os.path.dirname(path)
    assert paths.join(path, *more) == os.path.join(path, *more)


@pytest.mark.parametrize("name", ["folder", "file", "link", "nowhere", "missing", "file/below", "nul\0", "loop", "x" * 300])
def test_what_is_there(tmp_path: Path, name: str) -> None:
    """Folders, files, links to something and to nothing, and what no system call takes."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "loop").symlink_to("loop")
    for function in ("exists", "isdir", "isfile", "lexists"):
        assert getattr(paths, function)(f"{tmp_path}/{name}") == getattr(os.path, function)(f"{tmp_path}/{name}"), function


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What os has where somebody imported it, else what the process was started with, be it no text."""
    monkeypatch.setenv("CONTAIN_TEST", "changed")
    assert paths.environ()["CONTAIN_TEST"] == "changed"
    code = (
        f"import sys; sys.path.append({str(TOP)!r}); from contain import paths; found = dict(paths.environ()); assert 'os' not in sys.modules;"
        "import os; print(found == dict(os.environ), ascii(found['CONTAIN_TEST']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={b"CONTAIN_TEST": b"\xff", b"PATH": b"/bin"},
    )
    assert (done.stdout, done.stderr) == ("True '\\udcff'\n", "")


def test_what_a_link_stands_for(tmp_path: Path) -> None:
    """A chain of links is followed, relative ones from where they are; a circle and a plain folder stay as they are."""
    (tmp_path / "there").mkdir()
    for name, target in (("one", "two"), ("two", "sub/../there"), ("circle", "circle"), ("nowhere", "/nonesuch")):
        os.symlink(target, tmp_path / name)
    (tmp_path / "sub").mkdir()
    assert os.path.samefile(paths.followed(f"{tmp_path}/one"), tmp_path / "there")
    assert paths.followed(f"{tmp_path}/there") == f"{tmp_path}/there"
    assert paths.followed(f"{tmp_path}/nowhere") == "/nonesuch"
    assert os.path.basename(paths.followed(f"{tmp_path}/circle")) == "circle"
