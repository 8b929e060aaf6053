"""The generated validators: fresh, exact, and of one mind with jsonschema on our own schemas."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from contain import schema
from contain.document import parse
from contain.schema import emit, generate
from contain.schema.patterns import FORMS
from contain.schema.support import distance, nearest
from tests.schema.documents import Maker

TOP = Path(__file__).resolve().parents[2]


def test_generated_files_are_fresh():
    """`python -m contain.schema.generate` has nothing to write."""
    assert generate.stale() == []


@pytest.mark.parametrize("kind", generate.KINDS)
def test_jsonschema_agrees_on_our_own_schemas(kind):
    """On sound documents and on mutants, jsonschema's draft 7 gives the same verdict."""
    document_schema = generate.load(kind)
    jsonschema.Draft7Validator.check_schema(document_schema)
    judge = jsonschema.Draft7Validator(document_schema)
    rng = random.Random(3)
    maker = Maker(document_schema, rng)
    for _ in range(5):
        document = maker.document(members=0.3)
        assert judge.is_valid(document)
        assert schema.validate(kind, document) == []
        mutants = list(maker.mutants(document))
        for mutant, pointer, what in rng.sample(mutants, min(50, len(mutants))):
            if what.endswith("is 2.0"):  # an integer for draft 7, for no runtime
                assert [found.id for found in schema.validate(kind, mutant)] == ["DOC103"]
                continue
            assert not judge.is_valid(mutant), (pointer, what)
            assert [found.pointer for found in schema.validate(kind, mutant)] == [pointer], what


@pytest.mark.parametrize("pattern", FORMS)
def test_each_form_is_its_pattern(pattern):
    """The functions without `re` decide as the patterns do."""
    rng = random.Random(pattern)
    pieces = ["RLIMIT_", "CAP_", "A", "Z_", "MB:", "2", "0", ",", "-", " ", "KB", "GB", "c", "rw", "m", "\n", "é", "a", "sha256:", "/"]
    # draft 7 patterns are ECMA's, whose $ is the end and not also the last newline
    expression = re.compile(pattern.removesuffix("$") + r"\Z")
    for _ in range(4000):
        text = "".join(rng.choices(pieces, k=rng.randint(0, 4)))
        assert FORMS[pattern][1](text) == bool(expression.search(text)), text


def test_null_counts_as_absent():
    """Go reads null as absent: so an optional member may be null and a required one is missing."""
    assert schema.validate("runtime-config", {"ociVersion": "1.0.2", "process": None, "mounts": None}) == []
    (found,) = schema.validate("runtime-config", {"ociVersion": None})
    assert (found.pointer, found.id, found.message) == ("/ociVersion", "RUN002", "ociVersion is missing")


@pytest.mark.parametrize(
    ("member", "value", "id", "words"),
    [
        ("uid", 1.0, "DOC103", "must be an integer: written with a point or an exponent every runtime refuses it"),
        ("uid", 1.5, "RUN206", "must be an integer, not a number"),
        ("uid", -1, "DOC104", "-1 does not fit the field, which has 32 bits without sign"),
        ("uid", 2**32, "DOC104", "4294967296 does not fit the field"),
        ("uid", True, "RUN206", "must be an integer, not a boolean"),
        ("additionalGids", {}, "RUN206", "must be a list, not an object"),
    ],
)
def test_numbers_are_exact(member, value, id, words):
    """A float is no integer, a boolean is no number, and each field has its width."""
    (found,) = schema.validate("runtime-config", {"ociVersion": "1.0.2", "process": {"cwd": "/", "user": {member: value}}})
    assert found.id == id
    assert words in found.message


def test_check_gives_positions_and_no_cascade():
    """Problems of the text and of the shape come in order of place; a number that cannot be read is not also missing."""
    text = b'{\n "ociVersion": "1.0.2",\n "process": {"cwd": 7, "cwd": 8},\n "linux": {"resources": {"pids": {"limit": NaN}}}\n}'
    found = schema.check("runtime-config", parse(text, "c.json"))
    assert [(item.id, item.position.line, item.pointer) for item in found] == [
        ("DOC201", 3, "/process/cwd"),
        ("RUN202", 3, "/process/cwd"),
        ("DOC101", 4, "/linux/resources/pids/limit"),
    ]


def test_suggestions():
    """A slip of the fingers, another case and a left-out prefix are understood; a far word is not."""
    choices = ("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "network", "pid")
    assert nearest("ERRNO", choices) == "SCMP_ACT_ERRNO"
    assert nearest("netwrok", choices) == "network"
    assert nearest("Network", choices) == "network"
    assert nearest("zebra", choices) == ""
    assert distance("mout", "mount", 2) == 1


def test_what_is_seldom_is_read_when_it_is_there():
    """Engines' documents need the one module; what they never have stands apart, and is held against its schema all the same."""
    code = """
import glob, json, sys
from contain import schema
for file in glob.glob("tests/linter/engines/*.json"):
    with open(file) as text:
        document = json.load(text)
    if "linux" in document:
        assert schema.validate("runtime-config", document) == []
assert "contain.schema.generated.runtime_config" in sys.modules
assert "contain.schema.generated.runtime_config_seldom" not in sys.modules
document["linux"]["personality"] = {"domain": 1}
print(schema.validate("runtime-config", document)[0].pointer)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=TOP)
    assert (done.stdout, done.stderr) == ("/linux/personality/domain\n", "")


def test_unknown_keywords_are_refused():
    """The dialect is closed: what the generator does not know it does not pass over."""
    with pytest.raises(SystemExit, match="dependencies"):
        emit.Emitter({"type": "object", "x-rule": "XXX001", "dependencies": {}}, "x").module()
