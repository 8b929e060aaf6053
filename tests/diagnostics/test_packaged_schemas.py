"""SARIF and JUnit as their packaged schemas want them: Microsoft's for SARIF 2.1.0 (npm), the one that pytest tests itself by (its sdist)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest

from contain.diagnostics import formats
from contain.diagnostics.model import Diagnostic
from contain.document import Position
from contain.linter import Settings, lint
from contain.linter.examples import document
from contain.linter.registry import pages
from tests.borrowed import from_npm, from_sdist, python_with

ENGINES = Path(__file__).parents[1] / "linter/engines"

pytestmark = pytest.mark.slow


def _texts() -> dict[str, str]:
    """Every engine's document, one that is broken, one with odd letters, and every rule's bad example."""
    texts = {path.name: path.read_text() for path in sorted(ENGINES.glob("*.json"))}
    texts["mendable.json"] = '\ufeff{"ociVersion": "1.0.2", /* c */\n "root": {"path": "/",},\n}'
    texts["broken config.json"] = '{"ociVersion": '
    texts["odd/<ä>&\x07.json"] = json.dumps(document("runtime-config", {"process": {"env": ["\x00\x1b\U0001f600<&]]>", "no"]}}))
    for id, page in pages().items():
        kind = "runtime-config" if page.kind == "*" else page.kind
        for number, example in enumerate(page.fields.get("bad", [])):
            texts[f"{id}/{number}.json"] = json.dumps(document(kind, json.loads(example)), indent=1)
    return texts


def _whole(name: str, texts: dict[str, str]) -> str:
    settings = Settings()
    settings.preview = True
    module = formats.of(name)
    return str(
        module.whole([module.fragment(file, lint(text.encode(), name=file, settings=settings), text) for file, text in texts.items()])
    )


def test_sarif():
    """Of many findings, and of none."""
    schema = json.loads(from_npm("@microsoft/jest-sarif", "sarif-2.1.0-rtm.5.json"))
    judge = jsonschema.validators.validator_for(schema)(schema)
    for texts in (_texts(), {}):
        log = json.loads(_whole("sarif", texts))
        assert [error.message for error in judge.iter_errors(log)] == []
        assert bool(log["runs"][0]["results"]) == bool(texts)
        fixes = [result["fixes"][0] for result in log["runs"][0]["results"] if "fixes" in result]
        assert (len(fixes) >= 4) == bool(texts)


def test_sarif_within_the_limits_of_github():
    """One run of at most 5,000 results, the worst kept and the rest told; at most 20 tags a rule; less than 10 MB even before it is packed."""
    module = formats.of("sarif")
    items = [
        Diagnostic(
            id="SEC009" if number % 7 else "RUN212",
            name="x",
            severity="warning" if number % 7 else "error",
            message="m" * 200,
            file=f"box{number}/config.json",
            pointer=f"/mounts/{number}/destination",
            position=Position(number + 1, 5, 10, 12),
            fix="f" * 50,
        )
        for number in range(30_000)
    ]
    text = module.whole([module.fragment(item.file, [item], "") for item in items])
    schema = json.loads(from_npm("@microsoft/jest-sarif", "sarif-2.1.0-rtm.5.json"))
    (run,) = json.loads(text)["runs"]
    assert [error.message for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(json.loads(text))] == []
    assert len(run["results"]) == 5000
    assert sum(result["level"] == "error" for result in run["results"]) == sum(item.severity == "error" for item in items)
    assert "25000 findings are left out" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert all(len(rule["properties"]["tags"]) <= 20 for rule in run["tool"]["driver"]["rules"])
    assert len(text) < 10_000_000
    assert len({result["partialFingerprints"]["contain/v1"] for result in run["results"]}) == 5000


def test_junit(tmp_path):
    """Of many findings, and of none."""
    schema = tmp_path / "junit.xsd"
    schema.write_bytes(from_sdist("pytest", "testing/example_scripts/junit-10.xsd"))
    python = python_with("xmlschema", "xmlschema")
    code = "import sys, xmlschema; s = xmlschema.XMLSchema(sys.argv[1]); [print(e.path, e.reason) for f in sys.argv[2:] for e in s.iter_errors(f)]"
    files = []
    for number, texts in enumerate((_texts(), {}, {"good.json": json.dumps(document("runtime-config", {}))})):
        files.append(tmp_path / f"{number}.xml")
        files[-1].write_text(_whole("junit", texts), encoding="utf-8")
    done = subprocess.run([python, "-c", code, schema, *files], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
