"""What people and CI do with lint, and what a hostile folder would have it do."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from contain.cli.main import main
from contain.linter import lint, mend
from contain.linter.examples import document
from contain.linter.settings import load

TOP = Path(__file__).resolve().parents[2]
BROKEN = document("runtime-config", {"process": {"cwd": "x"}})
#: a comma too many, which --fix takes away
COMMA = '{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "linux": {"namespaces": [{"type": "mount"},]}}\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder where lint runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _piped(text, *options):
    command = [sys.executable, "-m", "contain", "lint", "-q", *options, "-"]
    env = {**os.environ, "PYTHONPATH": str(TOP)}
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=env)


def test_fix_of_standard_input_prints_the_document(folder):
    """The mended one on standard output, or the same when there is nothing to fix; what is left to say on standard error."""
    result = _piped(COMMA, "--fix", "--select", "DOC")
    assert (result.returncode, result.stdout, result.stderr) == (0, COMMA.replace(",]", "]"), "")
    result = _piped(json.dumps(BROKEN), "--fix", "--select", "DOC,RUN")
    assert (result.returncode, result.stdout) == (1, json.dumps(BROKEN))
    assert "is not absolute" in result.stderr


def test_standard_input_has_the_configuration_of_what_it_is_called(folder):
    """As an editor would pipe it."""
    (folder / "box").mkdir()
    (folder / "box/contain.toml").write_text('[lint]\nignore = ["RUN212"]\n')
    assert _piped(json.dumps(BROKEN)).returncode == 1
    assert _piped(json.dumps(BROKEN), "--stdin-filename", "box/config.json").returncode == 0


def test_what_a_digest_names_is_not_fixed(folder, capsys):
    """Neither in a layout nor when another document of the call holds the digest; --diff says the same as --fix does."""
    (folder / "config.json").write_text(COMMA)
    digest = hashlib.sha256(COMMA.encode()).hexdigest()
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{"digest": f"sha256:{digest}"}]}))
    main(["lint", "-q", "--fix", "--select", "DOC", "config.json", "index.json"])
    assert "config.json: not fixed: index.json names it by its digest" in capsys.readouterr().err
    assert main(["lint", "--diff", "config.json", "index.json"]) == 0
    assert capsys.readouterr().out == ""
    assert (folder / "config.json").read_text() == COMMA
    assert main(["lint", "--diff", "config.json"]) == 1


def test_a_file_that_cannot_be_written_is_told(folder, capsys, monkeypatch):
    """It is no fault of ours."""
    (folder / "c.json").write_text(COMMA)

    def full(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mend.os, "open", full)
    assert main(["lint", "-q", "--fix", "--select", "DOC", "c.json"]) == 1
    assert "c.json: not fixed: it cannot be written: Permission denied" in capsys.readouterr().err


def test_a_work_tree_runs_no_program_of_its_own(folder, capsys):
    """Its configuration may name one that git would ask what has changed."""
    subprocess.run(["git", "init", "-q", "."], check=True)
    (folder / "spy").write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
    (folder / "spy").chmod(0o755)
    (folder / "c.json").write_text(json.dumps(BROKEN))
    subprocess.run(["git", "add", "c.json"], check=True)
    subprocess.run(["git", "config", "core.fsmonitor", str(folder / "spy")], check=True)
    assert main(["lint", "."]) == 1
    assert not (folder / "ran").exists()


def test_a_folder_that_is_excluded_is_left_out_with_all_in_it(folder, capsys):
    """By its name, as ruff has it."""
    (folder / "third/party").mkdir(parents=True)
    (folder / "third/party/c.json").write_text(json.dumps(BROKEN))
    assert main(["lint", "."]) == 1
    for pattern in ("third", "third/party", "third/*", "party"):
        assert main(["lint", ".", "--exclude", pattern]) == 0


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_is_known_by_how_it_begins(folder, capsys, mode):
    """Whatever it is called."""
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "9"}')
    with tarfile.open(folder / "image", mode) as archive:
        archive.add("oci-layout")
    main(["lint", "-q", "-o", "concise", "image"])
    assert "image!oci-layout:1:" in capsys.readouterr().out


def test_a_baseline_means_the_files_that_it_was_made_of(folder, capsys):
    """Names may hold what a glob takes for its own, or bytes that are not UTF-8; each file's entries go where its configuration is."""
    (folder / "deep").mkdir()
    (folder / "deep/contain.toml").write_text("[lint]\n")
    names = ["a[1].json", "b*.json", "deep/c.json", os.fsdecode(b"\xff.json"), "\x7f.json"]
    for name in names:
        (folder / name).write_text(json.dumps(BROKEN))
    assert main(["lint", "-q", "--add-allow", *names]) == 0
    assert main(["lint", "-q", *names]) == 0
    assert [allow.path for allow in load(str(folder / "deep/contain.toml")).allow if allow.rule == "RUN212"] == ["c.json"]
    (folder / "a1.json").write_text(json.dumps(BROKEN))
    assert main(["lint", "-q", "a1.json"]) == 1


