"""The plan as bytes, which the launcher decodes (launcher/src/plan.c).

Little-endian: the magic `CONTPLN1`, 16 bytes of the table's digest, u32 size, u32 count, then each operation as
u32 size, u16 kind, u16 stage, text place, text words, and its fields in the order of declaration. i64: 8 bytes; text: u32 length, bytes, NUL;
blob: u32 length, bytes; texts: u32 count, u32 length of all, each with its NUL.
"""

from __future__ import annotations

from struct import pack

from contain.plan.kinds import DIGEST, KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain.plan.operation import Operation
    from contain.plan.plan import Plan

    Layout = tuple[int, list[tuple[str, Callable[[Any], bytes]]]]

MAGIC = b"CONTPLN1"


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"a NUL byte in {value!r}")
    return pack("<I", len(data)) + data + b"\0"


def _texts(values: list[str]) -> bytes:
    parts = [value.encode("utf-8", "surrogateescape") for value in values]
    if any(b"\0" in part for part in parts):
        raise ValueError(f"a NUL byte in {values!r}")
    joined = b"".join(part + b"\0" for part in parts)
    return pack("<II", len(parts), len(joined)) + joined


def _blob(value: bytes) -> bytes:
    return pack("<I", len(value)) + value


def _number(value: int) -> bytes:
    return pack("<q", value)


_ENCODERS: dict[str, Callable[[Any], bytes]] = {"i64": _number, "text": _text, "texts": _texts, "blob": _blob}


def _layout(kind: type[Operation]) -> Layout:
    return KINDS[kind.__name__], [(name, _ENCODERS[field]) for name, field in kind.own_fields()]


def operation_bytes(operation: Operation, place: str = "", layout: Layout | None = None) -> bytes:
    """One operation, its size in front."""
    number, fields = layout or _layout(type(operation))
    body = [pack("<HH", number, operation.stage), _text(place), _text(operation.words())]
    body += [encoder(getattr(operation, name)) for name, encoder in fields]
    data = b"".join(body)
    return pack("<I", len(data) + 4) + data


def encode(plan: Plan) -> bytes:
    """The whole plan."""
    places = plan.place_of()
    layouts = {kind: _layout(kind) for kind in {type(operation) for operation in plan.operations}}
    parts = [
        operation_bytes(operation, places.get(operation.origin, operation.origin), layouts[type(operation)])
        for operation in plan.operations
    ]
    size = len(MAGIC) + 16 + 8 + sum(map(len, parts))
    return b"".join((MAGIC, bytes.fromhex(DIGEST), pack("<II", size, len(parts)), *parts))
