"""Operations of the family supervise: who watches the container, and what ends it."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operation import Operation


class Supervise(Operation):
    """How the monitor watches: `init` puts our own reaper at PID 1; `timeout` is wall-clock milliseconds, 0 for none.

    `parent_death` ends the container when the launcher's parent dies; `guardian` allows the twin that cleans up after a killed monitor
    (none is made when our own PID 1 ends with the monitor and nothing on the host is changed); `failure_code` is what any failure of
    ours exits with, 0 for 125, 126 and 127.
    """

    stage: int = at.OPEN
    init: bool = False
    timeout: int = 0
    parent_death: bool = False
    guardian: bool = False
    failure_code: int = 0

    def describe(self) -> str:
        """See the base."""
        parts = ["watch the container"]
        parts += ["with an init as PID 1"] if self.init else []
        parts += [f"for at most {self.timeout / 1000:g} s"] if self.timeout else []
        parts += ["as long as the parent lives"] if self.parent_death else []
        parts += ["beside a guardian"] if self.guardian else []
        return ", ".join(parts)

    def words(self) -> str:
        """See the base."""
        return "cannot watch the container"


class LimitProcessorTime(Operation):
    """Ends the container when all its processes together have used so much, as the cgroup in `slot` counts it; looked at every 20 ms."""

    stage: int = at.HOST_HOOKS
    milliseconds: int
    slot: int
    v2: bool

    def describe(self) -> str:
        """See the base."""
        return f"end the container after {self.milliseconds / 1000:g} s of processor time"
