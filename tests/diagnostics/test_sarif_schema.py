"""SARIF as its schema wants it: sarif-2.1.0-*.json from the npm package @microsoft/jest-sarif, named by $CONTAIN_SARIF_SCHEMA."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from contain.diagnostics import formats
from contain.linter import lint

ENGINES = Path(__file__).parents[1] / "linter/engines"
SCHEMA = os.environ.get("CONTAIN_SARIF_SCHEMA", "")


@pytest.mark.skipif(not SCHEMA, reason="CONTAIN_SARIF_SCHEMA names no file (npm pack @microsoft/jest-sarif has it)")
def test_sarif_is_sound():
    """Findings about every engine's document, about a broken one, and about none."""
    schema = json.loads(Path(SCHEMA).read_text())
    texts = {path.name: path.read_text() for path in sorted(ENGINES.glob("*.json"))}
    texts["broken config.json"] = '{"ociVersion": '
    module = formats.of("sarif")
    for names in (list(texts), []):
        log = module.whole([module.fragment(name, lint(texts[name].encode(), name=name), texts[name]) for name in names])
        judge = jsonschema.validators.validator_for(schema)
        assert [error.message for error in judge(schema).iter_errors(json.loads(log))] == []
