"""Lint and launch are of one mind: what a launch refuses for what a document says, lint finds by the same id and pointer, and the reverse."""

from __future__ import annotations

import json

import pytest

from contain.errors import ContainError
from contain.linter import lint
from contain.linter.examples import document
from contain.linter.registry import pages
from contain.spec import semantics
from contain.spec.options import Options
from contain.spec.sources import oci

#: lint warns, since the text lets a container be created without a process; `run` needs one
LATER = {("RUN213", "/process/args")}


def _examples():
    for id, page in pages().items():
        if page.kind != "runtime-config" or id.startswith("SEC"):
            continue
        for word in ("bad", "good"):
            for number, example in enumerate(page.fields.get(word, [])):
                whole = document(page.kind, json.loads(example))
                if isinstance(whole, dict) and not {"windows", "freebsd", "zos", "solaris", "vm"} & whole.keys():
                    yield pytest.param(whole, id=f"{id}-{word}-{number}")


def _refused(path):
    try:
        return {(item.id, item.pointer) for item in semantics.check(oci.read(str(path), Options())) if item.error}
    except ContainError as error:
        return {(item.id, item.pointer) for item in error.diagnostics}


@pytest.mark.parametrize("whole", list(_examples()))
def test_one_mind(whole, tmp_path):
    """Every example of every rule, told by both."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(whole))
    found = lint(path.read_bytes())
    refused = _refused(path)
    assert refused - {(item.id, item.pointer) for item in found} <= LATER
    assert {(item.id, item.pointer) for item in found if item.severity == "error" and item.blocking} <= refused


def test_advice_never_blocks():
    """Engines' documents are obeyed: no rule of SEC refuses a launch."""
    assert [id for id, page in pages().items() if id.startswith("SEC") and page.row[2]] == []
