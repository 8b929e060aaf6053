"""Formats that code hosts read: SARIF, GitHub's annotations, GitLab's code quality, JUnit."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from contain.diagnostics import formats, github, gitlab, junit, model, sarif
from contain.diagnostics.fingerprint import fingerprint
from contain.document import parse

TEXT = '{\n "a": {"é": [1, 2]},\n "b": "<&\\u0001>"\n}'
FILE = "box/my config.json"


def _item(id="RUN212", pointer="/a/é/1", severity="error", message="100% wrong,\nhere: <x>", text=TEXT):
    item = model.make(id, message, FILE, pointer, parse(text.encode(), FILE).position(pointer), fix="mend it")
    item.severity = severity
    return item


def test_every_format_has_the_same_shape():
    """A fragment for each file, a whole of all, and a shorthand for both."""
    for name in formats.FORMATS:
        module = formats.of(name)
        whole = module.whole([module.fragment(FILE, [_item()], TEXT), module.fragment("other.json", [], "{}")])
        assert isinstance(whole, str)
        assert "RUN212" in whole
        assert module.render([_item()], {FILE: TEXT})


def test_sarif():
    """One run, the rules that occur, a full region in code points, a URI, the pointer, a fingerprint."""
    log = json.loads(sarif.render([_item(), _item("SEC201", "/b", "warning")], {FILE: TEXT}))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert run["columnKind"] == "unicodeCodePoints"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["RUN212", "SEC201"]
    assert run["tool"]["driver"]["rules"][1]["properties"]["security-severity"] == "8.0"
    first = run["results"][0]
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"] == "RUN212"
    place = first["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "box/my%20config.json"
    assert place["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 17, "endLine": 2, "endColumn": 18}
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "/a/é/1"
    assert first["partialFingerprints"]["contain/v1"] == fingerprint(_item())


def test_sarif_keeps_within_what_github_takes():
    """5,000 results: the least severe are left out, and a notification says how many."""
    module = formats.of("sarif")
    many = [module.fragment(FILE, [_item(severity=severity)] * 2600, TEXT) for severity in ("info", "error")]
    (run,) = json.loads(module.whole(many))["runs"]
    levels = [result["level"] for result in run["results"]]
    assert (len(levels), levels.count("error")) == (5000, 2600)
    assert "200 findings are left out" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_github():
    """What would end a command or a value is escaped, and errors come first."""
    lines = github.render([_item(severity="info"), _item()], {FILE: TEXT}).splitlines()
    assert (
        lines[0]
        == "::error file=box/my config.json,line=2,endLine=2,col=17,endColumn=18,title=RUN212 relative-cwd::100%25 wrong,%0Ahere: <x> (/a/é/1)"
    )
    assert lines[1].startswith("::notice file=")


def test_gitlab():
    """The members that GitLab reads, and fingerprints that differ."""
    rows = json.loads(gitlab.render([_item(), _item(), _item("RUN008", "/b", "info")], {FILE: TEXT}))
    assert [row["severity"] for row in rows] == ["critical", "critical", "info"]
    assert len({row["fingerprint"] for row in rows}) == 3
    assert rows[0]["location"] == {"path": FILE, "lines": {"begin": 2}}
    assert set(rows[0]) == {"description", "check_name", "fingerprint", "severity", "location"}


def test_junit():
    """XML that can be read, a suite a file, only errors fail, and a passing case for a file without findings."""
    module = formats.of("junit")
    text = module.whole(
        [junit.fragment(FILE, [_item(message="\x01 bad"), _item(severity="warning")], TEXT), junit.fragment("other.json", [], "{}")]
    )
    suites = ET.fromstring(text)
    assert (suites.get("tests"), suites.get("failures")) == ("3", "1")
    first, second = suites.findall("testsuite")
    assert [case.find("failure") is not None for case in first] == [True, False]
    assert [len(case) for case in second] == [0]


def test_fingerprints_survive_insertions():
    """They are made of rule, path and the pointer by key, not of lines and numbers."""
    one, two = _item(), _item(text="\n\n" + TEXT)
    one.key = two.key = "/mounts[destination=/data]"
    assert fingerprint(one) == fingerprint(two)
    two.key = "/mounts[destination=/more]"
    assert fingerprint(one) != fingerprint(two)
