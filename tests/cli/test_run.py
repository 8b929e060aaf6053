"""`contain run`: which contract holds, and what the spec then is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contain.cli import run
from contain.cli.main import main
from contain.errors import UsageError
from contain.spec.options import Options

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """{"ociVersion": "1.3.0", "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
 "root": {"path": "rootfs"}, "linux": {"namespaces": [{"type": "mount"}]}}"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle in the current folder, and a root file system beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(CONFIG)
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "plain").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "given", "contract"),
    [
        (["web"], {}, True),
        (["plain"], {}, False),
        (["./web"], {}, False),
        (["web", "x"], {}, False),
        ([], {}, False),
        (["plain"], {"bundle": "."}, True),
    ],
)
def test_whose_contract(here: Path, words: list[str], given: dict[str, str], contract: bool) -> None:
    """runc's when --bundle is given, or the only argument is no path and a bundle is here."""
    assert run.is_contract(words, Options(**given), {}) is contract


def test_global_options_mean_the_contract(here: Path) -> None:
    """An engine gives --root and --log; a link named runc says it too."""
    assert run.is_contract(["plain"], Options(), {"root": "/run/x"})
    assert run.is_contract(["plain"], Options(), {"program": "runc"})
    assert not run.is_contract(["plain"], Options(command=["ls"]), {"root": "/run/x"})
    assert run.is_contract(["plain"], Options(command=["ls"]), {"root": "/run/x", "program": "runc"})


def test_command_means_ours(here: Path) -> None:
    """An id has no command: with one, a missing target is a mistake."""
    assert not run.is_contract(["web"], Options(command=["ls"]), {})


def test_contract_spec(here: Path) -> None:
    """The argument is the id, the bundle is obeyed, stdin is passed."""
    spec = run.read(["web"], Options(), contract=True)
    assert (spec.run.name, spec.run.runc, spec.kind, spec.run.interactive, spec.run.init) == ("web", True, "oci", True, False)
    assert spec.root == str(here / "rootfs")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "x" * 1025])
def test_contract_id(here: Path, name: str) -> None:
    """runc's rule for ids."""
    with pytest.raises(UsageError, match="invalid id"):
        run.read([name], Options(), contract=True)


def test_contract_exit_code(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What fails under runc's contract exits as runc does; ours with 125."""
    (here / "config.json").write_text("{")
    assert main(["run", "-b", ".", "web"]) == 1
    assert main(["run", "."]) == 125
    assert capsys.readouterr().err.count("config.json:1:") == 2


def test_options_change_a_bundle(here: Path) -> None:
    """What an option says beats the manifest, and its origin is the option."""
    spec = run.read(["."], Options(memory=1 << 30, command=["ls"], env=["A=1"], userns="auto"))
    assert spec.config["process"]["args"] == ["ls"]
    assert spec.config["process"]["env"] == ["A=1"]
    assert spec.config["linux"]["resources"]["memory"]["limit"] == 1 << 30
    assert spec.namespaces() == {"mount": "", "user": ""}
    assert spec.origins.place("/linux/namespaces/1") == "<command line>:--userns"
    assert spec.origins.place("/linux/namespaces/0").startswith("config.json:2:")


def test_bundle_is_obeyed(here: Path) -> None:
    """Nothing is added to what the manifest says."""
    spec = run.read(["."], Options())
    assert set(spec.config["linux"]) == {"namespaces"}
    assert spec.config["mounts"] == []
    assert spec.run.seccomp == spec.run.userns == spec.run.network == ""


def test_nulls_are_absent(here: Path) -> None:
    """Go writes null for what is not there."""
    (here / "config.json").write_text(CONFIG.replace('"namespaces"', '"resources": {"memory": null}, "seccomp": null, "namespaces"'))
    spec = run.read(["."], Options())
    assert spec.config["linux"]["resources"] == {}
    assert "seccomp" not in spec.config["linux"]
