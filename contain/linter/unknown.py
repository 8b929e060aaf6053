"""Unknown: the value of what cannot be known: a member that has a finding already, or what a running container does not show.

A rule that would decide by it stops there: it says neither that something is wrong nor that all is well.
"""

from __future__ import annotations

from typing import Any, NoReturn


class UnknowableError(Exception):
    """A rule asked for a value that is not known."""


def _refuse(*_: Any) -> NoReturn:
    raise UnknowableError


class Unknown:
    """Answers no question; only that it is there."""

    __slots__ = ()
    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __getattr__ = __call__ = __hash__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __rsub__ = __and__ = __rand__ = _refuse

    def __copy__(self) -> Unknown:
        """There is one only."""
        return self

    def __deepcopy__(self, _: object) -> Unknown:
        """There is one only."""
        return self

    def __reduce__(self) -> str:
        """Unpickled it is the same one."""
        return "UNKNOWN"

    def __repr__(self) -> str:
        """For debugging."""
        return "UNKNOWN"


UNKNOWN = Unknown()
