"""Reading documents: what they say, what is wrong with their text, and where things stand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contain.document import Position, parse
from contain.document.pointers import label

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def _ids(data: bytes) -> list[str]:
    return [problem.id for problem in parse(data, "x").problems]


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_sound_documents_read_as_json_reads_them(value, indent, ascii_only):
    """The value is json's, exactly, and every position covers the text of its value."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if "\\u0000" in text or "\\ud" in text or "\ud800" <= max(text) <= "\udfff":
        return
    document = parse(text.encode(), "x")
    assert document.problems == []
    assert document.value == value
    pointers = dict(_pointers(value, ""))
    for pointer, position in document.positions(pointers).items():
        assert json.loads(text[position.offset : position.end]) == pointers[pointer]
        assert text.split("\n")[position.line - 1][position.column - 1] == text[position.offset]


def _pointers(value, at):
    yield at, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _pointers(child, f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from _pointers(child, f"{at}/{index}")


@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[],:"\\/*#ntrue01-+.eE ué\n\t\ud800', max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@settings(max_examples=400, deadline=None)
def test_nothing_makes_it_fail(data):
    """Any bytes give a document; without problems its value is json's; a problem always has a place inside the text."""
    document = parse(data, "x")
    if not document.problems:
        assert document.value == json.loads(data)
    for problem in document.problems:
        assert 0 <= problem.position.offset <= problem.position.end <= len(document.text)
    document.position("/a/0", key=True)


@given(VALUES.filter(lambda value: isinstance(value, (dict, list)) and value), st.data())
@settings(max_examples=150, deadline=None)
def test_cut_documents_are_unreadable(value, data):
    """A document that ends too early is a syntax error, and has no value."""
    text = json.dumps(value)
    document = parse(text[: data.draw(st.integers(0, len(text) - 1))].encode(), "x")
    assert document.value is None
    assert "DOC001" in [problem.id for problem in document.problems]


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b"", ["DOC001"]),
        (b"\xef\xbb\xbf{}", ["DOC003"]),
        (b"\xff\xfe{\x00}\x00", ["DOC002"]),
        (b'{"a": "\xff", "b": "\xc3\x28"}', ["DOC002", "DOC002"]),
        (b"{} {}", ["DOC004"]),
        (b"// hi\n{} /* ho */", ["DOC005", "DOC005"]),
        (b'{"a": [1,],}', ["DOC006", "DOC006"]),
        (b'{"a": "\\ud800"}', ["DOC007"]),
        (b'{"a": "\\ud83d\\ude00"}', []),
        (b'{"a": "\\u0000"}', ["DOC008"]),
        (b'{"a": NaN, "b": -Infinity, "c": 1e999}', ["DOC101"] * 3),
        (b'{"a": ' + b"9" * 5000 + b"}", ["DOC102"]),
        (b'{"a": 1, "b": {"a": 2, "a": 2}}', ["DOC201"]),
        (b"[" * 5000, ["DOC402"]),
    ],
)
def test_each_oddity_has_its_id(data, ids):
    """Texts that parsers disagree about are named for what they are."""
    assert _ids(data) == ids


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('{"a" 1}', ["1:6"]),
        ('{"a": 1 "b": 2}', ["1:9"]),
        ('{"a": }', ["1:7"]),
        ('{"a"}', ["1:5"]),
        ('{"a":,"b":1}', ["1:6"]),
        ("{a: 1}", ["1:2"]),
        ("{'a': 1}", ["1:2"]),
        ('{"a": tru}', ["1:7"]),
        ('{"a": 01}', ["1:7"]),
        ('{"a": "x\n}', ["1:7"]),
        ('{"a": "\\x"}', ["1:8"]),
        ('{"a": [1 2 3}', ["1:7", "1:10", "1:12"]),
        ('{"a": 1', ["1:1"]),
        ('{"a": {"b": 1]}', ["1:14"]),
        ('{,"a": 1}', ["1:2"]),
        ('{"a": "t\tb"}', ["1:9"]),
        ("[1}", ["1:3"]),
        ("x", ["1:1"]),
        ('{"a": 1,\n "b" 2,\n "c": nope,\n "d": [1 2]}', ["2:6", "3:7", "4:10"]),
    ],
)
def test_all_syntax_errors_are_found_with_their_places(text, faults):
    """One pass tells all of them, each once."""
    document = parse(text.encode(), "x")
    assert document.value is None
    assert [f"{problem.position.line}:{problem.position.column}" for problem in document.problems if problem.id == "DOC001"] == faults


def test_integers_stay_exact():
    """64-bit fields keep every digit."""
    assert parse(b'{"a": 18446744073709551615}', "x").value == {"a": 18446744073709551615}


def test_the_last_duplicate_counts_and_is_the_one_that_is_shown():
    """As runc reads it: the last member wins."""
    document = parse(b'{"a": 1,\n "a": 2}', "x")
    assert document.value == {"a": 2}
    assert document.position("/a") == Position(2, 7, 15, 16)


def test_positions_of_what_is_not_there():
    """A missing member is shown at the nearest parent: its name, or the brace that opens it."""
    document = parse(b'{"process": {"user": {}}, "mounts": [{}]}', "x")
    assert document.position("/process/user/uid") == document.position("/process/user", key=True)
    assert document.position("/mounts/0/destination").offset == 37
    assert document.position("/linux/resources") == Position(1, 1, 0, 1)


def test_columns_count_code_points_and_lines_end_at_lf_only():
    """A letter outside the BMP is one column, and U+2028 or CR end no line."""
    document = parse('{"é😀\u2028": 1,\r\n "b": 2}'.encode(), "x")
    assert (document.position("/b").line, document.position("/b").column) == (2, 7)
    assert document.position("/é😀\u2028").column == 9


def test_too_large():
    """A document above the limit is not read."""
    document = parse(b"[" + b"1," * 100 + b"1]", "x", limit=50)
    assert (document.value, _ids(b"{}")) == (None, [])
    assert document.problems[0].message == "the document is larger than the limit of 50 bytes"


def test_words_for_pointers():
    """Messages name a value as people write it."""
    assert label("/mounts/3/options/0") == "mounts[3].options[0]"
    assert label("/annotations/org.example~1x") == 'annotations["org.example/x"]'


def test_imports_nothing_slow():
    """The hot path pays for no json, re or typing. Since 3.12 CPython's scanner imports json itself when a text is broken."""
    broken = "d.parse(b'{', 'x'); " if sys.version_info < (3, 12) else ""
    code = f"import sys, contain.document as d; d.parse(b'{{\"a\": 1}}', 'x').position('/a'); {broken}print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.'); {code}"], capture_output=True, text=True, check=True
    )
    assert not {"json", "re", "typing", "dataclasses", "enum", "functools", "collections.abc", "contextlib"} & set(loaded.stdout.split())
