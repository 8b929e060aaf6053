"""Nothing makes the linter fall over: generated documents, mutants, nulls anywhere, and any bytes."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contain.document import parse
from contain.linter import Linter, lint
from contain.linter.examples import document
from contain.linter.registry import pages
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


LONG = "1" * 5000
#: strings that look like numbers, times, paths, digests or globs, and are none, or endless
NASTY = [
    "\u00b2", "\u0663", LONG, f"uid={LONG}", "gid=\u00b2", f"0-{LONG}", f"{LONG}-1", f"1.2.{LONG}", f"{LONG}.1.0", "1.\u00b2", f"SIGRTMIN+{LONG}",
    f"{LONG}/tcp", "\u00b2/tcp", f"{LONG}:{LONG}", ":", "sha256:", "sha256:" + "\u00e9" * 64, "/proc/" + "../" * 50, "\ud800", f"size={LONG}", "mode=\u00b2",
    f"{LONG}-01-01T00:00:00Z", "9999-99-99T99:99:99Z", "%", "%zz", "http://[", "//", "A" * 70000, "=", "[", "*", "\\", "(", f"{LONG}MB", "L3:\n",
]  # fmt: skip


def _nasty(whole, rng):
    """Some texts and names of a document replaced."""
    spots, level = [], [whole]
    for holder in level:
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(value, (dict, list)):
                level.append(value)
            elif isinstance(value, str):
                spots.append((holder, key))
    for holder, key in rng.sample(spots, min(len(spots), 4)):
        if isinstance(holder, dict) and rng.random() < 0.3:
            holder[rng.choice(NASTY)] = holder.pop(key)
        else:
            holder[key] = rng.choice(NASTY)
    return whole


def test_no_text_makes_a_rule_raise():
    """The examples of every rule, with texts that nobody would write."""
    rng, linter = random.Random(7), Linter()
    for page in pages().values():
        if page.kind == "*":
            continue
        for text in [*page.fields.get("bad", []), *page.fields.get("good", [])]:
            whole = json.loads(json.dumps(document(page.kind, json.loads(text))))  # a copy: examples share their base
            if isinstance(whole, (dict, list)):
                found = linter.check(parse(json.dumps(_nasty(whole, rng)).encode(), "f"), kind=page.kind)
                assert not linter.failed, [str(item) for item in found if item.id == "DOC999"]


#: lists and objects of very many, each in one place of a document
MANY = {
    "mounts": lambda count: {"mounts": [{"destination": f"/m{number}", "type": "tmpfs", "source": "t"} for number in range(count)]},
    "options": lambda count: {
        "mounts": [{"destination": "/x", "type": "tmpfs", "source": "t", "options": [f"o{n}" for n in range(count)]}]
    },
    "maps": lambda count: {
        "linux": {
            "namespaces": [{"type": "user"}],
            "uidMappings": [{"containerID": number * 2, "hostID": number * 2, "size": 1} for number in range(count)],
        }
    },
    "calls": lambda count: {
        "linux": {
            "seccomp": {
                "defaultAction": "SCMP_ACT_ERRNO",
                "syscalls": [{"names": [f"c{n}" for n in range(count)], "action": "SCMP_ACT_ALLOW"}],
            }
        }
    },
    "masked": lambda count: {"linux": {"maskedPaths": [f"/p{number}" for number in range(count)]}},
    "members": lambda count: {"linux": {f"resource{number}": 1 for number in range(count)}},
    "env": lambda count: {"process": {"env": ["A=x"] * count}},
}


@pytest.mark.parametrize("name", MANY)
def test_very_many_of_anything_end_in_a_bounded_list(name):
    """No rule compares each with each: ten thousand of them took minutes."""
    whole = document("runtime-config", MANY[name](10_000))
    linter = Linter()
    found = linter.lint(json.dumps(whole).encode(), "config.json", named=True)
    assert not linter.failed
    assert 0 < len(found) <= 1001
