"""Record: a frozen value with a keyword constructor, at a tenth of what defining a dataclass costs.

Instances have a dict: a class with slots takes three times as long to make, and there are two hundred of them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:  # noqa: D103
        return lambda c: c


class _Maker(type):
    """Turns annotations into fields, and their values into defaults."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Maker:
        fields: dict[str, None] = {}
        defaults: dict[str, Any] = {}
        for base in bases:
            fields.update(getattr(base, "_fields", {}))
            defaults.update(getattr(base, "_defaults", {}))
        for field, annotation in body.get("__annotations__", {}).items():
            if not annotation.startswith("ClassVar"):
                fields[field] = None
                if field in body:
                    defaults[field] = body.pop(field)
        body["_fields"], body["_defaults"] = fields, defaults
        body["_copied"] = [field for field, default in defaults.items() if default.__class__ is dict or default.__class__ is list]
        return super().__new__(mcs, name, bases, body)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record(metaclass=_Maker):
    """Base of the values of kernel/, host/ and state/, and of the operations of a plan."""

    if TYPE_CHECKING:
        _fields: ClassVar[dict[str, None]]
        _defaults: ClassVar[dict[str, Any]]
        _copied: ClassVar[list[str]]

    def __init__(self, **values: Any) -> None:
        """Sets every field by keyword; an unknown or missing one is a TypeError. Mutable defaults are copied."""
        found = self.__dict__
        found.update(self._defaults)
        for field in self._copied:
            found[field] = found[field].copy()
        found.update(values)
        if found.keys() != self._fields.keys():
            wrong = [f"missing {field}" for field in self._fields if field not in found]
            wrong += [f"unknown {field}" for field in found if field not in self._fields]
            raise TypeError(f"{type(self).__name__}: {', '.join(wrong)}")

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
