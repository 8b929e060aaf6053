"""Words of a manifest, a path or an option that would act on a terminal, turn its line round or hide in it: they are shown as escapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contain.cli.main import main
from contain.diagnostics import concise, github, human
from contain.diagnostics.model import Diagnostic
from contain.errors import ContainError, printable

if TYPE_CHECKING:
    from pathlib import Path

#: a window title, C1's own CSI, marks that turn text round, one that nobody sees, and the ends of a line
EVIL = "\x1b]0;x\x07\x9b2J\u202egpj\u2066\u200b\r\n\x7f\U000e0041"

BASE: dict[str, Any] = {
    "ociVersion": "1.0.2",
    "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    "root": {"path": "root"},
    "linux": {"namespaces": [{"type": "mount"}]},
}


def only_ours(text: str) -> None:
    """Nothing but letters and the ends of our own lines."""
    assert [letter for letter in text if not letter.isprintable() and letter != "\n"] == []


MANIFESTS: dict[str, dict[str, Any]] = {
    "root": {"root": {"path": EVIL}},
    "profile": {"process": BASE["process"] | {"apparmorProfile": EVIL}},
    "variable": {"process": BASE["process"] | {"env": [EVIL]}},
    "capability": {"process": BASE["process"] | {"capabilities": {"bounding": [EVIL]}}},
    "folder": {"process": BASE["process"] | {"cwd": EVIL}},
    "namespace": {"linux": {"namespaces": [{"type": EVIL}]}},
    "sysctl": {"linux": BASE["linux"] | {"sysctl": {EVIL: "1"}}},
    "clock": {"linux": BASE["linux"] | {"timeOffsets": {EVIL: {}}}},
    "member": {EVIL: 1},
    "annotation": {"annotations": {EVIL: EVIL}},
    "host name": {"hostname": EVIL},
}


@pytest.mark.parametrize("verb", ["run", "plan", "lint"])
@pytest.mark.parametrize("change", MANIFESTS.values(), ids=MANIFESTS)
def test_manifests(nothing_is_launched: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], verb: str) -> None:
    """In errors, warnings, findings and plans."""
    bundle = nothing_is_launched / "bundle"
    (bundle / "root").mkdir(parents=True)
    (bundle / "config.json").write_text(json.dumps(BASE | change, ensure_ascii=False))
    try:
        main([verb, "bundle"])
    except AssertionError:  # would have been launched: then it has warned before
        assert verb == "run"
    said = capsys.readouterr()
    only_ours(said.out + said.err)


@pytest.mark.parametrize(
    "words",
    [
        ["run", EVIL],
        ["run", "-v", f"{EVIL}:/x", "root"],
        ["run", f"--{EVIL}"],
        [EVIL],
        ["kill", EVIL],
        ["rm", EVIL],
        ["--log", "/dev/null", EVIL],
    ],
    ids=["target", "volume", "option", "verb", "id", "name", "logged"],
)
def test_words(nothing_is_launched: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """A script may have taken them from anywhere."""
    assert main(words) != 0
    said = capsys.readouterr()
    assert said.err
    only_ours(said.out + said.err)


@pytest.mark.parametrize("form", [human, concise, github], ids=lambda module: module.__name__.rpartition(".")[2])
def test_findings(form: Any) -> None:
    """Each field of a finding."""
    finding = Diagnostic(id="RUN001", name="x", severity="error", message=EVIL, file=EVIL, pointer=f"/{EVIL}", fix=EVIL)
    advice = Diagnostic(id="SEC001", name="x", severity="warning", message=EVIL, file=EVIL)
    only_ours(form.whole([form.fragment(EVIL, [finding, advice], "")]))


def test_a_line_cannot_be_forged_in_a_log(nothing_is_launched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither of text nor of JSON."""
    for form in ("text", "json"):
        log = nothing_is_launched / form
        assert main(["--log", str(log), "--log-format", form, "run", "--bundle", f"nowhere\n{EVIL}", "a"]) == 1
        assert log.read_text().count("\n") == 1
    only_ours(capsys.readouterr().err)


def test_what_is_harmless_stays() -> None:
    """Letters of all the world; and what is escaped can be told apart."""
    assert printable("Füße, 日本 → 🎉") == "Füße, 日本 → 🎉"
    assert printable("\x1b\x9b\u202e\U000e0041") == "\\x1b\\x9b\\u202e\\U000e0041"
    assert ContainError("a\nb", cause="c\rd", remedy="e\u200bf").lines() == ["a\\x0ab", "  cause: c\\x0dd", "  remedy: e\\u200bf"]
