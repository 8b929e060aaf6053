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


class _Numbers(dict[int, bytes]):
    """Numbers as they travel: most are 0 or 1, and a look-up is a third of a call."""

    def __missing__(self, value: int) -> bytes:
        data = self[value] = value.to_bytes(8, "little", signed=True)
        return data


def _size(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"a NUL byte in {value!r}")
    return len(data).to_bytes(4, "little") + data + b"\0"


def _texts(values: list[str]) -> bytes:
    if not values:
        return bytes(8)
    parts = [value.encode("utf-8", "surrogateescape") for value in values]
    joined = b"\0".join(parts) + b"\0"
    if joined.count(b"\0") != len(parts):
        raise ValueError(f"a NUL byte in {values!r}")
    return _size(len(parts)) + _size(len(joined)) + joined


def _blob(value: bytes) -> bytes:
    return _size(len(value)) + value


def encode(plan: Plan) -> bytes:
    """The whole plan."""
    places = {origin: _text(place) for origin, place in plan.place_of().items()}
    encoders: dict[str, Callable[[Any], bytes]] = {"i64": _Numbers().__getitem__, "text": _text, "texts": _texts, "blob": _blob}
    layouts: dict[type[Operation], Layout] = {}
    parts = [MAGIC, bytes.fromhex(DIGEST), b"", _size(len(plan.operations))]
    for operation in plan.operations:
        kind = operation.__class__
        layout = layouts.get(kind)
        if layout is None:
            fields = [(name, encoders[field]) for name, field in kind.own_fields()]
            layout = layouts[kind] = KINDS[kind.__name__].to_bytes(2, "little"), fields
        place = places.get(operation.origin) or _text(operation.origin)
        body = [layout[0], operation.stage.to_bytes(2, "little"), place, _text(operation.words())]
        values = operation.__dict__
        body += [encoder(values[name]) for name, encoder in layout[1]]
        data = b"".join(body)
        parts += (_size(len(data) + 4), data)
    parts[2] = _size(sum(map(len, parts)) + 4)
    return b"".join(parts)
