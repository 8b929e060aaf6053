"""What is checked and how: config files, selectors, ignores, allowed findings."""

from __future__ import annotations

import json

import pytest

from contain.cli.main import main
from contain.errors import UsageError
from contain.linter import Settings
from contain.linter.examples import document
from contain.linter.settings import resolve

BROKEN = document(
    "runtime-config", {"root": {"path": "/"}, "process": {"cwd": "x"}, "colour": 1, "mounts": [{"destination": "/data", "type": "bind"}]}
)


@pytest.fixture
def lint(tmp_path, monkeypatch, capsys):
    """Lint a broken document under a configuration; gives the exit code and the ids that were found."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps(BROKEN))

    def run(toml="", *options, name="contain.toml"):
        (tmp_path / name).write_text(toml)
        code = main(["lint", "c.json", "-o", "jsonl", *options])
        captured = capsys.readouterr()
        rows = [json.loads(line) for line in captured.out.splitlines()]
        return code, {row["id"]: row["severity"] for row in rows}, captured.err

    return run


def test_the_most_specific_selector_wins(lint):
    """An id over a family over ALL, whatever comes first."""
    assert set(lint('[lint]\nselect = ["RUN2"]')[1]) == {"RUN212"}
    assert set(lint('[lint]\nselect = ["RUN"]\nignore = ["RUN1", "RUN408", "relative-cwd"]')[1]) == set()
    assert "RUN212" in lint('[lint]\nignore = ["RUN"]\nextend-select = ["RUN212"]')[1]
    assert set(lint("", "--select", "RUN2,DOC")[1]) == {"RUN212", "DOC203"}


def test_severity_and_fail_level(lint):
    """Severities can be changed by selector."""
    code, found, _ = lint('[lint]\nseverity = {RUN = "info", relative-cwd = "warning"}\nselect = ["RUN"]')
    assert (code, found["RUN212"], found["RUN106"]) == (0, "warning", "info")
    assert lint('[lint]\nseverity = {RUN = "warning"}\nfail-level = "warning"\nselect = ["RUN"]')[0] == 1


def test_pyproject_and_per_file_ignores(lint):
    """[tool.contain.lint] of a pyproject.toml is the same table."""
    code, found, _ = lint('[tool.contain.lint]\nper-file-ignores = {"*.json" = ["RUN", "SEC"]}', name="pyproject.toml")
    assert (code, set(found)) == (0, {"DOC203"})


def test_extend(lint, tmp_path):
    """A configuration builds on another one."""
    (tmp_path / "base.toml").write_text('[lint]\nselect = ["RUN2"]')
    assert set(lint('[lint]\nextend = "base.toml"\nextend-select = ["DOC203"]')[1]) == {"RUN212", "DOC203"}


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[lint]\nselct = []", "there is no setting 'selct'; did you mean select?"),
        ('[lint]\nselect = ["RUM2"]', "there is no rule or family 'RUM2'"),
        ('[lint]\nignore = ["relativ-cwd"]', "did you mean relative-cwd?"),
        ('[lint]\nprofile = "lax"', "profile is one of engine-default, advice, hardened, not 'lax'"),
        ('[lint]\nselect = "ALL"', "select must be a list of strings"),
        ("[lint", "cannot read the configuration"),
        ('[[lint.allow]]\nrule = "RUN212"', "needs a rule and a reason"),
        ('select = ["RUN"]', "select stands in the table [lint]"),
        ("[lnt]", "there is no table 'lnt', only [lint]"),
        ("lint = 5", "lint must be a table"),
        ('[lint]\nselect = ["RU"]', "there is no rule or family 'RU'"),
        ('[lint]\nextend = "other.toml"', "a configuration cannot extend itself"),
        ("[lint]\nextend = 7", "extend must be a string"),
        ("[lint]\nallow = 5", "entries begin with [[lint.allow]]"),
        ('[lint.allow]\nrule = "RUN212"', "entries begin with [[lint.allow]]"),
        ("[lint]\nschema = {}", "entries begin with [[lint.schema]]"),
        ('[lint]\npreview = "no"', "preview is true or false"),
        ('[[lint.allow]]\nrule = "RUN212"\nreason = "r"\nexpires = "2027-01-01"', "expires is a day"),
        ('[[lint.allow]]\nrule = "RUN212"\nreason = "r"\nexpires = 2027-01-01T00:00:00Z', "expires is a day"),
        ('[[lint.allow]]\nrule = "RUN212"\nreason = "r"\nat = 5', "at must be a string"),
    ],
)
def test_a_wrong_configuration_is_an_error(lint, tmp_path, toml, words):
    """It ends with 2 and says what is meant."""
    (tmp_path / "other.toml").write_text('[lint]\nextend = "contain.toml"')
    code, _, err = lint(toml)
    assert code == 2
    assert words in err


def test_who_names_a_rule_gets_it_in_every_profile(lint):
    """But the profile engine-default leaves it out of its family."""
    quiet = '[lint]\nprofile = "engine-default"\n'
    assert "SEC009" not in lint(quiet)[1]
    assert "SEC009" not in lint(quiet + 'select = ["ALL"]')[1]
    assert "SEC009" in lint(quiet + 'extend-select = ["SEC009"]')[1]
    assert "SEC009" not in lint(quiet + 'select = ["SEC"]')[1]
    assert "SEC009" not in lint(quiet + 'extend-select = ["SEC0"]')[1]
    assert "SEC009" in lint(quiet + 'select = ["new-privileges"]')[1]


def test_a_bug_of_ours_ends_with_3(lint, monkeypatch):
    """Not with 1, which means findings."""
    monkeypatch.setattr("contain.linter.session.Session.run", lambda *_, **__: {}["no"])
    code, _, err = lint()
    assert code == 3
    assert "a bug of contain: KeyError" in err


def test_allow_by_place(lint):
    """An entry allows a rule at a place named by key, and what lies below it."""
    entry = '[lint]\nselect = ["RUN106", "DOC5"]\n[[lint.allow]]\nrule = "bind-source"\nreason = "r"\nat = "/mounts[destination=/data]"\n'
    assert lint(entry)[:2] == (0, {})
    assert set(lint(entry.replace("/data", "/other"))[1]) == {"RUN106", "DOC501"}
    assert set(lint(entry + "expires = 2020-01-01")[1]) == {"RUN106", "DOC502"}
    assert lint(entry + "expires = 2999-01-01")[1] == {}


def test_add_allow_writes_a_baseline(lint, tmp_path):
    """After it nothing is found, and entries that are not needed any more are told."""
    assert lint("", "--add-allow")[0] == 0
    written = (tmp_path / "contain.toml").read_text()
    assert 'rule = "RUN212"  # relative-cwd' in written
    assert lint(written)[:2] == (0, {})
    (tmp_path / "c.json").write_text(json.dumps({**BROKEN, "process": {**BROKEN["process"], "cwd": "/"}}))
    assert set(lint(written)[1]) == {"DOC501"}


def test_allow_with_many_files(lint, tmp_path):
    """Entries that workers needed are not idle."""
    for number in range(70):
        (tmp_path / f"d{number:03}.json").write_text(json.dumps(BROKEN))
    entry = '[lint]\nselect = ["RUN106", "DOC5"]\n[[lint.allow]]\nrule = "RUN106"\nreason = "r"\n'
    assert lint(entry, ".", "-j", "2")[:2] == (0, {})


def test_own_schemas(lint, tmp_path):
    """A schema of the user's own, for a member; a broken one is an error of the configuration."""
    (tmp_path / "s.json").write_text('{"$schema": "https://json-schema.org/draft/2020-12/schema", "const": "rootfs"}')
    entry = '[lint]\nselect = ["DOC6"]\n[[lint.schema]]\nfile = "s.json"\nat = "/root/path"\n'
    assert lint(entry)[:2] == (1, {"DOC601": "error"})
    assert lint(entry + 'kind = "image-index"')[:2] == (0, {})
    assert lint(entry + 'path = "other/*"')[:2] == (0, {})
    (tmp_path / "s.json").write_text('{"type": 7}')
    assert "is no sound schema" in lint(entry)[2]


