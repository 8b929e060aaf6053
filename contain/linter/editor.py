"""What an editor asks about a document, without any protocol: the value at a place, its description, and what may stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.document import parse
from contain.document.pointers import join, label, split
from contain.document.scanner import Scanner
from contain.linter.kinds import decide
from contain.linter.names import MOUNT_FLAGS
from contain.linter.syscalls import SYSCALLS
from contain.linux import CAPABILITIES, RLIMITS
from contain.schema.generate import load
from contain.schema.kinds import KINDS

if TYPE_CHECKING:
    from contain.document.scanner import Span
    from contain.document.tokens import Token

#: the end of a pointer's pattern → names that go there, where the schema has only a string
_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("capabilities", "*", "*"): CAPABILITIES,
    ("mounts", "*", "options", "*"): MOUNT_FLAGS,
    ("rlimits", "*", "type"): RLIMITS,
    ("syscalls", "*", "names", "*"): tuple(sorted(SYSCALLS)),
}


class _Cut(Scanner):
    """Reads a text up to the cursor, and keeps what is open there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.open: list[tuple[str, str, bool, list[str]]] = []

    def _step(self, token: Token) -> None:
        if token.kind == "end":
            for frame in self._stack:
                is_object = isinstance(frame.members, dict)
                expects_name = is_object and frame.state in (0, 3)
                pointer = frame.pointer if expects_name else self._pointer(frame)
                self.open.append((pointer, frame.pointer, expects_name, list(frame.members) if is_object else []))
            self._done = True
            return
        super()._step(token)


def spans(text: str) -> dict[str, Span]:
    """The places of everything in a text, sound or broken."""
    scanner = Scanner(text)
    scanner.run()
    return scanner.spans


def pointer_at(text: str, offset: int) -> str:
    """The pointer of the innermost value or member name at an offset."""
    best, found = len(text) + 1, ""
    for pointer, (start, end, name_start, name_end) in spans(text).items():
        for first, last in ((start, end), (name_start, name_end)):
            if first <= offset < max(last, first) and last - first < best:
                best, found = last - first, pointer
    return found


def kind_of(text: str) -> str:
    """The kind of a document, as far as it can be read."""
    document = parse(text.encode("utf-8", "surrogateescape"), "")
    value: Any = document.value
    if value is None:
        scanner = Scanner(text)
        scanner.run()
        value = scanner.value
    kind = decide(value).kind
    return kind if kind in KINDS else ""


def node_at(kind: str, pointer: str) -> dict[str, Any] | None:
    """The node of the schema for a pointer."""
    schema = load(kind)
    node: dict[str, Any] | None = _resolved(schema, schema)
    for part in split(pointer):
        if node is None:
            return None
        inner = node.get("properties", {}).get(part)
        if inner is None:
            inner = node.get("items") if part.isdigit() else None
        if inner is None and isinstance(node.get("additionalProperties"), dict):
            inner = node["additionalProperties"]
        node = _resolved(schema, inner) if inner is not None else None
    return node


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target = schema["definitions"][node["$ref"].removeprefix("#/definitions/")]
    return _resolved(schema, {**target, **{key: value for key, value in node.items() if key != "$ref"}})


def hover(text: str, offset: int) -> tuple[str, str]:
    """Pointer and words about the value at an offset; empty words when there is nothing to say."""
    kind, pointer = kind_of(text), pointer_at(text, offset)
    node = node_at(kind, pointer) if kind else None
    if node is None:
        return pointer, ""
    lines = [f"**{label(pointer) or load(kind)['title']}**: {node.get('description', '')}"]
    if "enum" in node:
        lines.append("one of " + ", ".join(f"`{name}`" for name in node["enum"]))
    if "minimum" in node and "maximum" in node:
        lines.append(f"from {node['minimum']} to {node['maximum']}")
    if "x-since" in node:
        lines.append(f"since version {node['x-since']} of the specification")
    return pointer, "\n\n".join(lines)


def complete(text: str, offset: int) -> list[tuple[str, str, bool]]:
    """What may stand at an offset: text, description, and whether it is a member name. Works in the middle of typing."""
    start = offset
    while start and (text[start - 1].isalnum() or text[start - 1] in '_"-'):
        start -= 1
    cut = _Cut(text[:start])
    cut.run()
    kind = kind_of(text)
    if not cut.open or not kind:
        return []
    pointer, holder, expects_name, present = cut.open[-1]
    if expects_name:
        node = node_at(kind, holder) or {}
        there = set(present) | _later(text, holder)
        return [(name, _description(kind, join(holder, name)), True) for name in node.get("properties", {}) if name not in there]
    node = node_at(kind, pointer) or {}
    values = [str(value) for value in node.get("enum", ())] or (["true", "false"] if node.get("type") == "boolean" else [])
    parts = ["*" if part.isdigit() else part for part in split(pointer)]
    for ending, names in _NAMES.items():
        tail = parts[-len(ending) :]
        if len(tail) == len(ending) and all(wanted in ("*", part) for wanted, part in zip(ending, tail, strict=True)):
            values = values or list(names)
    return [(value, "", False) for value in values]


def _later(text: str, pointer: str) -> set[str]:
    """The members that an object has, those behind the cursor too."""
    document = parse(text.encode("utf-8", "surrogateescape"), "")
    value: Any = document.value
    for part in split(pointer):
        value = (
            value.get(part)
            if isinstance(value, dict)
            else value[int(part)]
            if isinstance(value, list) and part.isdigit() and int(part) < len(value)
            else None
        )
    return set(value) if isinstance(value, dict) else set()


def _description(kind: str, pointer: str) -> str:
    return str((node_at(kind, pointer) or {}).get("description", ""))
