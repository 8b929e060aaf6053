"""What the generated validators call when something is wrong: all the words of schema findings. Never runs for a sound document."""

from __future__ import annotations

from contain.document.pointers import escape, label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Row",
    "distance",
    "escape",
    "here",
    "missing",
    "named",
    "nearest",
    "no_integer",
    "no_match",
    "not_const",
    "not_listed",
    "out_of_range",
    "too_few",
    "wrong_type",
]

#: pointer, rule id, message
Row = tuple[str, str, str]

#: an integer field got a number with a fraction or exponent; every runtime refuses it
FLOAT = "DOC103"
#: an integer that does not fit the field's width
WIDTH = "DOC104"

_NAMES = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
_WIDTHS = {
    (0, 2**8 - 1): "8 bits without sign",
    (0, 2**16 - 1): "16 bits without sign",
    (0, 2**32 - 1): "32 bits without sign",
    (0, 2**32 - 2): "32 bits without sign, and 4294967295 is no id",
    (0, 2**64 - 1): "64 bits without sign",
    (-(2**31), 2**31 - 1): "32 bits with sign",
    (-(2**63), 2**63 - 1): "64 bits with sign",
}


def named(value: object) -> str:
    """What a value is, in words."""
    return _NAMES.get(type(value), "something else")


def here(pointer: str) -> str:
    """The value at `pointer` as a message calls it."""
    return label(pointer) or "the document"


def wrong_type(out: list[Row], pointer: str, rule: str, expected: str, value: object) -> None:
    """The value is of another type than `expected`."""
    out.append((pointer, rule, f"{here(pointer)} must be {expected}, not {named(value)}"))


def missing(out: list[Row], pointer: str, rule: str) -> None:
    """The member at `pointer` is not there."""
    out.append((pointer, rule, f"{here(pointer)} is missing"))


def no_integer(out: list[Row], pointer: str, rule: str, value: object) -> None:
    """The value is not an integer."""
    if isinstance(value, float) and value == value and abs(value) != float("inf") and value == int(value):  # noqa: PLR0124
        out.append((pointer, FLOAT, f"{here(pointer)} must be an integer: written with a point or an exponent every runtime refuses it"))
    else:
        wrong_type(out, pointer, rule, "an integer", value)


def out_of_range(out: list[Row], pointer: str, rule: str, value: int, least: int | None, most: int | None) -> None:
    """The integer is outside the field's range."""
    width = _WIDTHS.get((least, most)) if least is not None and most is not None else None
    shown = str(value) if abs(value) < 10**30 else "the number"
    if width:
        out.append((pointer, WIDTH, f"{here(pointer)}: {shown} does not fit the field, which has {width}"))
    elif most is None or (least is not None and value < least):
        out.append((pointer, rule, f"{here(pointer)} must be at least {least}, not {shown}"))
    elif most >= 2**63 - 1:
        out.append((pointer, WIDTH, f"{here(pointer)}: {shown} does not fit the field, which has 64 bits with sign"))
    else:
        out.append(
            (
                pointer,
                rule,
                f"{here(pointer)} must be from {least} to {most}, not {shown}"
                if least is not None
                else f"{here(pointer)} must be at most {most}",
            )
        )


def not_listed(out: list[Row], pointer: str, rule: str, value: str, choices: Sequence[str]) -> None:
    """The string is not one of the choices."""
    near = nearest(value, choices)
    hint = f"; did you mean {near}?" if near else (f": one of {', '.join(choices)}" if len(choices) <= 9 else "")
    out.append((pointer, rule, f"{here(pointer)}: {value[:60]!r} is not in the list of the specification{hint}"))


def no_match(out: list[Row], pointer: str, rule: str, value: str, pattern: str) -> None:
    """The string is not of the form."""
    out.append((pointer, rule, f"{here(pointer)}: {value[:60]!r} is not of the form {pattern}"))


def too_few(out: list[Row], pointer: str, rule: str, least: int) -> None:
    """The list has too few items."""
    out.append((pointer, rule, f"{here(pointer)} must have at least {least} item{'s' if least > 1 else ''}"))


def not_const(out: list[Row], pointer: str, rule: str, value: object, const: object) -> None:
    """The value is another than the one that is allowed."""
    out.append((pointer, rule, f"{here(pointer)} must be {const!r}, not {value if type(value) is int else repr(str(value)[:60])}"))


def distance(one: str, two: str, most: int) -> int:
    """Damerau's distance (insert, delete, replace, swap neighbours), or `most` + 1 when it is larger."""
    if abs(len(one) - len(two)) > most:
        return most + 1
    before: list[int] = []
    above = list(range(len(two) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, other in enumerate(two, 1):
            cost = min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == two[column - 2] and one[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, above = above, line
    return min(above[-1], most + 1)


def nearest(word: str, choices: Sequence[str]) -> str:
    """The choice that is most likely meant, or nothing: same letters in other case, a prefix left out, or a slip of the fingers."""
    if len(word) > 64 or not word:
        return ""
    slips = 2 if len(word) > 2 else 0  # of one or two letters anything is a slip away
    lowered = word.lower()
    for choice in choices:
        if choice.lower() == lowered or choice.endswith("_" + word.upper()):
            return choice
    best, found = 3, ""
    for choice in choices:
        apart = distance(lowered, choice.lower(), 2)
        if apart <= slips and apart < best and apart * 3 <= max(len(choice), 3):
            best, found = apart, choice
    return found
