"""The entry of the command line: dispatch, and what it says when something goes wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types

import pytest

from contain.cli import main as entry
from contain.errors import HostError


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch):
    """`verb(function)` makes `contain try` call the function."""

    def make(function):
        module = types.SimpleNamespace(main=function)
        monkeypatch.setattr(entry, "_load", lambda name: module)

    return make


def test_version_names_the_spec(contain) -> None:
    """`contain --version` prints contain's version and the spec's, as engines read them."""
    lines = contain("--version", check=True).stdout.splitlines()

    assert lines[0].startswith("contain version ")
    assert lines[1] == "spec: 1.3.0"


def test_help_lists_only_what_is_there(contain) -> None:
    """Every verb that `contain --help` lists has its module."""
    listed = [line.split()[0] for line in contain("--help", check=True).stdout.split("commands:")[1].split("\n\n")[0].splitlines() if line]
    known = {name: module for name, module, _ in entry.VERBS}

    assert all(entry._exists(known[name]) for name in listed)


def test_every_module_is_a_verb() -> None:
    """No module of cli/ with an entry of its own is left out of the table."""
    here = os.path.dirname(entry.__file__)
    found = set()
    for name in os.listdir(here):
        if name.endswith(".py") and name != "main.py":
            with open(f"{here}/{name}", encoding="utf-8") as file:
                found |= {name.removesuffix(".py")} if re.search("^(def main|command|def command)\\b", file.read(), re.MULTILINE) else set()

    assert found <= {module for _, module, _ in entry.VERBS}


def test_unknown_verb_is_refused(contain) -> None:
    """A verb that does not exist is one line and exit code 125."""
    result = contain("frobnicate")

    assert (result.returncode, result.stderr.splitlines()[0]) == (125, "no such command: frobnicate")


def test_unknown_global_option_has_its_place(contain) -> None:
    """An unknown option before the verb is named as such."""
    result = contain("--frob", "list")

    assert (result.returncode, result.stderr.splitlines()[0]) == (125, "<command line>:--frob: no such option before the command")


def test_error_is_printed_with_cause_and_remedy(verb, capsys) -> None:
    """A ContainError becomes its lines and its exit code."""

    def fail(argv):
        raise HostError("no user namespaces", cause="the sysctl forbids them", remedy="allow them")

    verb(fail)

    assert entry.main(["try"]) == 125
    assert capsys.readouterr().err == "no user namespaces\n  cause: the sysctl forbids them\n  remedy: allow them\n"


def test_bug_is_one_line(verb, capsys, monkeypatch) -> None:
    """An exception nobody foresaw is one line that says where, without a traceback."""
    monkeypatch.delenv("CONTAIN_DEBUG", raising=False)
    verb(lambda argv: 1 // 0)

    assert entry.main(["try"]) == 125
    assert capsys.readouterr().err.startswith("a bug of contain: ZeroDivisionError at test_main.py:")


def test_bug_shows_its_traceback_on_request(verb, capsys, monkeypatch) -> None:
    """With CONTAIN_DEBUG=1 the traceback comes first."""
    monkeypatch.setenv("CONTAIN_DEBUG", "1")
    verb(lambda argv: 1 // 0)

    entry.main(["try"])

    assert "Traceback" in capsys.readouterr().err


def test_interrupt_is_130(verb) -> None:
    """Ctrl-C ends with the shell's code for SIGINT, silently."""

    def interrupt(argv):
        raise KeyboardInterrupt

    verb(interrupt)

    assert entry.main(["try"]) == 130


def test_global_options_reach_the_verb(verb) -> None:
    """What engines put before the verb is handed to it, in every spelling they use."""
    seen = {}
    verb(lambda argv, global_options: seen.update(global_options, argv=argv) or 0)

    entry.main(["--root", "/r", "-log=/l", "--debug", "state", "web"], name="/usr/bin/runc")

    assert seen == {"root": "/r", "log": "/l", "debug": "", "program": "runc", "argv": ["web"]}


def test_closed_pipe_is_quiet(top) -> None:
    """A reader that went away is no error worth words."""
    script = f"{sys.executable} -m contain --help | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", script], cwd=top, capture_output=True, text=True, check=False)

    assert result.returncode in {0, 141}
    assert not result.stderr


@pytest.mark.parametrize(
    ("words", "first", "remedy"),
    [
        (["doctor", "foo"], "<command line>: got unexpected extra argument (foo)", "contain doctor --help says what it takes"),
        (["doctor", "--frob"], "<command line>:--frob: no such option", "contain doctor --help says what it takes"),
        (["lint", "--isolate"], "<command line>:--isolate: no such option", "did you mean --isolated?"),
        (["wait"], "<command line>: missing argument 'ID...'", "contain wait --help says what it takes"),
    ],
    ids=str,
)
def test_mistakes_read_alike(contain, words, first, remedy) -> None:
    """Of all verbs: where, what, and what to do; no usage text before it."""
    result = contain(*words)

    assert (result.returncode, result.stderr.splitlines()) == (2, [first, f"  remedy: {remedy}"])


@pytest.mark.parametrize("words", [["--help"], ["features"]])
def test_full_disk_is_one_line(top, words) -> None:
    """A stdout that takes nothing is said in words, without a traceback."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "contain", *words]
        result = subprocess.run(command, cwd=top, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert result.returncode == 125
    assert result.stderr == "cannot write: No space left on device\n"


def test_every_verb_has_a_page(top) -> None:
    """A verb that exists is described in docs/commands/."""
    there = {name for name, module, _ in entry.VERBS if entry._exists(module)}

    assert sorted(name for name in there if not os.path.exists(f"{top}/docs/commands/{name}.md")) == []
