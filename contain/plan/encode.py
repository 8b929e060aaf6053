"""The plan as bytes, which the launcher decodes (launcher/src/plan.c).

Little-endian: the magic `CONTPLN1`, 16 bytes of the table's digest, u32 size, u32 count, then each operation as
u32 size, u16 kind, u16 stage, text place, text words, and its fields in the order of declaration. i64: 8 bytes; text: u32 length, bytes, NUL;
blob: u32 length, bytes; texts: u32 count, u32 length of all, each with its NUL.
"""

from __future__ import annotations

from contain.plan.kinds import DIGEST, KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain.plan.operation import Operation
    from contain.plan.plan import Plan

    Layout = tuple[bytes, list[tuple[str, Callable[[Any], bytes]]]]

MAGIC = b"CONTPLN1"


def _size(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"a NUL byte in {value!r}")
    return len(data).to_bytes(4, "little") + data + b"\0"


def _texts(values: list[str]) -> bytes:
    parts = [value.encode("utf-8", "surrogateescape") for value in values]
    joined = b"".join([part + b"\0" for part in parts])
    if joined.count(b"\0") != len(parts):
        raise ValueError(f"a NUL byte in {values!r}")
    return _size(len(parts)) + _size(len(joined)) + joined


def _blob(value: bytes) -> bytes:
    return _size(len(value)) + value


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


_ENCODERS: dict[str, Callable[[Any], bytes]] = {"i64": _number, "text": _text, "texts": _texts, "blob": _blob}


def _layout(kind: type[Operation]) -> Layout:
    return KINDS[kind.__name__].to_bytes(2, "little"), [(name, _ENCODERS[field]) for name, field in kind.own_fields()]


def operation_bytes(operation: Operation, place: str = "", layout: Layout | None = None) -> bytes:
    """One operation, its size in front."""
    number, fields = layout or _layout(type(operation))
    body = [number, operation.stage.to_bytes(2, "little"), _text(place), _text(operation.words())]
    values = operation.__dict__
    body += [encoder(values[name]) for name, encoder in fields]
    data = b"".join(body)
    return _size(len(data) + 4) + data


def encode(plan: Plan) -> bytes:
    """The whole plan."""
    places = plan.place_of()
    layouts: dict[type[Operation], Layout] = {}
    parts = []
    for operation in plan.operations:
        kind = type(operation)
        layout = layouts.get(kind)
        if layout is None:
            layout = layouts[kind] = _layout(kind)
        parts.append(operation_bytes(operation, places.get(operation.origin, operation.origin), layout))
    size = len(MAGIC) + 16 + 8 + sum(map(len, parts))
    return b"".join((MAGIC, bytes.fromhex(DIGEST), _size(size), _size(len(parts)), *parts))
