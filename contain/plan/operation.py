"""Operation: the base of everything that a plan may do, and the types its fields may have.

An operation is one small class here (fields, what it says, remedies) and one C function in launcher/src/operations/.
The classes are the only source: `make generate` writes the C structs, decoders and the dispatch table from them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:  # noqa: D103
        return lambda c: c


#: How a field travels; the key is the annotation as written in the class body.
FIELD_KINDS = {
    "int": "i64",  # a signed 64-bit number; C: int64_t
    "bool": "i64",  # C: int64_t, 0 or 1
    "str": "text",  # no NUL inside; C: const char *
    "bytes": "blob",  # C: struct blob
    "list[str]": "texts",  # C: struct texts
}


@dataclass_transform(kw_only_default=True)
class _Record(type):
    """Makes a slotted class with a keyword constructor from annotations: what a dataclass is, at a tenth of its import cost."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Record:
        own = [field for field in body.get("__annotations__", ()) if not body["__annotations__"][field].startswith("ClassVar")]
        defaults = {field: body.pop(field) for field in own if field in body}
        for base in bases:
            defaults = {**getattr(base, "_defaults", {}), **defaults}
        body["__slots__"] = tuple(own)
        inherited = tuple(f for base in bases for f in getattr(base, "_fields", ()))
        body["_fields"] = inherited + tuple(field for field in own if field not in inherited)
        body["_defaults"] = defaults
        return super().__new__(mcs, name, bases, body)


class Operation(metaclass=_Record):
    """One step of a plan.

    `origin` is a JSON pointer into the manifest (`/mounts/3`), an option (`--memory`), or empty for what contain adds by itself.
    `stage` is one of contain.plan.stage; a class gives its usual stage as default.
    """

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]
        _defaults: ClassVar[dict[str, Any]]

    #: errno name → remedy, one sentence; "" is the remedy for any other errno
    remedies: ClassVar[dict[str, str]] = {}

    stage: int
    origin: str = ""

    def __init__(self, **values: Any) -> None:
        """Sets every field by keyword; an unknown or missing one is a TypeError."""
        for field in self._fields:
            if field in values:
                object.__setattr__(self, field, values.pop(field))
            elif field in self._defaults:
                object.__setattr__(self, field, self._defaults[field])
            else:
                raise TypeError(f"{type(self).__name__}: missing {field}")
        if values:
            raise TypeError(f"{type(self).__name__}: unknown {', '.join(values)}")

    def __setattr__(self, name: str, value: object) -> None:
        """Operations are frozen."""
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        """Same class, same fields."""
        return type(self) is type(other) and self.values() == other.values()

    def __hash__(self) -> int:
        """By class only: operations are compared, not looked up."""
        return hash(type(self))

    def __repr__(self) -> str:
        """As it would be written."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.values().items())})"

    def values(self) -> dict[str, Any]:
        """Field name → value, in the order of declaration."""
        return {field: getattr(self, field) for field in self._fields}

    def describe(self) -> str:
        """What it does, for `contain plan`: `mount tmpfs on /data`."""
        raise NotImplementedError

    def words(self) -> str:
        """What the first line of a failure says before the kernel's words: `cannot mount tmpfs on /data`."""
        return f"cannot {self.describe()}"

    @classmethod
    def own_fields(cls) -> Iterator[tuple[str, str]]:
        """(name, kind) of the fields that travel to the launcher beside stage, origin and words."""
        for base in reversed(cls.__mro__):
            for name, annotation in vars(base).get("__annotations__", {}).items():
                if name not in {"stage", "origin"} and annotation in FIELD_KINDS:
                    yield name, FIELD_KINDS[annotation]
