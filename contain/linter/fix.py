"""A fix: what to do in words, and, where that can be done by editing the text, the edit."""

from __future__ import annotations

from typing import Any

_NOTHING: Any = object()


class Fix:
    """What mends a finding.

    An edit names values by pointer: `remove` a member or item, `rename` a member, `replace` a value, or `cut` a range of the text. It is `safe` when
    the document means the same to runc and to crun as before.
    """

    __slots__ = ("cut", "remove", "rename", "replace", "safe", "words")

    def __init__(
        self,
        words: str,
        *,
        remove: str = "",
        rename: tuple[str, str] | None = None,
        replace: tuple[str, Any] | None = None,
        cut: tuple[int, int, str] | None = None,
        safe: bool = False,
    ) -> None:
        """At most one edit; without one a person must do it."""
        self.words = words
        self.remove = remove
        self.rename = rename
        self.replace = replace
        self.cut = cut
        self.safe = safe

    @property
    def editable(self) -> bool:
        """Whether a program can do it."""
        return bool(self.remove or self.rename or self.replace or self.cut)
