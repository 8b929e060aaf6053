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


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """Base of the values of kernel/, host/ and state/, and of the operations of a plan.

    A class learns its fields when its first instance is made: of two hundred classes a run uses fifty.
    """

    if TYPE_CHECKING:
        _fields: ClassVar[dict[str, str]]
        _defaults: ClassVar[dict[str, Any]]
        _copied: ClassVar[list[str]]

    def __init__(self, **values: Any) -> None:
        """Sets every field by keyword; an unknown or missing one is a TypeError. Mutable defaults are copied."""
        kind = self.__class__
        fields = kind.__dict__.get("_fields") or kind.fields()
        found = self.__dict__
        found.update(self._defaults)
        for field in self._copied:
            found[field] = found[field].copy()
        found.update(values)
        if found.keys() != fields.keys():
            wrong = [f"missing {field}" for field in fields if field not in found]
            wrong += [f"unknown {field}" for field in found if field not in fields]
            raise TypeError(f"{kind.__name__}: {', '.join(wrong)}")

    @classmethod
    def fields(cls) -> dict[str, str]:
        """Field name → annotation as it is written, in the order of declaration: those of the base, then this class's own."""
        own = cls.__dict__
        if "_fields" not in own:
            base = cls.__mro__[1]
            fields = dict(base.fields()) if issubclass(base, Record) else {}
            defaults = dict(cls._defaults) if fields else {}  # as yet the base's
            for field, annotation in own.get("__annotations__", {}).items():
                if not annotation.startswith("ClassVar"):
                    fields[field] = annotation
            defaults |= {field: own[field] for field in fields if field in own}
            cls._copied = [field for field, default in defaults.items() if default.__class__ is dict or default.__class__ is list]
            cls._defaults = defaults
            cls._fields = fields
        return cls._fields

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
