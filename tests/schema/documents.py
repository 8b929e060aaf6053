"""Documents made from specs/: sound ones, and mutants with one fault and the pointer that must be reported for it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

#: a string for each pattern of the closed list
MATCHES = {
    "^RLIMIT_[A-Z]+$": "RLIMIT_NOFILE",
    "^CAP_[A-Z_]+$": "CAP_CHOWN",
    "^[0-9, -]*$": "0-3,7",
    "^[1-9][0-9]*[KMG]B$": "2MB",
    "^MB:[^\\n]*$": "MB:0=20",
    "^[rwm]*$": "rw",
    "^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$": "application/vnd.oci.image.manifest.v1+json",
    "^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$": "sha256:" + "a" * 64,
    "^[a-z0-9]+([-._~/][a-z0-9]+)*$": "example.com/box",
    "^[a-z0-9]+([-][a-z0-9]+)*$": "my-box",
    "^sha512-[0-9a-f]{32,128}$": "sha512-" + "0" * 128,
}


class Maker:
    """Makes documents of one schema."""

    def __init__(self, schema: dict[str, Any], rng: random.Random, matches: dict[str, str] | None = None) -> None:
        self.schema = schema
        self.rng = rng
        self.matches = {**MATCHES, **(matches or {})}

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        return self.resolve(self.schema["definitions"][node["$ref"].removeprefix("#/definitions/")]) if "$ref" in node else node

    def document(self, *, members: float = 0.5) -> Any:
        """A sound document; `members` is how likely an optional member is there."""
        return self.value(self.schema, members)

    def value(self, node: dict[str, Any], members: float) -> Any:
        node = self.resolve(node)
        if "oneOf" in node:
            return self.value(self.rng.choice(node["oneOf"]), members)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return self.rng.choice(node["enum"])
        return getattr(self, f"_{node.get('type', 'any')}")(node, members)

    def _any(self, *_: object) -> Any:
        return self.rng.choice(["text", 7, True])

    def _string(self, node: dict[str, Any], _: float) -> str:
        return self.matches[node["pattern"]] if "pattern" in node else self.rng.choice(["", "a", "/run/box", "NAME=väl"])

    def _boolean(self, *_: object) -> bool:
        return self.rng.random() < 0.5

    def _integer(self, node: dict[str, Any], _: float) -> int:
        least, most = node.get("minimum", -5), node.get("maximum", 2**40)
        return self.rng.choice([least, most, self.rng.randint(least, most)])

    def _array(self, node: dict[str, Any], members: float) -> list[Any]:
        return [self.value(node["items"], members) for _ in range(max(node.get("minItems", 0), self.rng.randint(0, 2)))]

    def _object(self, node: dict[str, Any], members: float) -> dict[str, Any]:
        result = {}
        for name, child in node.get("properties", {}).items():
            if name in node.get("required", ()) or self.rng.random() < members:
                result[name] = self.value(child, members)
        if isinstance(node.get("additionalProperties"), dict):
            for name in self.rng.sample(["com.example.one", "eth0", "net.ipv4/x"], self.rng.randint(0, 2)):
                result[name] = self.value(node["additionalProperties"], members)
        return result

    def mutants(self, document: Any) -> Iterator[tuple[Any, str, str]]:
        """(mutant, pointer, what was done): each has exactly one fault."""
        for path, node in self._walk(document, self.schema, ()):
            value = _get(document, path)
            pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
            for wrong in self._wrong(node, value):
                yield _set(document, path, wrong), pointer, f"{value!r} is {wrong!r}"
            if isinstance(value, dict):
                for name in node.get("required", ()):
                    mutant = copy.deepcopy(document)
                    del _get(mutant, path)[name]
                    yield mutant, f"{pointer}/{name}", "missing"

    def _walk(self, value: Any, node: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        node = self.resolve(node)
        yield path, node
        if isinstance(value, dict):
            for name, child in value.items():
                schema = node.get("properties", {}).get(name, node.get("additionalProperties"))
                if isinstance(schema, dict):
                    yield from self._walk(child, schema, (*path, name))
        if isinstance(value, list) and isinstance(node.get("items"), dict):
            for index, child in enumerate(value):
                yield from self._walk(child, node["items"], (*path, index))

    def _wrong(self, node: dict[str, Any], value: Any) -> Iterator[Any]:
        kind = node.get("type")
        if kind is None:
            return
        yield self.rng.choice([wrong for wrong in ("text", True, [], {}, 1.5) if not _is(kind, wrong)])
        if kind == "integer":
            yield 2.0
            if "minimum" in node:
                yield node["minimum"] - 1
            if "maximum" in node:
                yield node["maximum"] + 1
        if "enum" in node:
            yield f"no_{value}"
        if "pattern" in node:
            yield "\n?"
        if "minItems" in node:
            yield value[: node["minItems"] - 1]


def _is(kind: str, value: Any) -> bool:
    types = {"string": str, "boolean": bool, "array": list, "object": dict}
    return type(value) is types.get(kind, int)


def _get(document: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def _set(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    mutant = copy.deepcopy(document)
    _get(mutant, path[:-1])[path[-1]] = value
    return mutant
