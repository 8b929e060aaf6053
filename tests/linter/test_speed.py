"""What is left out for speed changes nothing: rules that are not asked, names that are searched for, lists that are looked at by one call."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from contain import schema
from contain.document import parse
from contain.document.pointers import join
from contain.document.scanner import Scanner
from contain.linter import Linter, members
from contain.linter.engine import _Plan
from contain.linter.examples import document
from contain.linter.reading import pruned
from contain.linter.registry import pages, reads_only, subjects
from contain.schema import generate
from tests.schema.documents import Maker

ENGINES = sorted((Path(__file__).parent / "engines").glob("*.json"))


def _without(value, path):
    """The document without a member, or None when it has none."""
    result = copy.deepcopy(value)
    holder = result
    for part in path[:-1]:
        holder = holder.get(part)
        if not isinstance(holder, dict):
            return None
    return result if holder.pop(path[-1], None) is not None else None


def test_a_rule_is_silent_about_what_is_not_there():
    """Every rule that says what it is about finds nothing in a document that lacks it, so the engine need not ask."""
    bases = [json.loads(path.read_text()) for path in ENGINES]
    bases += [
        document("runtime-config", json.loads(bad))
        for page in pages().values()
        if page.kind == "runtime-config"
        for bad in page.fields.get("bad", [])
    ]
    rules = [(id, function) for id, function, names in Linter().rules_of("runtime-config") if subjects(function) and len(names) == 1]
    assert len(rules) > 100
    for paths in {subjects(function) for _, function in rules}:
        about = [function for _, function in rules if subjects(function) == paths]
        lacking = [base for base in bases if all(_without(base, path) is None for path in paths)]
        for base in bases:
            for path in paths:
                base = _without(base, path) or base
            lacking.append(base)
        for value in lacking:
            assert [row for function in about for row in function(dict(value))] == []


def test_what_cannot_be_known_is_asked_about():
    """A subject below something that has a finding already may be there."""
    plan = _Plan(Linter().rules_of("runtime-config"), alone=False)
    assert plan.there({}) == [False] * len(plan.subjects) + [True]
    assert all(
        plan.there(
            dict.fromkeys(("linux", "process", "root", "mounts", "hooks", "annotations", "windows", "vm", "zos", "freebsd", "solaris"), 0)
        )
    )


def _written(value, rng):
    """JSON with blanks and escapes where nobody writes them."""
    blank = rng.choice(["", "", " ", "\n", "\t "])
    if isinstance(value, dict):
        rows = [f"{_written(key, rng)}{blank}:{rng.choice(['', ' ', chr(10)])}{_written(child, rng)}" for key, child in value.items()]
        return "{" + blank + f",{blank}".join(rows) + rng.choice(["", " "]) + "}"
    if isinstance(value, list):
        return "[" + blank + f"{blank}, ".join(_written(child, rng) for child in value) + blank + "]"
    if isinstance(value, str) and value and rng.random() < 0.02:
        return '"' + "".join(f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else letter for letter in value) + '"'
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def _pointers(value, at=""):
    yield at
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _pointers(child, join(at, key))


@pytest.mark.parametrize("kind", ["runtime-config", "image-config", "appc-pod"])
def test_positions_are_those_of_the_careful_scanner(kind):
    """Whatever is asked for, alone or together, how ever the text is written."""
    rng = random.Random(kind)
    for number in range(12):
        value = Maker(generate.load(kind), rng).document(members=0.6)
        if number % 2 and isinstance(value, dict):
            value |= {"a/b": "x", '"': ["one", "two", '"'], "": ["", "{"], "z\u00e9": {"uid": 7, "names": ["bpf", "bpf"]}}
        text = " " * (number % 3) + _written(value, rng) + "\n"
        scanner = Scanner(text)
        scanner.run()
        pointers = list(_pointers(value))
        for wanted in [[one] for one in rng.sample(pointers, min(40, len(pointers)))] + [rng.sample(pointers, len(pointers) // 3)]:
            found = parse(text.encode(), "c").positions(wanted)
            assert {one: (found[one].offset, found[one].end) for one in wanted} == {one: scanner.spans[one][:2] for one in wanted}
        missing = f"{rng.choice(pointers)}/no such thing"
        careful = parse(text.encode(), "c")
        careful.set_spans(scanner.spans)
        assert parse(text.encode(), "c").position(missing) == careful.position(missing)


@pytest.mark.parametrize("kind", generate.KINDS)
def test_the_quick_look_for_strangers_sees_all_of_them(kind):
    """When it says that every member is known, the careful one finds nothing."""
    rng = random.Random(kind)
    maker = Maker(generate.load(kind), rng)
    for _ in range(6):
        value = maker.document(members=0.7)
        holders = [value]
        for holder in holders:
            holders += [child for child in (holder.values() if isinstance(holder, dict) else holder) if isinstance(child, (dict, list))]
        for holder in [None, *[one for one in holders if isinstance(one, dict)]]:
            if holder is not None:
                holder["stranger"] = {"x": []}
            careful = []
            if isinstance(value, (dict, list)):
                members._walk(value, members.OUTLINES[kind], None, "", careful, 1000, nulls="")
            quick = members.findings(value, kind, nulls=False)
            assert [(id, row[:2]) for id, row in quick] == [(id, row[:2]) for id, row in careful]
            if holder is not None:
                del holder["stranger"]


def _alone(value, path):
    """The document with only what stands at a path."""
    node = value
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    if node is None:
        return {}
    for part in reversed(path):
        node = {part: node}
    return node


def test_a_rule_that_reads_one_part_finds_the_same_in_that_part_alone():
    """So what it found holds for the next document that says the same there."""
    rules = [(function, reads_only(function)) for _, function, names in Linter().rules_of("runtime-config") if reads_only(function)]
    assert len(rules) > 40
    bases = [json.loads(path.read_text()) for path in ENGINES]
    for page in pages().values():
        if page.kind == "runtime-config":
            bases += [document("runtime-config", json.loads(text)) for word in ("bad", "good") for text in page.fields.get(word, [])]
    sound = [pruned(base, frozenset()) for base in bases if not list(schema.rows("runtime-config", base))]
    assert len(sound) > 300
    for function, path in rules:
        for base in sound:
            assert [row[:2] for row in function(dict(base))] == [row[:2] for row in function(dict(_alone(base, path)))]


def test_what_was_found_in_the_last_document_is_not_told_of_the_next():
    """One linter, documents that share parts and differ in others: each gets what a linter of its own says."""
    linter = Linter()
    bases = [json.loads(path.read_text()) for path in ENGINES]
    for page in pages().values():
        if page.kind == "runtime-config" and page.id[:4] in ("RUN5", "RUN6", "SEC0", "SEC1"):
            bases += [document("runtime-config", json.loads(text)) for text in page.fields.get("bad", [])]
    texts = [json.dumps(base).encode() for base in bases]
    alone = [[str(item) for item in Linter().lint(text, "c")] for text in texts]
    for index in (*range(len(texts)), *reversed(range(len(texts)))):
        assert [str(item) for item in linter.lint(texts[index], "c")] == alone[index]