def test_aliases_are_selectors(monkeypatch):
    """What a rule was called before still means it."""
    monkeypatch.setattr("contain.linter.settings.ALIASES", {"old-name": "RUN212"})
    assert resolve("old-name", "") == "RUN212"


def test_names_are_selectors():
    """A kebab name stands for its id."""
    assert resolve("relative-cwd", "") == "RUN212"
    with pytest.raises(UsageError, match="did you mean"):
        resolve("RUN21x", "")


def test_preview_rules_run_only_when_asked_for(monkeypatch):
    """By --preview, or by their whole id; a prefix never turns one on."""
    monkeypatch.setattr("contain.linter.settings.PREVIEW", frozenset(["RUN212"]))
    settings = Settings()
    assert "RUN212" not in settings.table()
    settings.select = ["RUN"]
    assert "RUN212" not in settings.table()
    settings.select = ["RUN212"]
    assert "RUN212" in settings.table()
    settings.select, settings.preview = [], True
    assert "RUN212" in settings.table()


def test_an_entry_about_files_that_were_not_asked_for_is_not_idle(lint, tmp_path, capsys):
    """As when a hook names the changed files only; whoever looks at the whole folder is told."""
    toml = '[lint]\nselect = ["RUN106", "DOC5"]\n[[lint.allow]]\nrule = "RUN212"\nreason = "r"\npath = "%s"\n'
    assert set(lint(toml % "other.json")[1]) == {"RUN106"}
    assert set(lint(toml % "c.json")[1]) == {"RUN106", "DOC501"}
    assert set(lint(toml % "other.json", ".")[1]) == {"RUN106", "DOC501"}
