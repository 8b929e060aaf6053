"""The table of options, and what each value looks like."""

from __future__ import annotations

import pytest

from contain.errors import UsageError
from contain.spec import values
from contain.spec.apply import ORDER
from contain.spec.options import BY_NAME, OPTIONS, Options


def test_rows_are_whole() -> None:
    """Every row has a known family, a help text in lower case without full stop, and names of its own."""
    names = [name for row in OPTIONS for name in (*row.names, *row.off)]
    assert len(names) == len(set(names))
    for row in OPTIONS:
        assert row.family in ORDER
        assert row.help[0].islower()
        assert not row.help.endswith(".")
        assert bool(row.metavar) == (row.kind != "flag")


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("512", 512),
        ("7b", 7),
        ("1k", 1024),
        ("512m", 512 << 20),
        ("1.5g", 3 << 29),
        ("2GiB", 2 << 30),
        ("2gb", 2 << 30),
        ("-1", -1),
    ],
)
def test_size(text: str, bytes_: int) -> None:
    """Sizes as docker takes them, exact."""
    assert values.size(text) == bytes_


@pytest.mark.parametrize("text", ["", "m", "12x", "1e9", "-5", "1..5g", "٣m", "1_000", "99999999p", "5mm", "nan", "1.g"])
def test_bad_size(text: str) -> None:
    """All else is refused."""
    with pytest.raises(ValueError, match="size|machine"):
        values.size(text)


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("0.5", 0.5), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25)])
def test_duration(text: str, seconds: float) -> None:
    """Times as timeout(1) and Go write them."""
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "5x", "1h30", "inf", "m", "1e3"])
def test_bad_duration(text: str) -> None:
    """All else is refused."""
    with pytest.raises(ValueError, match="time"):
        values.duration(text)


@pytest.mark.parametrize("text", ["", "1.5", "-2", "1e3", "٣", "12a"])
def test_bad_count(text: str) -> None:
    """Whole numbers and -1."""
    with pytest.raises(ValueError, match="number"):
        values.count(text)


def test_later_replaces_repeatable_appends() -> None:
    """As in every command line."""
    options = Options(environ={}, cwd="/")
    for name, value in (("-m", "1g"), ("--memory", "2g"), ("-e", "A=1"), ("--env", "B=2"), ("--no-init", None)):
        options.add(BY_NAME[name], name, value)
    assert options.values == {"memory": 2 << 30, "env": ["A=1", "B=2"], "init": False}
    assert options.name("memory") == "--memory"


def test_flag_with_value() -> None:
    """--rm=false is --keep."""
    options = Options(environ={}, cwd="/")
    options.add(BY_NAME["--rm"], "--rm", "false")
    assert options.values["rm"] is False
    with pytest.raises(UsageError) as caught:
        options.add(BY_NAME["--rm"], "--rm", "perhaps")
    assert caught.value.place == "<command line>:--rm"


def test_unknown_keyword() -> None:
    """The library's keywords are those of the table."""
    with pytest.raises(UsageError, match="memry"):
        Options(memry=1)
