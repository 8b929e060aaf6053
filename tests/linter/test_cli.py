"""`contain lint` as people and programs call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from contain.cli import lint
from contain.cli.main import main
from contain.diagnostics import formats
from contain.diagnostics.formats import FORMATS
from contain.linter import lint as lint_of
from contain.linter import mend
from contain.linter.examples import document
from contain.linter.session import Session
from contain.linter.spool import Spool
from tests.linter.test_sets import Builder, docker_archive

SOUND = document("runtime-config", {"root": {"path": "/"}})
BROKEN = document("runtime-config", {"root": {"path": "/"}, "process": {"cwd": "x"}})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An own folder to work in, with a sound and a broken document."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.json").write_text(json.dumps(SOUND))
    (tmp_path / "bad.json").write_text(json.dumps(BROKEN, indent=1))
    (tmp_path / "package.json").write_text('{"name": "x"}')
    return tmp_path


def test_exit_codes(folder, capsys):
    """0 for nothing at the fail level, 1 for findings, 2 for what cannot be done."""
    assert main(["lint", "good.json"]) == 0
    assert main(["lint", "bad.json"]) == 1
    assert main(["lint", "bad.json", "--fail-level", "never"]) == 0
    assert main(["lint", "nowhere.json"]) == 2
    assert main(["lint", "--nonsense"]) == 2
    assert main(["lint", "--select", "RUN9999", "good.json"]) == 2
    (folder / "broken.json").write_text('{"ociVersion": ')
    assert main(["lint", "broken.json"]) == 1
    capsys.readouterr()


def test_walking_counts_what_is_unknown_and_naming_it_is_an_error(folder, capsys):
    """A file that is no manifest is passed over when it is found, and an error when it is named, unless --skip-unknown."""
    assert main(["lint", "--output", "concise"]) == 1
    out = capsys.readouterr().out
    assert "bad.json:" in out
    assert "package.json" not in out
    (folder / "tsconfig.json").write_text('{/* not ours */ "compilerOptions": {},}')
    (folder / "cut.json").write_text('{"ociVersion": "1.0.2", "root": {')
    main(["lint", "--output", "concise"])
    out = capsys.readouterr().out
    assert "tsconfig.json" not in out
    assert "cut.json:1:" in out
    assert main(["lint", "package.json"]) == 1
    assert main(["lint", "package.json", "--skip-unknown"]) == 0
    assert "the kind of this document is unknown" in capsys.readouterr().out


def test_walking_honours_gitignore_and_exclude(folder, capsys):
    """In a work tree ignored files are not looked at, nor those that are excluded."""
    subprocess.run(["git", "init", "-q", "."], check=True)
    (folder / ".gitignore").write_text("bad.json\n")
    assert main(["lint", "."]) == 0
    (folder / ".gitignore").write_text("")
    assert main(["lint", "."]) == 1
    assert main(["lint", ".", "--exclude", "bad*"]) == 0
    assert main(["lint", "bad.json", "--exclude", "bad*"]) == 1
    assert main(["lint", "bad.json", "--exclude", "bad*", "--force-exclude"]) == 0
    capsys.readouterr()


def test_standard_input(folder):
    """`-` reads a document, and --stdin-filename names it."""
    code = "import sys; from contain.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "lint", "-", "--stdin-filename", "box/config.json", "-o", "concise"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    result = subprocess.run(
        command, input=json.dumps(BROKEN), capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root}
    )
    assert result.returncode == 1
    assert result.stdout.startswith("box/config.json:1:")


def test_several_outputs(folder, capsys):
    """People read the terminal while programs get a file each."""
    assert (
        main(
            [
                "lint",
                "bad.json",
                "good.json",
                "-o",
                "human",
                *(f"--output={name}={name}.out" for name in ("json", "sarif", "junit", "gitlab", "github")),
            ]
        )
        == 1
    )
    assert "is not absolute" in capsys.readouterr().out
    (found,) = [row for row in json.loads((folder / "json.out").read_text()) if row["severity"] == "error"]
    assert (found["id"], found["pointer"], found["line"]) == ("RUN212", "/process/cwd", 7)
    assert json.loads((folder / "sarif.out").read_text())["runs"][0]["columnKind"] == "unicodeCodePoints"
    assert (folder / "junit.out").read_text().count("<testsuite ") == 2
    assert "::error file=bad.json,line=7," in (folder / "github.out").read_text()
    assert main(["lint", "bad.json", "-o", "human", "-o", "json"]) == 2


def test_many_files_are_shared_between_processes_and_told_in_order(folder, capsys):
    """From 64 files up; the output is the same as that of one process."""
    for number in range(70):
        (folder / f"c{number:03}.json").write_text(json.dumps(BROKEN if number % 3 else SOUND))
    assert main(["lint", ".", "-o", "concise", "-j", "1"]) == 1
    alone = capsys.readouterr().out
    assert main(["lint", ".", "-o", "concise", "-j", "3"]) == 1
    assert capsys.readouterr().out == alone
    assert alone.count("RUN212") == 47


def test_a_file_whose_worker_dies_is_reported(folder, capsys, monkeypatch):
    """The others' results come all the same."""
    for number in range(66):
        (folder / f"c{number:03}.json").write_text(json.dumps(SOUND))
    right = Session.check

    def deadly(self, target):
        if target.path == "c020.json":
            os._exit(3)
        return right(self, target)

    monkeypatch.setattr(Session, "check", deadly)
    main(["lint", ".", "-o", "concise", "-j", "2", "--select", "DOC,RUN2"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "DOC404" in line]
    assert line.startswith("c020.json: DOC404 error: c020.json was not checked: the process that checked it died")


def test_fix_and_diff(folder, capsys):
    """--diff shows and changes nothing; --fix makes the safe fixes only; a link is followed and the mode kept."""
    text = '\ufeff{"ociVersion": "1.0.2", /* c */ "root": {"path": "/",}, "HostName": "x"}'
    real = folder / "real.json"
    real.write_text(text)
    real.chmod(0o640)
    (folder / "link.json").symlink_to("real.json")
    assert main(["lint", "link.json", "--diff"]) == 1
    assert "-\ufeff{" in capsys.readouterr().out
    assert real.read_text() == text
    assert main(["lint", "link.json", "--fix"]) == 1
    assert real.read_text() == '{"ociVersion": "1.0.2",  "root": {"path": "/"}, "HostName": "x"}'
    assert (folder / "link.json").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    main(["lint", "link.json", "--unsafe-fixes"])
    assert json.loads(real.read_text())["hostname"] == "x"
    assert main(["lint", "link.json", "--diff"]) == 0
    capsys.readouterr()


def test_a_hard_linked_file_is_not_fixed(folder, capsys):
    """Its other names would change too."""
    (folder / "one.json").write_text('\ufeff{"ociVersion": "1.0.2"}')
    os.link(folder / "one.json", folder / "two.json")
    main(["lint", "one.json", "--fix"])
    assert "not fixed: it has other hard links" in capsys.readouterr().err
    assert (folder / "one.json").read_text().startswith("\ufeff")


def test_a_blob_is_not_fixed(folder, capsys):
    """Its name is the digest of what it is now."""
    path = folder / "blobs" / "sha256" / ("0" * 64)
    path.parent.mkdir(parents=True)
    path.write_text('\ufeff{"ociVersion": "1.0.2"}')
    main(["lint", str(path), "--fix"])
    assert "not fixed: it is named by its digest" in capsys.readouterr().err


def test_rule_schema_and_list(capsys):
    """The rules and schemas are explained without the network."""
    assert main(["rule", "run212"]) == 0
    assert main(["rule", "relative-cwd"]) == 0
    assert capsys.readouterr().out.count("# RUN212 relative-cwd") == 2
    assert main(["rule", "relative-cdw"]) == 2
    assert "did you mean relative-cwd?" in capsys.readouterr().err
    assert main(["lint", "--list-rules"]) == 0
    assert "RUN212  error    relative-cwd" in capsys.readouterr().out
    assert main(["schema", "runtime-config", "--spec", "1.0"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "domainname" not in schema["properties"]
    assert "x-" not in json.dumps(list(schema["definitions"]["Process"]))


def test_a_host(folder, capsys):
    """This one, or one whose facts were saved; what holds no facts is an error."""
    document_ = document("runtime-config", {"root": {"path": "/"}, "linux": {"resources": {"cpu": {"cpus": "70000"}}}})
    (folder / "cpu.json").write_text(json.dumps(document_))
    assert main(["lint", "cpu.json"]) == 0
    assert main(["lint", "cpu.json", "--host", "here", "-o", "concise"]) == 1
    assert "RUN903 error: the host has no CPU 70000" in capsys.readouterr().out
    main(["doctor", "--host"])
    (folder / "host.facts").write_text(capsys.readouterr().out)
    assert main(["lint", "cpu.json", "--host", "host.facts"]) == 1
    assert main(["lint", "cpu.json", "--host", "cpu.json"]) == 2
    capsys.readouterr()


def test_statistics(folder, capsys):
    """How often each rule was found."""
    main(["lint", "bad.json", "--statistics", "-q", "--isolated"])
    assert "      1  RUN212  relative-cwd" in capsys.readouterr().out


def _codes(capsys, *words):
    main(["lint", "-o", "concise", "-q", "--isolated", *words])
    return {line.split(": ")[1].split()[0] for line in capsys.readouterr().out.splitlines()}


def test_limits_are_options_and_settings(folder, capsys):
    """Each is met by a file that is sound otherwise."""
    (folder / "bad.json").unlink()
    assert "DOC402" not in _codes(capsys, "good.json")
    assert "DOC402" in _codes(capsys, "good.json", "--max-depth", "2")
    assert "DOC401" in _codes(capsys, "good.json", "--max-size", "20")
    assert "DOC403" in _codes(capsys, "good.json", "--max-findings", "1")
    archive = str(docker_archive(folder / "box.tar"))
    assert not {"LAY101", "DOC301"} & _codes(capsys, archive)
    assert "LAY101" in _codes(capsys, archive, "--max-entries", "2")
    layout = Builder(folder / "box")
    layout.layer = [("zero", b"\0" * (15 << 20)), ("more", b"\0" * (3 << 20))]
    assert "SEC608" in _codes(capsys, str(layout.write()))
    assert "SEC608" not in _codes(capsys, str(folder / "box"), "--max-ratio", "5000")
    assert "SEC608" in _codes(capsys, str(folder / "box"), "--max-entries", "1", "--max-ratio", "5000")
    (folder / "contain.toml").write_text("[lint]\nmax-depth = 2\ntimeout = 5\n")
    assert main(["lint", "good.json", "-q"]) == 1
    assert "DOC402" in capsys.readouterr().out
    assert main(["lint", "good.json", "-q", "--max-depth", "50"]) == 0
    for wrong in ("0", "301"):
        assert main(["lint", "good.json", "--max-depth", wrong]) == 2
        assert "from 1 to 300" in capsys.readouterr().err
    (folder / "contain.toml").write_text('[lint]\nmax-findings = "many"\n')
    assert main(["lint", "good.json"]) == 2


def test_a_file_that_changes_meanwhile_is_left_alone(tmp_path):
    """Its content is compared, and looked at again before the rename; owner and mode are kept."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    path.chmod(0o604)
    assert mend.write(str(path), b"older", b"new") == "it changed meanwhile"
    assert path.read_bytes() == b"old"
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    assert mend.write(str(path), b"old", b"new") == ""
    status = path.stat()
    assert (path.read_bytes(), status.st_mode & 0o7777) == (b"new", 0o604)
    assert os.geteuid() != 0 or (status.st_uid, status.st_gid) == (1234, 4321)
    assert list(tmp_path.iterdir()) == [path]


COMMAND_LINES = [
    "",
    "a.json b.json -",
    "-q -o json a.json --kind runtime-config",
    "--output=sarif=x.sarif --format github a",
    "--select RUN5,SEC --select=DOC --ignore DOC203 --extend-select ALL .",
    "-j 2 --jobs 3 --max-size 100 --fail-level never --profile hardened",
    "--fix --unsafe-fixes --diff --add-allow --statistics -v --preview --isolated --skip-unknown --force-exclude",
    "--config c.toml --image i --host here --exclude a/* --exclude b --stdin-filename n -",
    "a.json --list-rules",
]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_the_quick_reader_reads_as_click_does(line):
    """Click reads only what has a mistake in it; of the rest both make the same."""
    paths, options = lint.quick(line.split())
    theirs = lint._command().make_context("lint", line.split()).params
    assert (paths, options) == (theirs.pop("paths"), theirs)


@pytest.mark.parametrize(
    "line", ["--nonsense", "--help", "-x", "--kind", "--kind x", "--fix=1", "-j two", "-j2", "-qv", "--select --fix", "-- a", "--sel a"]
)
def test_what_the_quick_reader_leaves_to_click(line):
    """Mistakes, questions and short forms."""
    assert lint.quick(line.split()) is None


def test_what_waits_to_be_printed_is_no_longer_than_needed_in_memory():
    """A spool gives back what was put in, as often as asked for, also while it grows."""
    spool = Spool()
    for number in range(300):
        spool.extend([number, [number]])
        if number in (0, 100, 299):
            assert list(spool) == list(spool) == [item for one in range(number + 1) for item in (one, [one])]
    assert len(spool._kept) <= 64


@pytest.mark.parametrize("name", FORMATS)
def test_parts_of_a_format_make_the_whole(name):
    """Written one after the other they are what one call gives."""
    module = formats.of(name)
    texts = {"bad.json": json.dumps(BROKEN), "good.json": json.dumps(SOUND), "broken": "{"}
    fragments = [module.fragment(file, lint_of(text.encode(), name=file), text) for file, text in texts.items()]
    assert "".join(formats.pieces(name, fragments)) == module.whole(fragments)
    assert "".join(formats.pieces(name, [])) == module.whole([])
    if name in ("json", "gitlab"):
        assert json.loads(module.whole([])) == []
        assert module.whole(fragments) == json.dumps([row for rows in fragments for row in rows], indent=2, ensure_ascii=False) + "\n"


def test_links_to_folders_are_not_followed(folder, capsys):
    """Neither in a work tree nor elsewhere, so a circle of them has no end to be looked for; a link that is named is."""
    (folder / "inner").mkdir()
    (folder / "inner" / "config.json").write_text(json.dumps(BROKEN))
    (folder / "inner" / "round").symlink_to("..")
    (folder / "walk").mkdir()
    (folder / "walk" / "link").symlink_to("../inner")
    for tree in (False, True):
        if tree:
            subprocess.run(["git", "init", "-q"], check=True)
        assert main(["lint", "walk", "-q", "--isolated"]) == 0
        assert main(["lint", "walk/link", "-q", "--isolated", "-o", "concise"]) == 1
        assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if "RUN212" in line] == ["walk/link/config.json"]


def test_what_cannot_be_read_is_an_error(folder, capsys):
    """A file, a configuration, a place for the output."""
    (folder / "contain.toml").write_text("[lint")
    assert main(["lint", "good.json"]) == 2
    assert main(["lint", "good.json", "--isolated", "-o", "json=nowhere/x"]) == 2
    assert main(["lint", "nowhere.json", "--isolated"]) == 2
    if os.geteuid() != 0:
        (folder / "good.json").chmod(0)
        assert main(["lint", "good.json", "--isolated"]) == 2
    capsys.readouterr()
