"""How findings are shown: to people, and to programs."""

from __future__ import annotations

import json

from contain.diagnostics import concise, human, jsonl, model
from contain.diagnostics import json as json_format
from contain.document import parse

TEXT = '{\n\t"process": {"cwd": "é", "args": 7}\n}'


def _found(pointer="/process/args", text=TEXT):
    document = parse(text.encode(), "box/config.json")
    return model.Diagnostic(
        id="RUN201",
        name="process-shape",
        severity="error",
        message="process.args must be a list, not a number",
        file="box/config.json",
        pointer=pointer,
        position=document.position(pointer),
        fix='write ["7"]',
        page="docs/rules/RUN201.md",
    )


def test_human():
    """Place and words, the line with a caret, pointer and fix."""
    assert human.render([_found()], {"box/config.json": TEXT}) == (
        "box/config.json:2:34: error: process.args must be a list, not a number [RUN201 process-shape]\n"
        '    2 |  "process": {"cwd": "é", "args": 7}\n'
        "      |                                  ^\n"
        "  at /process/args\n"
        '  fix: write ["7"]\n'
    )


def test_human_shows_a_window_of_long_lines():
    """A document of one line is cut round the range, and the caret still points at it."""
    text = '{"a": "' + "x" * 5000 + '", "process": {"args": 7}, "b": "' + "y" * 5000 + '"}'
    shown = human.render([_found(text=text)], {"box/config.json": text}).split("\n")
    assert len(shown[1]) == len(shown[1].encode("utf-8")) - 4 <= 100
    assert shown[1].startswith("    1 | …x")
    assert shown[1].endswith("y…")
    assert shown[1][shown[2].index("^")] == "7"


def test_human_with_colour_and_without_a_text():
    """A terminal gets colours; a finding about no text shows no line."""
    item = _found()
    item.position = None
    assert human.render([item], {}, colour=True).startswith("\x1b[1mbox/config.json\x1b[0m: \x1b[1;31merror\x1b[0m: process.args")
    assert "|" not in human.render([item], {})


def test_concise():
    """One line each."""
    assert (
        concise.render([_found()], {}) == "box/config.json:2:34: RUN201 error: process.args must be a list, not a number (/process/args)\n"
    )


def test_json_and_jsonl():
    """Columns are code points, offsets bytes; both formats hold the same objects."""
    texts = {"box/config.json": TEXT}
    (record,) = json.loads(json_format.render([_found()], texts))
    assert record == json.loads(jsonl.render([_found()], texts))
    assert (record["line"], record["column"], record["end_line"], record["end_column"]) == (2, 34, 2, 35)
    assert TEXT.encode()[record["offset"] : record["end"]] == b"7"
    assert (record["id"], record["name"], record["pointer"]) == ("RUN201", "process-shape", "/process/args")
