"""One fault, one error: deleting any member and changing any type of real documents gives one error-level finding, or a listed number."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from contain.document.pointers import label
from contain.linter import Linter

ENGINES = sorted((Path(__file__).parent / "engines").glob("*.json"))
#: what may give more than one error when it is left out: each namespace is needed by several things
SEVERAL = ("/linux/namespaces",)
ALL = "/linux"


def _places(value, at=""):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        pointer = f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
        yield pointer, value, key
        yield from _places(child, pointer)


def _pointers(document):
    """All places, but of long lists of like items only the first ones."""
    for pointer in dict.fromkeys(place for place, _, _ in _places(document)):
        long = pointer.startswith(
            (
                "/linux/seccomp/",
                "/process/capabilities/",
                "/process/env/",
                "/linux/maskedPaths/",
                "/linux/resources/devices/",
                "/linux/devices/",
            )
        )
        if not long or all(not part.isdigit() or int(part) < 2 for part in pointer.split("/")):
            yield pointer


def _errors(linter, document):
    found = linter.lint(json.dumps(document).encode(), "c.json")
    assert not linter.failed, [str(item) for item in found if item.id == "DOC999"]
    return [str(item) for item in found if item.severity == "error"]


def _mutate(document, pointer, change):
    mutant = copy.deepcopy(document)
    for place, holder, key in _places(mutant):
        if place == pointer:
            change(holder, key)
            return mutant
    raise KeyError(pointer)


def _delete(holder, key):
    del holder[key]


def _retype(holder, key):
    holder[key] = 7.5 if not isinstance(holder[key], (int, float)) or isinstance(holder[key], bool) else "text"


@pytest.mark.parametrize("path", ENGINES, ids=[path.stem for path in ENGINES])
def test_a_changed_type_is_one_error(path):
    """Whatever member or item gets another type, one error tells it."""
    document = json.loads(path.read_text())
    linter = Linter()
    before = len(_errors(linter, document))
    strange = {}
    for pointer in _pointers(document):
        found = _errors(linter, _mutate(document, pointer, _retype))
        here = [text for text in found if f" error: {label(pointer)}" in text]
        # errors that the document had before may be silent now, since what they are about cannot be known
        if len(here) != 1 or len(found) > before + 1:
            strange[pointer] = found
    assert strange == {}


@pytest.mark.parametrize("path", ENGINES, ids=[path.stem for path in ENGINES])
def test_a_deleted_member_is_at_most_one_error(path):
    """Whatever is left out, nothing falls over, and no error has companions."""
    document = json.loads(path.read_text())
    linter = Linter()
    before = len(_errors(linter, document))
    strange = {}
    for pointer in _pointers(document):
        found = _errors(linter, _mutate(document, pointer, _delete))
        if len(found) > before + 1 and not pointer.startswith(SEVERAL) and pointer != ALL:
            strange[pointer] = found
    assert strange == {}
