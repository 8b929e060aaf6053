"""What came of a run: Result, with its reason, its output and what it used."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, AnyStr, Generic

    from contain.container.denied import Denied
    from contain.container.isolation import Isolation
    from contain.container.reason import Reason
    from contain.plan.plan import Plan
else:
    AnyStr = str

    class Generic:
        """Stands for typing's, which is slow to import: Result[str] is Result when a program runs."""

        __slots__ = ()

        def __class_getitem__(cls, _: object) -> type:
            """Itself."""
            return cls


class Usage:
    """What a run used. Seconds and bytes; None where nothing on this host can tell. `sources` says where each comes from."""

    __slots__ = ("cpu", "max_rss", "memory_peak", "oom_kills", "sources", "system", "user", "wall")

    def __init__(self, numbers: tuple[int | None, ...] = (None,) * 7) -> None:
        """The numbers of a launcher's record (contain.launcher.record)."""
        wall, cpu, user, system, rss, peak, kills = numbers
        self.wall = None if wall is None else wall / 1e9
        self.user = None if user is None else user / 1e6  # ticks of 4 ms decide between user and system: approximate
        self.system = None if system is None else system / 1e6
        rusage = None if self.user is None or self.system is None else self.user + self.system
        self.cpu = rusage if cpu is None else cpu / 1e9
        self.max_rss = None if rss is None else rss * 1024  # the largest single process
        self.memory_peak = peak  # what the memory cgroup charged, page cache and tmpfs too, less what it held when the program began
        self.oom_kills = kills or 0
        group, wait = "cgroup", "rusage"
        self.sources = {
            "wall": "none" if wall is None else "clock",
            "cpu": "none" if self.cpu is None else wait if cpu is None else group,
            "user": "none" if user is None else wait,
            "system": "none" if system is None else wait,
            "max_rss": "none" if rss is None else wait,
            "memory_peak": "none" if peak is None else group,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return {slot: getattr(self, slot) for slot in self.__slots__}

    def __repr__(self) -> str:
        """Values by name."""
        return f"Usage({', '.join(f'{key}={value!r}' for key, value in self.to_dict().items() if key != 'sources')})"


def name_version(usage: Usage, version: str) -> None:
    """Says which cgroups the numbers are from, where they are from one."""
    if version:
        usage.sources = {name: f"cgroup-{version}" if source == "cgroup" else source for name, source in usage.sources.items()}


class Layers:
    """The isolation of a plan, told when somebody asks."""

    __slots__ = ("_isolation", "_missing", "_plan")

    def __init__(self, plan: Plan, missing: Sequence[str]) -> None:
        """`missing` is what was asked for and could not be had."""
        self._plan = plan
        self._missing = tuple(missing)
        self._isolation: Isolation | None = None

    @property
    def isolation(self) -> Isolation:
        """What the plan has."""
        if self._isolation is None:
            from contain.container.isolation import isolation_of

            self._isolation = isolation_of(self._plan, self._missing)
        return self._isolation

    @property
    def version(self) -> str:
        """Of the cgroups that a run's usage is read from: v1, v2, or none."""
        read = [operation for operation in self._plan.operations if type(operation).__name__ == "ReadCgroupUsage"]
        return ("v2" if any(operation.values()["v2"] for operation in read) else "v1") if read else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by what it tells: the plan stays here."""
        return _told, (self.isolation,)


def _told(isolation: Isolation) -> Layers:
    found = object.__new__(Layers)
    found._isolation = isolation
    return found


class Result(Generic[AnyStr]):
    """How a run ended, and what it said.

    `returncode` is what the shell would see (128+N after signal N, 124 after the time limit); `signal` is N or None. `stdout`
    and `stderr` are bytes, or str in text mode, None where they were not captured; `truncated` names those whose middle was dropped.
    """

    __slots__ = ("_layers", "_reason", "args", "denied", "returncode", "signal", "stderr", "stdout", "truncated", "usage")

    def __init__(self, args: list[str], *, reason: str, returncode: int, signal: int | None = None, usage: Usage | None = None) -> None:
        """Output is set by the driver; `reason` is the value of one."""
        self.args = args
        self._reason = reason
        self.returncode = returncode
        self.signal = signal
        self.usage = usage or Usage()
        self.stdout: AnyStr = None  # type: ignore[assignment]  # None only where it was not captured
        self.stderr: AnyStr = None  # type: ignore[assignment]
        self.truncated: frozenset[str] = frozenset()
        self._layers: Layers | None = None
        self.denied: tuple[Denied, ...] = ()

    @property
    def isolation(self) -> Isolation | None:
        """The layers that were on, as the plan had them."""
        return self._layers.isolation if self._layers else None

    @property
    def reason(self) -> Reason:
        """Why it ended."""
        from contain.container.reason import Reason

        return Reason(self._reason)

    @property
    def ok(self) -> bool:
        """Whether it exited by itself with 0."""
        return self._reason == "exited" and self.returncode == 0

    def check(self) -> Result[AnyStr]:
        """Itself; raises Failed (or the class of its reason) when it is not ok."""
        if self.ok:
            return self
        from contain.container.failed import failed

        raise failed(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, for other processes and reports."""
        ret = {slot: getattr(self, slot) for slot in self.__slots__ if slot[0] != "_"}
        isolation = self.isolation.to_dict() if self.isolation else {}
        return {
            **ret,
            "reason": self._reason,
            "usage": self.usage.to_dict(),
            "truncated": sorted(self.truncated),
            "isolation": isolation,
            "denied": [denied.to_dict() for denied in self.denied],
        }

    def __repr__(self) -> str:
        """Without the output."""
        return f"Result({self.args!r}, {self.reason.name}, returncode={self.returncode})"
