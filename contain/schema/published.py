"""The schemas as they are given away: self-contained draft 7, without the marks that only contain understands, for one version if wanted."""

from __future__ import annotations

from typing import Any

from contain.errors import UsageError
from contain.schema.generate import load
from contain.schema.pretty import pretty


def published(kind: str, version: str = "") -> str:
    """The JSON text of a kind's schema; with `version` without the members that are newer."""
    limit = _number(version) if version else (999, 0)
    schema = load(kind)
    result = _clean(schema, schema, limit)
    used = _used(result, result.get("definitions", {}))
    if "definitions" in result:
        result["definitions"] = {name: node for name, node in result["definitions"].items() if name in used}
    return pretty(result)


def _number(version: str) -> tuple[int, int]:
    parts = version.split(".")
    if not 2 <= len(parts) <= 3 or not all(part.isdigit() for part in parts):
        raise UsageError(f"{version!r} is no version such as 1.2", place="<command line>:--spec")
    return int(parts[0]), int(parts[1])


def _clean(node: Any, schema: dict[str, Any], limit: tuple[int, int]) -> Any:
    if isinstance(node, list):
        return [_clean(item, schema, limit) for item in node]
    if not isinstance(node, dict):
        return node
    result = {
        name: child if name in ("enum", "required") else _clean(child, schema, limit)
        for name, child in node.items()
        if not name.startswith("x-")
    }
    if isinstance(node.get("properties"), dict):
        kept = {name: child for name, child in node["properties"].items() if _since(child, schema) <= limit}
        result["properties"] = {name: _clean(child, schema, limit) for name, child in kept.items()}
    return result


def _since(node: dict[str, Any], schema: dict[str, Any]) -> tuple[int, int]:
    text = node.get("x-since")
    if not text and "$ref" in node:
        text = schema["definitions"][node["$ref"].removeprefix("#/definitions/")].get("x-since")
    return _number(text) if text else (0, 0)


def _used(node: Any, definitions: dict[str, Any]) -> set[str]:
    """Names of the definitions that are reached from the document."""
    found: set[str] = set()
    waiting: list[Any] = [{name: child for name, child in node.items() if name != "definitions"}]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            name = str(item.get("$ref", "")).removeprefix("#/definitions/")
            if name and name not in found:
                found.add(name)
                waiting.append(definitions[name])
            waiting += [child for child in item.values() if isinstance(child, (dict, list))]
        else:
            waiting += [child for child in item if isinstance(child, (dict, list))]
    return found
