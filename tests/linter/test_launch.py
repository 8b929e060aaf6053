"""Lint and launch are of one mind: what a launch refuses for what a document says, lint finds by the same id and pointer, and the reverse."""

from __future__ import annotations

import json
import random

import pytest

from contain.diagnostics.table import RULES
from contain.errors import ContainError, HostError
from contain.linter import Linter, lint
from contain.linter.examples import document
from contain.linter.registry import pages
from contain.plan.compile import compile_run
from contain.spec import semantics
from contain.spec.options import Options
from contain.spec.sources import oci
from tests.linter.test_cascade import ENGINES, _delete, _mutate, _pointers, _retype
from tests.plan.test_security import host_of

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
    """What a launch refuses, and whether it got as far as to what the document means: text and shape come first."""
    try:
        return {(item.id, item.pointer) for item in semantics.check(oci.read(str(path), Options())) if item.error}, True
    except ContainError as error:
        return {(item.id, item.pointer) for item in error.diagnostics}, False


@pytest.mark.parametrize("whole", list(_examples()))
def test_one_mind(whole, tmp_path):
    """Every example of every rule, told by both."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(whole))
    found = lint(path.read_bytes())
    refused, whole = _refused(path)
    assert refused - {(item.id, item.pointer) for item in found} <= LATER
    if whole:
        assert {(item.id, item.pointer) for item in found if item.blocking} - LATER == refused - LATER
    assert {id for id, _ in refused if not RULES[id][2]} == set()


def _planned(path):
    """What planning it for a host that has everything refuses: its error, or None."""
    try:
        spec = oci.read(str(path), Options())
        semantics.require(spec)
        compile_run(spec, host_of("v2-root"))
    except HostError:
        return None  # what this host lacks
    except ContainError as error:
        return error
    return None


@pytest.mark.parametrize("path", ENGINES, ids=[path.stem for path in ENGINES])
def test_one_mind_about_engines_documents_with_a_fault(path, tmp_path):
    """Members left out and types changed: what cannot be read, means nothing or cannot be compiled is an error of lint, at the first place at least."""
    document = json.loads(path.read_text())
    linter, rng, file = Linter(), random.Random(path.stem), tmp_path / "config.json"
    pointers = sorted(_pointers(document))
    for pointer in rng.sample(pointers, min(40, len(pointers))):
        for change in (_delete, _retype):
            file.write_text(json.dumps(_mutate(document, pointer, change)))
            error = _planned(file)
            if error is None or "libseccomp cannot add a rule" in str(error):
                continue  # two rules that are no contradiction, and that it cannot put in one filter
            found = linter.lint(file.read_bytes(), "config.json")
            told = [(item.id, item.pointer) for item in error.diagnostics if item.blocking]
            assert told, f"{pointer}: {error}"
            assert told[0] in [*((item.id, item.pointer) for item in found), *LATER], (pointer, str(error))
            assert {id for id, _ in told} <= {item.id for item in found} | {id for id, _ in LATER}, (pointer, str(error))


def test_advice_never_blocks():
    """Engines' documents are obeyed: no rule of SEC refuses a launch."""
    assert [id for id, page in pages().items() if id.startswith("SEC") and page.row[2]] == []


def test_half_a_character_is_refused(tmp_path):
    """A lone surrogate is no text that a plan could carry: a finding, not a crash."""
    path = tmp_path / "config.json"
    path.write_text('{"ociVersion": "1.2.0", "root": {"path": "r"}, "process": {"cwd": "/", "args": ["\\ud800"]}}')
    assert _refused(path) == ({("DOC007", "/process/args/0")}, False)
