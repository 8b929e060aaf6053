"""Upstream's schemas, read from $CONTAIN_UPSTREAM_SCHEMAS (default: ../shared/reference/schemas beside the checkout)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
import referencing.jsonschema

FOLDER = Path(os.environ.get("CONTAIN_UPSTREAM_SCHEMAS") or Path(__file__).parents[3] / "shared/reference/schemas")
DEBIAN = Path("/usr/share/gocode/src/github.com/opencontainers/specs/schema")


def folder(release: str) -> Path:
    """The schemas of a release; skips the test when they are not there."""
    if release == "runtime-spec-debian":
        if DEBIAN.is_dir():
            return DEBIAN
        pytest.skip("Debian's schemas are not there (golang-github-opencontainers-specs-dev)")
    found = FOLDER / release
    if found.is_dir():
        return found
    pytest.skip(f"upstream's schemas of {release} are not in {FOLDER} (set CONTAIN_UPSTREAM_SCHEMAS)")


def validator(release: str, name: str) -> jsonschema.Draft4Validator:
    """jsonschema's judge for one file of a release."""
    texts = {path.name: _mend(json.loads(path.read_text())) for path in folder(release).glob("*.json")}
    base = "http://upstream.invalid/"
    registry = referencing.Registry().with_resources(
        (base + key, referencing.jsonschema.DRAFT4.create_resource(value)) for key, value in texts.items()
    )
    return jsonschema.Draft4Validator({"$ref": base + name}, registry=registry)


def _mend(node: Any) -> Any:
    """Upstream writes one reference without its slash, which no resolver follows; and some files name a base of their own."""
    if isinstance(node, dict):
        return {
            key: "#/definitions/uint32" if (key, value) == ("$ref", "#definitions/uint32") else _mend(value)
            for key, value in node.items()
            if key != "id" or not isinstance(value, str)
        }
    return [_mend(item) for item in node] if isinstance(node, list) else node
