"""The library's keywords, the command line's options and the typed ones are one table."""

from __future__ import annotations

from contain.container.job import RUN_OPTIONS
from contain.container.keywords import aliases
from contain.container.options import (
    AllBytesOptions,
    AllOptions,
    AllTextOptions,
    BytesOptions,
    EncodedOptions,
    ExecOptions,
    RunOptions,
    SandboxOptions,
    TextOptions,
)
from contain.container.sandbox import TARGETS
from contain.spec.options import BY_KEYWORD


def test_sandbox_options_are_the_table() -> None:
    """And the targets, `keep`, and the other names of some; without those that say nothing to a library."""
    own = {keyword for keyword, row in BY_KEYWORD.items() if not row.instead}
    assert set(SandboxOptions.__annotations__) == {*own, *aliases(), *TARGETS, "keep"}


def test_run_options_are_those_of_a_job() -> None:
    """In both directions; exec has `user` too, and run() everything."""
    assert set(RunOptions.__annotations__) == set(RUN_OPTIONS)
    assert set(ExecOptions.__annotations__) == {*RUN_OPTIONS, "user"}
    assert set(AllOptions.__annotations__) == {*RUN_OPTIONS, *SandboxOptions.__annotations__}


def test_overloads_have_all_options() -> None:
    """Those that decide between bytes and text aside, which only the latter have."""
    text = {"text", "encoding", "errors"}
    assert set(TextOptions.__annotations__) == set(EncodedOptions.__annotations__) == set(RUN_OPTIONS)
    assert set(BytesOptions.__annotations__) == set(RUN_OPTIONS) - text
    assert set(AllBytesOptions.__annotations__) == set(AllOptions.__annotations__) - text
    assert set(AllTextOptions.__annotations__) == set(AllOptions.__annotations__)


def test_choices_are_the_table_s() -> None:
    """A Literal names each choice."""
    for keyword, row in BY_KEYWORD.items():
        if row.choices and not row.repeat and not row.instead:
            text = str(SandboxOptions.__annotations__[keyword])
            assert all(f'"{choice}"' in text or f"'{choice}'" in text for choice in row.choices), keyword
