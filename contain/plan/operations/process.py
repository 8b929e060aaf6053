"""Operations of the family process: what the container's process is when it starts."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class Execute(Operation):
    """Replaces init by the container's program: looks `args[0]` up in PATH of `env` inside the root, then execve."""

    stage: int = at.GO
    args: list[str]
    env: list[str]
    cwd: str

    def describe(self) -> str:
        """See the base."""
        return f"execute {' '.join(self.args)}"

    def words(self) -> str:
        """See the base: the launcher completes it as engines expect it."""
        return f'exec: "{self.args[0]}"'
