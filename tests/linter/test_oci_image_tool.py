"""Our verdict on image layouts is that of oci-image-tool (Debian's package), but for the differences that docs/schemas.md lists."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from contain.linter.examples import document
from tests.linter.test_sets import AFTER, Builder, found

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("oci-image-tool"), reason="oci-image-tool is not installed (Debian: oci-image-tool)")
#: faults of a layout that are errors here, and that oci-image-tool passes over
STRICTER = frozenset(["LAY007", "LAY012", "LAY016", "IMG301", "IMG302", "IMG303", "IMG308", "IMG319"])
#: and the reverse: a layout may be sparse
MILDER = frozenset(["LAY008"])
#: merge patches over a sound part of an image; we refuse all of them
FAULTS = {
    "manifest": [{"schemaVersion": 1}, {"schemaVersion": "2"}, {"annotations": {"a": 1}}],
    "config": [
        {"os": None},
        {"architecture": None},
        {"config": {"Env": "PATH=/"}},
        {"created": "yesterday"},
        {"rootfs": {"ids": ["sha256:0"]}},
    ],
    "index": [{"schemaVersion": 1}, {"annotations": []}],
}


def _accepts(folder: Path) -> bool:
    command = ["oci-image-tool", "validate", "--type", "image", str(folder)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def _errors(folder: Path) -> set[str]:
    return {id for id, item in found(folder).items() if item.severity == "error"}


def test_a_sound_layout(tmp_path):
    """Both accept it."""
    folder = Builder(tmp_path / "box").write()
    assert _accepts(folder)
    assert _errors(folder) == set()


@pytest.mark.parametrize("id", AFTER)
def test_faults_of_layouts(id, tmp_path):
    """What it refuses we refuse, and our errors are its refusals, but for the listed ones."""
    folder = Builder(tmp_path / "box").write()
    AFTER[id](folder)
    errors = _errors(folder)
    assert bool(errors - STRICTER) == (not _accepts(folder) and id not in MILDER), errors


@pytest.mark.parametrize(("part", "patch"), [(part, patch) for part, patches in FAULTS.items() for patch in patches])
def test_faults_of_documents(part, patch, tmp_path):
    """Faults of the documents in a layout, whose digests are right."""
    builder = Builder(tmp_path / "box")
    base = getattr(builder, part)
    changed = {**base, **patch} if part != "config" else document("image-config", patch)
    setattr(builder, part, {name: value for name, value in changed.items() if value is not None})
    folder = builder.write()
    errors = _errors(folder)
    assert errors
    assert bool(errors - STRICTER) == (not _accepts(folder)), errors
