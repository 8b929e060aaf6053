"""How the values of options are written: sizes, times, counts. Each reader raises ValueError with the reason in one line."""

from __future__ import annotations

from contain.errors import UsageError

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def text(value: str) -> str:
    """Any text without NUL, not empty."""
    if not value:
        raise ValueError("is empty")
    if "\0" in value:
        raise ValueError("contains a NUL byte")
    return value


def size(value: str) -> int:
    """Bytes: `512`, `512m`, `1.5g`, `2GiB`; -1 means no limit."""
    if value == "-1":
        return -1
    low = value.lower().removesuffix("ib") if value.lower().endswith("ib") else value.lower().removesuffix("b")
    number = low.rstrip("kmgtp")
    unit = low[len(number) :]
    if len(unit) > 1 or not _plain(number):
        raise ValueError(f"{value!r} is not a size such as 512m or 2g")
    whole, _, fraction = number.partition(".")
    bytes_ = int(whole or "0") * _UNITS[unit] + (int(fraction) * _UNITS[unit] // 10 ** len(fraction) if fraction else 0)
    if bytes_ >= 1 << 63:
        raise ValueError(f"{value!r} is more than any machine has")
    return bytes_


def count(value: str) -> int:
    """A whole number, -1 for no limit."""
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 18 or int(value) < -1:
        raise ValueError(f"{value!r} is not a whole number, or -1")
    return int(value)


def cpus(value: str) -> float:
    """Processors: `0.5`, `2`."""
    if not _plain(value) or float(value) < 0.01:
        raise ValueError(f"{value!r} is not a number of processors such as 1.5 (at least 0.01)")
    return float(value)


def duration(value: str) -> float:
    """Seconds: `30`, `0.5`, `90s`, `5m`, `1h30m`, `250ms`."""
    if _plain(value):
        seconds = float(value)
    else:
        seconds, rest = 0.0, value
        while rest:
            number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
            rest = rest[len(number) :]
            unit = next((unit for unit in _TIMES if rest.startswith(unit)), "")
            if not unit or not _plain(number):
                raise ValueError(f"{value!r} is not a time such as 30s, 5m or 1h30m")
            seconds += float(number) * _TIMES[unit]
            rest = rest[len(unit) :]
    if not 0 < seconds < 1e9:
        raise ValueError(f"{value!r} is not a time above zero")
    return seconds


def flag(name: str, value: str) -> bool:
    """The value of `--flag=VALUE`, as docker takes it."""
    if value.lower() in ("true", "1", "yes"):
        return True
    if value.lower() in ("false", "0", "no"):
        return False
    raise UsageError(f"{value!r} is neither true nor false", place=f"<command line>:{name}", remedy=f"write {name} alone, or {name}=false")


def _plain(number: str) -> bool:
    """Whether a text is a decimal number without sign, exponent or anything else that float() would take."""
    whole, dot, fraction = number.partition(".")
    digits = whole + fraction
    return digits.isascii() and digits.isdecimal() and len(digits) <= 18 and (not dot or bool(fraction))
