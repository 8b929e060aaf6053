"""`contain plan`: what run would do, for people and for programs, here and for other machines."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from contain.cli.main import main
from contain.plan import stage

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "hosts", "v2-root.json")
CONFIG = """{
  "ociVersion": "1.3.0",
  "process": {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
  "root": {"path": "rootfs"},
  "hostname": "box\\u001b[31m",
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}]
  }
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(CONFIG)
    (tmp_path / "rootfs").mkdir()
    return tmp_path


def test_human(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stages as headings, one line an operation, its origin behind it; control characters of a manifest do not reach the terminal."""
    assert main(["plan", "--host", MACHINE, "."]) == 0
    text = capsys.readouterr().out
    assert "\npivot  (init)\n" in text
    assert "config.json:7:19: linux.namespaces" in text
    assert "box\\x1b[31m" in text
    assert "\x1b" not in text
    assert text.splitlines()[-1].endswith(" operations")


def test_a_bundle_needs_no_id(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`plan --bundle DIR` as `run --bundle DIR ID`; what fills the id's place changes no operation."""
    assert main(["plan", "--bundle", str(here)]) == 0
    without = capsys.readouterr().out.replace("/container", "/web").replace("/contain-container", "/contain-web")
    assert main(["plan", "--bundle", str(here), "web"]) == 0
    named = capsys.readouterr().out
    assert [" ".join(line.split()) for line in without.splitlines()] == [" ".join(line.split()) for line in named.splitlines()]


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for programs, stages in their order."""
    assert main(["plan", "--host", MACHINE, "--format", "json", "."]) == 0
    rows = json.loads(capsys.readouterr().out)["operations"]
    order = list(stage.NAMES.values())
    assert [order.index(row["stage"]) for row in rows] == sorted(order.index(row["stage"]) for row in rows)
    (row,) = [row for row in rows if row["operation"] == "SetHostname"]
    assert (row["origin"], row["place"], row["stage"]) == ("/hostname", "config.json:5:15: hostname", "pivot")


def test_same_input_same_plan(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan depends on the manifest, the options and the host's facts, and on nothing else."""
    texts = []
    for _ in range(2):
        assert main(["plan", "--host", MACHINE, "--memory", "64m", "."]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_saved_host_gives_the_same_plan(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The facts of this machine, saved and loaded."""
    assert main(["plan", "--save-host", "host.json", "--userns", "auto", "."]) == 0
    first = capsys.readouterr().out
    assert main(["plan", "--host", "host.json", "--userns", "auto", "."]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["--format", "xml", "."], "<command line>:--format: 'xml' is not one of human, json"),
        (["--host", "none.json", "."], "<command line>:--host: cannot read none.json: No such file or directory"),
        (["--host", "config.json", "."], "<command line>:--host: config.json holds no facts about a host: "),
        (["--host", "rootfs", "."], "<command line>:--host: cannot read rootfs: Is a directory"),
        (["--save-host", "none/x", "."], "<command line>:--save-host: cannot write none/x: No such file or directory"),
    ],
)
def test_wrong(here: Path, capsys: pytest.CaptureFixture[str], words: list[str], first: str) -> None:
    """One line, with a remedy below."""
    assert main(["plan", *words]) == 125
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(first)
    assert lines[-1].startswith("  remedy: ")


def test_a_path_that_is_no_text(here: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Folders may have any bytes as their names: JSON stays JSON, and people see an escape."""
    name = os.fsdecode(b"bad\xff")
    os.rename("rootfs", name)
    assert main(["plan", "--host", MACHINE, "--format", "json", name, "--", "true"]) == 0
    rows = json.loads(capfdbinary.readouterr().out.decode())["operations"]
    assert any("bad\udcff" in row["describe"] for row in rows)
    assert main(["plan", "--host", MACHINE, name, "--", "true"]) == 0
    assert b"bad\\udcff" in capfdbinary.readouterr().out
