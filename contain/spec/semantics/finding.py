"""Finding: something in a spec that cannot be run, or not as it is meant."""

from __future__ import annotations


class Finding:
    """One finding: where (a pointer into the spec), what, why, and what to do."""

    __slots__ = ("cause", "error", "id", "message", "pointer", "remedy")

    def __init__(self, id: str, pointer: str, message: str, remedy: str, *, cause: str = "", error: bool = True) -> None:
        """`id` is that of the rule of lint that says the same; `error` is false for what can be run, but hardly as it is meant."""
        self.pointer = pointer
        self.message = message
        self.remedy = remedy
        self.cause = cause
        self.error = error
        self.id = id

    def __repr__(self) -> str:
        """For debugging and tests."""
        return f"<{self.pointer}: {self.message}>"
