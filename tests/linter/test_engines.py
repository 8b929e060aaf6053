"""Untouched output of engines: the exact findings for each, so that a new rule that cries at all of them is seen.

The documents were written by runc 1.1, crun 1.8, Podman 4.3 and Docker (both root), and containerd's `ctr oci spec`; only folders were renamed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from contain.linter import Settings, lint

ENGINES = sorted((Path(__file__).parent / "engines").glob("*.json"))


def _found(path: Path, profile: str) -> list[str]:
    settings = Settings()
    settings.profile = profile
    return [f"{item.severity} {item.id} {item.pointer}" for item in lint(path.read_bytes(), name="config.json", settings=settings)]


@pytest.mark.parametrize("path", ENGINES, ids=[path.stem for path in ENGINES])
def test_findings_are_these(path):
    """Those that stand beside the document; errors only in templates that are no whole document yet."""
    found = _found(path, "advice")
    assert path.stem in ("containerd", "crun-rootless") or [line for line in found if line.startswith("error")] == []
    assert found == path.with_suffix(".txt").read_text().splitlines()


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_engines_defaults_are_silent_in_their_profile(name):
    """The profile engine-default says nothing of what Docker and Podman do by default."""
    path = Path(__file__).parent / "engines" / f"{name}.json"
    assert [line for line in _found(path, "engine-default") if " SEC" in line] == []
