"""The small loop over the table of options."""

from __future__ import annotations

import pytest

from contain.cli import arguments, plan, run
from contain.errors import UsageError
from contain.spec.options import OPTIONS, Options


def scan(*argv: str, own: dict[str, bool] | None = None) -> tuple[Options, list[str], dict[str, str]]:
    """Options, arguments, the verb's own options."""
    options = Options(environ={}, cwd="/")
    words, extra = arguments.scan(list(argv), options, own)
    return options, words, extra


def test_spellings() -> None:
    """Values behind =, as the next word, glued to a letter; flags in one word."""
    options, words, _ = scan("-it", "-m1g", "-v", "/a:/b", "--cpus=2", "--env=A=B", "-eC=D", "root")
    assert words == ["root"]
    assert options.values == {"interactive": True, "tty": True, "memory": 1 << 30, "volume": ["/a:/b"], "cpus": 2.0, "env": ["A=B", "C=D"]}


def test_command_is_what_follows() -> None:
    """Behind -- nothing is an option, not even a second --."""
    options, words, _ = scan("root", "--", "ls", "-l", "--", "--rm")
    assert words == ["root"]
    assert options.command == ["ls", "-l", "--", "--rm"]
    assert options.values == {}


def test_options_after_the_target() -> None:
    """Options may stand on either side of TARGET."""
    options, words, _ = scan("root", "--read-only", "--no-init")
    assert words == ["root"]
    assert options.values == {"read_only": True, "init": False}


def test_own_options() -> None:
    """A verb's own options stand beside the table's."""
    _, words, extra = scan("--format", "json", "--help", "b", own={"--format": True, "--help": False})
    assert (words, extra) == (["b"], {"--format": "json", "--help": "yes"})


@pytest.mark.parametrize("argv", [["--nothing"], ["-X"], ["-itX"], ["--memory"], ["--memory", "--"]])
def test_wrong(argv: list[str]) -> None:
    """The option is named as its own place."""
    with pytest.raises(UsageError) as caught:
        scan(*argv)
    assert caught.value.place.startswith("<command line>:-")
    assert caught.value.remedy


def test_option_of_a_command_without_dashes() -> None:
    """As docker has it: what is missing is said, not that contain has no -c."""
    with pytest.raises(UsageError) as caught:
        scan("-i", "root", "sh", "-c", "ls")
    assert caught.value.remedy == "put -- before the command: root -- sh -c …"


def test_help_has_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """--help is made from the table, and says when runc's contract holds."""
    assert run.main(["-h"]) == 0
    text = capsys.readouterr().out
    assert run.main(["--help"]) == 0
    assert capsys.readouterr().out == text
    for row in OPTIONS:
        for name in (*row.names, *row.off):
            assert name in text
    assert "runc's contract" in text
    assert max(map(len, text.splitlines())) <= 120
    assert plan.main(["--help"]) == 0
    assert "--host FILE" in capsys.readouterr().out