def test_two_outputs_to_one_file_are_an_error(folder, capsys):
    """One would overwrite the other."""
    (folder / "c.json").write_text(json.dumps(BROKEN))
    assert main(["lint", "c.json", "-o", "json=found", "-o", "sarif=found"]) == 2


def test_programs_can_read_every_format_whatever_the_document_says(folder, capsys):
    """Half characters, control characters, what means something in XML or to GitHub; and a file's name that is not UTF-8."""
    odd = {
        **BROKEN,
        "a\ud800b": 1,
        "x\x01y": 2,
        "</x>]]>&": 3,
        "\ufffe": 4,
        "process": {"args": ["\ud800\x1b[31m"], "cwd": "a\n::error::b,%0A"},
    }
    names = [os.fsdecode(b"\xff.json"), "we\nird\x1b[31m,:%.json"]
    for name in names:
        (folder / name).write_text(json.dumps(odd))
    formats = ("human", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit")
    assert main(["lint", "-q", *names, *(f"--output={name}=out.{name}" for name in formats)]) == 1
    texts = {name: (folder / f"out.{name}").read_bytes().decode() for name in formats}
    rows = json.loads(texts["json"])
    assert [json.loads(line) for line in texts["jsonl"].splitlines()] == rows
    assert "/a\ud800b" in {row["pointer"] for row in rows}
    assert {os.fsencode(row["file"]) for row in rows} == {os.fsencode(name) for name in names}
    assert len(json.loads(texts["sarif"])["runs"][0]["results"]) == len(json.loads(texts["gitlab"])) == len(rows)
    assert len(ET.fromstring(texts["junit"]).findall(".//testcase")) == len(rows)
    assert sum(line.startswith("::") for line in texts["github"].splitlines()) == len(rows)
    assert all(letter.isprintable() or letter == "\n" for name in ("human", "concise", "github") for letter in texts[name])


def test_statistics_do_not_spoil_what_programs_read(folder, capsys):
    """They go beside it."""
    (folder / "c.json").write_text(json.dumps(BROKEN))
    assert main(["lint", "-q", "c.json", "-o", "json", "--statistics"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)
    assert "relative-cwd" in err


def test_the_library_takes_what_the_command_takes(folder):
    """Layouts as folder and archive, folders in which manifests lie, single documents."""
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "9"}')
    with tarfile.open(folder / "image.tar", "w") as archive:
        archive.add("oci-layout")
    assert "LAY001" in {item.id for item in lint(folder / "image.tar")}
    assert "LAY001" in {item.id for item in lint(str(folder))}
    (folder / "oci-layout").unlink()
    (folder / "box").mkdir()
    (folder / "box/config.json").write_text(json.dumps(BROKEN))
    (folder / "package.json").write_text("{}")
    for target in (folder, folder / "box", folder / "box/config.json"):
        assert [item.id for item in lint(target) if item.severity == "error"] == ["RUN006", "RUN212"]
    with pytest.raises(FileNotFoundError):
        lint("nowhere")


def test_findings_of_archives_are_bounded_too(folder, capsys):
    """An archive can name a great many things that are not there."""
    data = json.dumps([{"Config": "a.json", "RepoTags": None, "Layers": [f"{number}.tar" for number in range(3000)]}]).encode()
    with tarfile.open(folder / "image.tar", "w") as archive:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    for options, most in (((), 1000), (("--max-findings", "10"), 10)):
        main(["lint", "-q", "-o", "concise", "image.tar", *options])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == most + 1
        assert "DOC403" in lines[-1]
