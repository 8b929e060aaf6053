"""Two smaller writers of the generator: the outline of known members (for lint), and the TypedDicts (for mypy)."""

from __future__ import annotations

from keyword import iskeyword
from typing import Any


class Outline:
    """The known members of a schema as nested tables: {"m": members, "i": items, "a": any other member}; {} for a leaf."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """Definitions become named tables, so recursion is no problem."""
        self.definitions = schema.get("definitions", {})
        self.root = schema

    def source(self, name: str) -> str:
        """Python source that defines the tables and at its end `{name}`."""
        lines = [f"_{name}_{key} = {self._node(node)}" for key, node in self._ordered(name)]
        self._prefix = name
        return "\n".join([*lines, f"{name} = {self._node(self.root)}"])

    def _ordered(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Definitions, those that are used first."""
        self._prefix = name
        done: list[str] = []

        def visit(key: str) -> None:
            if key in done:
                return
            for other in _references(self.definitions[key]):
                visit(other)
            done.append(key)

        for key in self.definitions:
            visit(key)
        return [(key, self.definitions[key]) for key in done]

    def _node(self, node: dict[str, Any]) -> str:
        if "$ref" in node:
            return f"_{self._prefix}_{node['$ref'].removeprefix('#/definitions/')}"
        parts = []
        members = dict(node.get("properties", {}))
        for branch in node.get("oneOf", ()):
            target = self.definitions[branch["$ref"].removeprefix("#/definitions/")] if "$ref" in branch else branch
            members.update(target.get("properties", {}))
        if members:
            parts.append('"m": {' + ", ".join(f"{name!r}: {self._node(child)}" for name, child in members.items()) + "}")
        if isinstance(node.get("items"), dict):
            parts.append(f'"i": {self._node(node["items"])}')
        if isinstance(node.get("additionalProperties"), dict):
            parts.append(f'"a": {self._node(node["additionalProperties"])}')
        elif "object" in node.get("type", "") and not members:
            parts.append('"a": {}')
        return "{" + ", ".join(parts) + "}"


def since(schema: dict[str, Any]) -> dict[str, str]:
    """Path (`*` for items and free names) → version that a member came with."""
    found: dict[str, str] = {}

    def walk(node: dict[str, Any], path: str, depth: int) -> None:
        if "$ref" in node:
            node = {
                **schema["definitions"][node["$ref"].removeprefix("#/definitions/")],
                **{key: node[key] for key in node if key == "x-since"},
            }
        if "x-since" in node:
            found[path] = node["x-since"]
            return
        if depth > 12:
            return
        for name, child in node.get("properties", {}).items():
            walk(child, f"{path}/{name}", depth + 1)
        for word in ("items", "additionalProperties"):
            if isinstance(node.get(word), dict):
                walk(node[word], f"{path}/*", depth + 1)

    walk(schema, "", 0)
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].removeprefix("#/definitions/")] if "$ref" in node else []
        return own + [name for child in node.values() for name in _references(child)]
    return [name for child in node for name in _references(child)] if isinstance(node, list) else []


_PLAIN = {"string": "str", "integer": "int", "boolean": "bool"}


class Types:
    """TypedDicts of one schema; every object becomes a class named after its definition or its place."""

    def __init__(self, schema: dict[str, Any], name: str, prefix: str) -> None:
        """`name` is the class of the whole document, `prefix` stands before the names of definitions."""
        self.schema = schema
        self.name = name
        self.prefix = prefix
        self.blocks: list[str] = []

    def source(self) -> str:
        """The classes, in order of need."""
        for key, node in self.schema.get("definitions", {}).items():
            if node.get("properties"):
                self._class(self.prefix + key, node)
        if self.schema.get("type") == "array":
            self.blocks.append(f"{self.name} = {self._type(self.schema, self.name + 'Item')}")
        else:
            self._class(self.name, self.schema)
        return "\n\n\n".join(self.blocks)

    def _type(self, node: dict[str, Any], place: str) -> str:
        if "$ref" in node:
            key = node["$ref"].removeprefix("#/definitions/")
            target = self.schema["definitions"][key]
            return self.prefix + key if target.get("properties") else self._type(target, self.prefix + key)
        kind = node.get("type")
        if kind in _PLAIN:
            return _PLAIN[kind]
        if kind == "array":
            return f"list[{self._type(node['items'], place)}]" if "items" in node else "list[Any]"
        if kind == "object" and node.get("properties"):
            self._class(place, node)
            return place
        if kind == "object":
            rest = node.get("additionalProperties")
            return f"dict[str, {self._type(rest, place)}]" if isinstance(rest, dict) else "dict[str, Any]"
        return "Any"

    def _class(self, name: str, node: dict[str, Any]) -> None:
        rows = []
        for member, child in node.get("properties", {}).items():
            text = self._type(child, name + member[:1].upper() + "".join(letter for letter in member[1:] if letter.isalnum()))
            rows.append((member, f"Required[{text}]" if member in node.get("required", ()) else text))
        words = node.get("description") or self.schema.get("title", name)
        if all(member.isidentifier() and not iskeyword(member) for member, _ in rows):
            body = "\n".join(f"    {member}: {text}" for member, text in rows)
            self.blocks.append(f'class {name}(TypedDict, total=False):\n    """{words[:1].upper()}{words[1:]}."""\n\n{body}')
        else:
            body = ", ".join(f'"{member}": "{text}"' for member, text in rows)
            self.blocks.append(f'{name} = TypedDict("{name}", {{{body}}}, total=False)')
