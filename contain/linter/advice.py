"""The advice (SEC) for something that runs: its configuration as far as it can be known, with UNKNOWN for the rest."""

from __future__ import annotations

from typing import Any

from contain.linter.registry import functions, needs
from contain.linter.settings import Settings
from contain.linter.unknown import UNKNOWN, UnknowableError

__all__ = ["UNKNOWN", "Advice", "advise"]


class Advice:
    """What a rule of SEC says: `found` with pointer and words, `clean`, or `unknown`."""

    __slots__ = ("id", "message", "name", "pointer", "severity", "verdict")

    def __init__(self, id: str, name: str, severity: str, verdict: str, pointer: str = "", message: str = "") -> None:
        """`pointer` and `message` are empty when nothing was found."""
        self.id = id
        self.name = name
        self.severity = severity
        self.verdict = verdict
        self.pointer = pointer
        self.message = message

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"<{self.id} {self.verdict}{f': {self.message}' if self.message else ''}>"


def advise(config: Any, settings: Settings | None = None) -> list[Advice]:
    """Every rule of advice about a runtime config that may hold UNKNOWN values, in the order of the rules.

    A rule that meets a value that is not known says `unknown`, never `clean`; what it found before stands.
    """
    from contain.diagnostics.table import RULES

    table = (settings or Settings()).table()
    result: list[Advice] = []
    for id, function in functions("runtime-config"):
        if not id.startswith("SEC") or id not in table or len(needs(function)) != 1:
            continue
        name, severity, found, verdict = RULES[id][0], table[id], [], "clean"
        try:
            for row in function(config):
                found.append(Advice(id, name, severity, "found", str(row[0]), str(row[1])))  # type: ignore[index]
        except UnknowableError:
            verdict = "unknown"
        except TypeError as error:
            if "'Unknown'" not in str(error):
                raise
            verdict = "unknown"  # functions in C say it so
        result += found
        if verdict == "unknown" or not found:
            result.append(Advice(id, name, severity, verdict))
    return result
