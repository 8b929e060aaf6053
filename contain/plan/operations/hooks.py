"""Operations of the family hooks."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class RunHook(Operation):
    """Runs a hook with the container's state on its standard input, in `cwd`, for at most `timeout` milliseconds (0: no limit).

    The state is the template of the operation that claimed the state folder, with `status` filled in. A hook that fails ends the start;
    at teardown it is a warning, and a hook is run there only when there was a container.
    """

    remedies = {
        "ENOENT": "correct the path of the hook",
        "EACCES": "make the hook executable",
        "ENOEXEC": "begin the hook's script with #!",
    }

    stage: int = at.HOST_HOOKS
    kind: str
    path: str
    args: list[str]
    env: list[str]
    cwd: str
    timeout: int = 0
    status: str

    def describe(self) -> str:
        """See the base."""
        limit = f" for at most {self.timeout / 1000:g} s" if self.timeout else ""
        return f"run the {self.kind} hook {self.path}{limit}"

    def words(self) -> str:
        """See the base."""
        return f"error running {self.kind} hook {self.path}"
