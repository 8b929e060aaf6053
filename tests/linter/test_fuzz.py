"""Nothing makes the linter fall over: generated documents, mutants, nulls anywhere, and any bytes."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contain.document import parse
from contain.linter import Linter, lint
from contain.schema import generate
from tests.schema.documents import Maker

#: strings that rules look at closely
WORDS = [
    "",
    "a",
    "/run/box",
    "NAME=väl",
    "bind",
    "ro",
    "CAP_KILL",
    "0-3",
    "/proc/1/ns/net",
    "net.ipv4.x",
    "\n",
    "..",
    "//",
    "1.0.2",
    "tcp",
    "host",
    "\ud800",
]


class OddMaker(Maker):
    """Makes documents of odd strings."""

    def _string(self, node, _):
        return self.matches[node["pattern"]] if "pattern" in node else self.rng.choice(WORDS)


def _nulled(value, rng):
    """The same document with nulls here and there."""
    if isinstance(value, dict):
        return {key: None if rng.random() < 0.1 else _nulled(child, rng) for key, child in value.items()}
    return [None if rng.random() < 0.1 else _nulled(child, rng) for child in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", generate.KINDS)
def test_no_document_makes_a_rule_raise(kind):
    """Sound documents, mutants with one fault, and nulls: rules find things or do not, and none fails."""
    rng = random.Random(kind)
    maker = OddMaker(generate.load(kind), rng)
    linter = Linter()
    for members in (0.2, 0.5, 0.9):
        document = maker.document(members=members)
        mutants = [mutant for mutant, _, _ in maker.mutants(document)]
        for value in [document, _nulled(document, rng), *rng.sample(mutants, min(12, len(mutants)))]:
            found = linter.check(parse(json.dumps(value).encode(), "f"), kind=kind)
            assert not linter.failed, [str(item) for item in found if item.id == "DOC999"]
            assert all(item.position is not None for item in found)


@given(st.binary(max_size=80) | st.text(alphabet='{}[],:"acKindoVrs0mlyt1./', max_size=60).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_any_bytes(data):
    """Whatever is given, findings come back."""
    lint(data)
