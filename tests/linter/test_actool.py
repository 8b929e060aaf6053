"""Our verdict on appc manifests is that of appc's own `actool validate` (Debian: appc-spec), but for the differences that docs/schemas.md lists."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from contain.linter import Settings, lint
from contain.linter.examples import document
from contain.linter.registry import pages

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = Path("/usr/share/doc/appc-spec/examples")
#: rules whose errors actool does not see: the texts want it, or no runtime can do it
STRICTER = frozenset(
    [
        "ACI112",
        "ACI116",
        "ACI206",
        "ACI211",
        "ACI215",
        "ACI311",
        "ACI312",
        "ACI313",
        "POD101",
        "POD104",
        "POD105",
        "POD107",
        "POD201",
        "POD204",
        "POD205",
        "POD207",
        "POD210",
        "POD211",
        "SEC804",
        "SEC806",
    ]
)
#: examples whose manifest actool refuses, and which are a warning here
MILDER = frozenset(["ACI310"])

pytestmark = pytest.mark.skipif(not shutil.which("actool"), reason="actool is not installed (Debian: appc-spec)")


def _accepts(path: Path) -> bool:
    return subprocess.run(["actool", "validate", str(path)], capture_output=True, check=False, timeout=60).returncode == 0


def _errors(path: Path) -> set[str]:
    settings = Settings()
    settings.preview = True
    return {item.id for item in lint(path.read_bytes(), name=path.name, settings=settings) if item.severity == "error"}


def _cases() -> list[tuple[str, str, str]]:
    found = []
    for id, page in pages().items():
        if page.kind.startswith("appc-"):
            for word in ("bad", "good"):
                found += [(id, word, json.dumps(document(page.kind, json.loads(text)))) for text in page.fields.get(word, [])]
                found += [(id, word, json.loads(text)) for text in page.fields.get(f"{word}-text", [])]
    return found


@pytest.mark.parametrize(("id", "word", "text"), _cases())
def test_examples_of_our_rules(id, word, text, tmp_path):
    """What we refuse actool refuses, and what we accept it accepts; the rest is listed."""
    path = tmp_path / "manifest.json"
    path.write_text(text)
    errors = _errors(path)
    if _accepts(path):
        assert errors <= STRICTER | {"DOC202"}, f"actool accepts the {word} example of {id}"
    else:
        assert errors or id in MILDER, f"actool refuses the {word} example of {id}"


@pytest.mark.parametrize(("name", "expected"), [("image.json", {"ACI107"}), ("pod_template.json", {"POD104"}), ("pod_runtime.json", set())])
def test_examples_of_the_specification(name, expected):
    """Its own examples are sound, but for the placeholder of an image id and the pod template, which lacks ids that pods.md requires."""
    path = EXAMPLES / name
    if not path.is_file():
        pytest.skip(f"{path} is not there (Debian: appc-spec)")
    assert _accepts(path)
    assert _errors(path) == expected


def test_differences_are_told():
    """Each listed rule stands in the page about differences."""
    told = (TOP / "docs/schemas.md").read_text()
    assert [id for id in sorted(STRICTER | MILDER) if id not in told] == []
