"""What a test's sandbox said, for the report of a test that fails: its containers, and its runs that did not end well."""

from __future__ import annotations

from contain.container.container import Container
from contain.container.failed import Failed
from contain.container.sandbox import Sandbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from contain.container.result import Result

    Said: TypeAlias = "Container | Result[Any]"

#: of so many it is kept, and of each stream so many lines are shown
MOST, LINES = 10, 50


class Heard(Sandbox):
    """A Sandbox that notes what it starts, and which runs fail."""

    __slots__ = ("_notes",)

    def __init__(self, **options: Any) -> None:
        """As Sandbox."""
        self._notes: list[Said] = []
        super().__init__(**options)

    def run(self, cmd: Any = None, **options: Any) -> Any:
        """As Sandbox.run."""
        try:
            result = super().run(cmd, **options)
        except Failed as problem:
            self._note(problem.result)
            raise
        if not result.ok:
            self._note(result)
        return result

    def start(self, cmd: Any = None, **options: Any) -> Container:
        """As Sandbox.start."""
        started = super().start(cmd, **options)
        self._note(started)
        return started

    def replace(self, **options: Any) -> Heard:
        """As Sandbox.replace."""
        other: Any = super().replace(**options)
        other._notes = self._notes  # noqa: SLF001  of this class
        return other  # type: ignore[no-any-return]  # of this class

    @property
    def notes(self) -> list[Said]:
        """What it has started, and runs that failed, the last ones last."""
        return self._notes

    def _note(self, one: Said) -> None:
        self._notes.append(one)
        del self._notes[:-MOST]


def sections(one: Said) -> Iterator[tuple[str, str]]:
    """Headings and texts of what it said; nothing of what was not kept."""
    for stream in ("stdout", "stderr"):
        if isinstance(one, Container):
            name = one.id
            text = one.logs(stream=stream, tail=LINES).decode(errors="replace") if one.has_log(stream) else ""
        else:
            name = f"{one.args[0]}: {one.reason.value} {one.returncode}"
            said = getattr(one, stream) or ""
            text = "".join((said.decode(errors="replace") if isinstance(said, bytes) else said).splitlines(keepends=True)[-LINES:])
        if text:
            yield f"{name} {stream}", text
