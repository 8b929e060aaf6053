"""Whatever is written behind an option, it is taken or refused with words: never a stumble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contain.errors import ContainError
from contain.spec import semantics, sources
from contain.spec.options import OPTIONS, Option, Options

if TYPE_CHECKING:
    from pathlib import Path

NASTY = (
    *(
        "",
        " ",
        ":",
        "::",
        ":::",
        "=",
        "==",
        ",",
        ",,",
        "/",
        "//",
        "..",
        "../..",
        "-",
        "-1",
        "0",
        "1",
        "١",
        "1e3",
        "nan",
        "inf",
        "9" * 40,
        "0x10",
        "1,2",
    ),
    *(
        "a",
        "a=b",
        "a:b",
        "/a:/b",
        "/a:/b:ro,rw",
        "/a:b:ro",
        "/a:/b:size=x",
        "ALL",
        "all",
        "a\0b",
        "\udcff",
        "ü",
        "a" * 5000,
        "/dev/null:::",
        "/dev/null:/x:q",
    ),
    *(
        "type=tmpfs,dst=/x,tmpfs-size=abc",
        "type=tmpfs,dst=/x,tmpfs-mode=rw",
        "type=bind,src=,dst=/x",
        "type=bind,dst=/x",
        "type=,dst=",
        "dst",
        "type=bind,src=a,dst=/x,ro=false",
    ),
    *(
        "seccomp",
        "seccomp=",
        "seccomp=/dev/null",
        "seccomp=/",
        "apparmor",
        "label",
        "label:a",
        "mask",
        "mask=x:y",
        "unmask=",
        "no-new-privileges=maybe",
    ),
    *(
        "nofile=",
        "nofile=a",
        "nofile=1:a",
        "nofile=-1",
        "nofile=unlimited:5",
        "RLIMIT_CPU=1",
        "0:0:0",
        ":0",
        "4294967295",
        "0:4294967296",
        "0-",
        "-0",
        "1-0",
        "1h1",
        "h",
        "5m5",
    ),
)


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.keyword)
def test_refused_with_words(tmp_path: Path, row: Option) -> None:
    """Every option with every one of them."""
    (tmp_path / "a").write_text("x")
    refused: list[tuple[str, list[str]]] = []
    in_place = True
    for text in NASTY:
        options = Options(cwd=str(tmp_path), environ={"HOME": "/", "a": "b"}, command=["true"])
        try:
            options.add(row, row.shown, text)
            semantics.require(sources.read("", options))
        except ContainError as error:
            refused.append((text, error.lines()))
            in_place = in_place and error.place.startswith("<command line>:") and bool(error.remedy)
    assert in_place, refused
    assert [lines for _, lines in refused if "\n" in lines[0]] == []
