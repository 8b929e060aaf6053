"""Record: a frozen slotted value with a keyword constructor, at a tenth of what defining a dataclass costs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:  # noqa: D103
        return lambda c: c


class _Maker(type):
    """Turns annotations into slots, and their values into defaults."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Maker:
        notes = body.get("__annotations__", {})
        own = tuple(field for field in notes if not notes[field].startswith("ClassVar"))
        inherited: list[Any] = [base for base in bases if hasattr(base, "_fields")]
        defaults = {field: value for base in inherited for field, value in base._defaults.items()}  # noqa: SLF001  its own kind
        defaults.update({field: body.pop(field) for field in own if field in body})
        body["__slots__"] = own
        body["_fields"] = tuple(field for base in inherited for field in base._fields) + own
        body["_defaults"] = defaults
        return super().__new__(mcs, name, bases, body)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record(metaclass=_Maker):
    """Base of the values of kernel/, host/ and state/."""

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]
        _defaults: ClassVar[dict[str, Any]]

    def __init__(self, **values: Any) -> None:
        """Sets every field by keyword; an unknown or missing one is a TypeError. Mutable defaults are copied."""
        place = object.__setattr__
        for field in self._fields:
            if field in values:
                place(self, field, values.pop(field))
            elif field in self._defaults:
                default = self._defaults[field]
                place(self, field, default.copy() if isinstance(default, (dict, list)) else default)
            else:
                raise TypeError(f"{type(self).__name__}: missing {field}")
        if values:
            raise TypeError(f"{type(self).__name__}: unknown {', '.join(values)}")

    def __setattr__(self, name: str, value: object) -> None:
        """Records are frozen."""
        raise AttributeError(f"{type(self).__name__} is frozen; make another one with .but({name}=…)")

    def but(self, **changes: Any) -> Self:
        """The same value with some fields changed."""
        return type(self)(**{**self.values(), **changes})

    def values(self) -> dict[str, Any]:
        """Field name → value, in the order of declaration."""
        return {field: getattr(self, field) for field in self._fields}

    def __eq__(self, other: object) -> bool:
        """Same class, same fields."""
        return type(self) is type(other) and self.values() == other.values()

    def __hash__(self) -> int:
        """By class only: records are compared, not looked up."""
        return hash(type(self))

    def __repr__(self) -> str:
        """As it would be written."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.values().items())})"
