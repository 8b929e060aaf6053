"""Device rules: the OCI's list, in which later entries override earlier ones, for cgroup v1 and v2."""

from __future__ import annotations

from contain.errors import HostError
from contain.plan import stage as at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.plan.operation import Operation

POINTER = "/linux/resources/devices"
ANY = -1
#: What every container may use (runtime-spec, "Default Devices", and the pts that its own devpts makes).
DEFAULTS = (
    ("c", ANY, ANY, "m"),
    ("b", ANY, ANY, "m"),
    ("c", 1, 3, "rwm"),  # null
    ("c", 1, 5, "rwm"),  # zero
    ("c", 1, 7, "rwm"),  # full
    ("c", 1, 8, "rwm"),  # random
    ("c", 1, 9, "rwm"),  # urandom
    ("c", 5, 0, "rwm"),  # tty
    ("c", 5, 2, "rwm"),  # ptmx
    ("c", 136, ANY, "rwm"),  # pts
)


class Rule:
    """One entry: type `a` (all), `b` or `c`; numbers, ANY for all; which of r, w, m."""

    __slots__ = ("access", "allow", "major", "minor", "type")

    def __init__(self, *, allow: bool, type: str = "a", major: int = ANY, minor: int = ANY, access: str = "rwm") -> None:
        """By default everything."""
        self.allow = allow
        self.type = type
        self.major = major
        self.minor = minor
        self.access = "".join(letter for letter in "rwm" if letter in access)

    @property
    def everything(self) -> bool:
        """Whether it speaks of all devices and all uses."""
        return self.type == "a" and self.major == ANY and self.minor == ANY and self.access == "rwm"

    def text(self) -> str:
        """As devices.allow and devices.deny of v1 read it."""
        if self.everything:
            return "a"
        numbers = ":".join("*" if number == ANY else str(number) for number in (self.major, self.minor))
        return f"{self.type} {numbers} {self.access}"

    def covers(self, other: Rule) -> bool:
        """Whether it speaks of every device of the other one."""
        same_type = self.type in {"a", other.type}
        return same_type and self.major in {ANY, other.major} and self.minor in {ANY, other.minor}

    def meets(self, other: Rule) -> bool:
        """Whether both speak of some device."""
        types = self.type == other.type or "a" in {self.type, other.type}
        return types and all(a == b or ANY in {a, b} for a, b in ((self.major, other.major), (self.minor, other.minor)))


def rules(rows: list[dict[str, Any]]) -> list[Rule]:
    """The list of a manifest after our own start (nothing is allowed) and with what every container may use at its end."""
    defaults = [Rule(allow=True, type=type_, major=major, minor=minor, access=access) for type_, major, minor, access in DEFAULTS]
    return [Rule(allow=False), *map(_rule, rows), *defaults]


def _rule(row: dict[str, Any]) -> Rule:
    major, minor = row.get("major"), row.get("minor")
    return Rule(
        allow=row["allow"],
        type=row.get("type") or "a",
        major=ANY if major is None else major,
        minor=ANY if minor is None else minor,
        access=row.get("access") or "rwm",
    )


def everything_allowed(rows: list[dict[str, Any]]) -> bool:
    """Whether a manifest's list, read from its end, allows all before it denies anything: then nothing needs to be set."""
    for rule in map(_rule, reversed(rows)):
        if not rule.allow:
            return False
        if rule.everything:
            return True
    return False


def v1_lines(found: list[Rule]) -> tuple[bool, list[str]]:
    """(whether all is allowed, the exceptions from that).

    v1 knows one default and exceptions from it. What it cannot express is a ValueError: an entry that takes back a part of a
    wider one, which the kernel would ignore without a word.
    """
    default = False
    kept: list[Rule] = []
    for rule in _pruned(found):
        if rule.everything:
            default, kept = rule.allow, []
        elif rule.allow != default:
            kept.append(rule)
        else:
            kept = _without(kept, rule)
    return default, _merged(kept)


def _pruned(found: list[Rule]) -> list[Rule]:
    """Without what later entries override anyway, so that only what counts can be too fine for v1."""
    ret: list[Rule] = []
    for index, rule in enumerate(found):
        later = [one for one in found[index + 1 :] if one.covers(rule)]
        left = "".join(letter for letter in rule.access if not any(letter in one.access for one in later))
        if left == rule.access:
            ret.append(rule)
        elif left:
            ret.append(Rule(allow=rule.allow, type=rule.type, major=rule.major, minor=rule.minor, access=left))
    return ret


def _without(kept: list[Rule], rule: Rule) -> list[Rule]:
    ret = []
    for one in kept:
        shared = [letter for letter in one.access if letter in rule.access]
        if not shared or not rule.meets(one):
            ret.append(one)
        elif rule.covers(one):
            rest = "".join(letter for letter in one.access if letter not in rule.access)
            if rest:
                ret.append(Rule(allow=one.allow, type=one.type, major=one.major, minor=one.minor, access=rest))
        else:
            raise ValueError(f"{rule.text()} takes back a part of {one.text()}")
    return ret


def _merged(kept: list[Rule]) -> list[str]:
    """One line a device, with the letters of all its entries; type `a` with fewer letters is b and c."""
    letters: dict[tuple[str, int, int], str] = {}
    for rule in kept:
        for type_ in ("b", "c") if rule.type == "a" else (rule.type,):
            key = (type_, rule.major, rule.minor)
            letters[key] = letters.get(key, "") + rule.access
    return [Rule(allow=True, type=key[0], major=key[1], minor=key[2], access=access).text() for key, access in letters.items()]


def device_operation(
    rows: list[dict[str, Any]], slot: int, *, v2: bool, stage: int = at.HOST_HOOKS, replace: bool = False, place: str = ""
) -> Operation:
    """The operation that sets the rules of a manifest in the cgroup in `slot`."""
    from contain.plan.operations.cgroup import AttachDeviceProgram, WriteDeviceRules

    origin = POINTER if rows else ""
    found = rules(rows)
    if v2:
        from contain.plan.compile.device_program import program

        return AttachDeviceProgram(stage=stage, slot=slot, program=program(found), rules=len(found), replace=replace, origin=origin)
    try:
        allow_all, lines = v1_lines(found)
    except ValueError as error:
        raise HostError(
            f"cgroup v1 cannot express these device rules: {error}",
            place=place,
            remedy="order the rules from wide to narrow, or name the allowed devices one by one",
        ) from None
    return WriteDeviceRules(stage=stage, slot=slot, allow_all=allow_all, exceptions=lines, origin=origin)
