"""A run's own part of a plan: command, environment, working folder, time limit. The rest is compiled once for all runs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from contain.container.member import Member
    from contain.plan.operation import Operation
    from contain.plan.plan import Plan


class Variant:
    """What differs between two runs of one sandbox."""

    __slots__ = ("args", "cwd", "env", "member", "preserve", "timeout")

    def __init__(
        self,
        args: list[str],
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        timeout: float | None = None,
        *,
        preserve: int = 0,
        member: Member | None = None,
    ) -> None:
        """Nothing given means: as the sandbox has it. `timeout` is in seconds; descriptors up to 2 + `preserve` may be passed."""
        self.member = member
        self.args = args
        self.env = dict(env or {})
        self.cwd = cwd
        self.timeout = timeout
        self.preserve = preserve

    def key(self) -> Any:
        """Equal for equal runs."""
        return tuple(self.args), tuple(self.env.items()), self.cwd, self.timeout, self.preserve

    def of(self, plan: Plan) -> Plan:
        """The sandbox's plan with this run's part."""
        from contain.plan.plan import Plan

        env = self._environment(plan)
        path = next((row[5:] for row in env if row.startswith("PATH=")), None)
        return Plan([self._changed(operation, env, path) for operation in plan.operations], plan.places)

    def _environment(self, plan: Plan) -> list[str]:
        own: list[str] = next((operation.env for operation in plan.operations if type(operation).__name__ == "Execute"), [])  # type: ignore[attr-defined]
        found = dict(row.split("=", 1) for row in own)
        return [f"{name}={value}" for name, value in {**found, **self.env}.items()]

    def _changed(self, operation: Operation, env: list[str], path: str | None) -> Operation:
        values: dict[str, Any] = {}
        name = type(operation).__name__
        if name == "Execute":
            values = {"env": env}
            values |= {"args": self.args} if self.args else {}
            values |= {"path": path} if path is not None else {}
        elif name == "FindProgram" and self.args:
            values = {"name": self.args[0]} | ({"path": path} if path is not None else {})
        elif name == "ClaimState" and self.args:
            values = {"summary": named(operation.values()["summary"], self.args)}
        elif name == "EnterFolder" and self.cwd:
            values = {"path": self.cwd}
        elif name == "Supervise" and self.timeout is not None:
            values = {"timeout": max(1, round(self.timeout * 1000))}
        elif name == "LeaveHost" and self.preserve:
            values = {"preserve": self.preserve}
        elif self.member is not None:
            values = self.member.values(name)
        known = {field: value for field, value in values.items() if field in type(operation)._fields}
        return type(operation)(**{**operation.values(), **known}) if known else operation


def named(summary: str, args: list[str]) -> str:
    """The facts that `list` shows, with the run's own command."""
    from contain.plan.compile.state import COMMAND_LENGTH
    from contain.state.layout import escape

    head, mark, rest = summary.partition("\ncommand=")
    return f"{head}{mark}{escape(' '.join(args)[:COMMAND_LENGTH])}\n{rest.partition(chr(10))[2]}" if mark else summary
