"""A plan as people and programs read it: by stage, each operation with what it does and where it comes from."""

from __future__ import annotations

from contain.errors import printable
from contain.plan import stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain.plan.operation import Operation
    from contain.plan.plan import Plan

#: who acts in a stage, and what that process sees
ACTORS = {
    stage.OPEN: "host",
    stage.CGROUP: "host",
    stage.JOIN: "a throw-away joiner",
    stage.MAP: "host, for joiner or init",
    stage.ENTER: "init, just made",
    stage.PLACE: "host, for init",
    stage.PREPARE: "init, the host still in view",
    stage.HOST_HOOKS: "host",
    stage.PIVOT: "init",
    stage.PUBLISH: "host",
    stage.LOCK: "init",
    stage.GATE: "init",
    stage.GO: "init",
    stage.AFTER: "host",
    stage.TEARDOWN: "monitor or guardian, whoever is left",
}
_DEFAULT = "contain's default"


def human(plan: Plan, *, colour: bool = False) -> str:
    """One line an operation under the heading of its stage; origins stand in a column of their own."""
    places = plan.place_of()
    rows = [(operation.stage, operation.describe(), _origin(places, operation)) for operation in plan.operations]
    width = min(max((len(text) for _, text, _ in rows), default=0), 76)
    bold, dim, plain = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if colour else ("", "", "")
    lines: list[str] = []
    current = 0
    for (at, text, origin), times in _counted(rows):
        if at != current:
            lines += [""] if lines else []
            lines.append(f"{bold}{stage.NAMES[at]}{plain}  {dim}({ACTORS[at]}){plain}")
            current = at
        text = f"{text} ({times} times)" if times > 1 else text
        lines.append(f"  {printable(text):<{width}}  {dim}{printable(origin)}{plain}".rstrip())
    count = len(rows)
    return "\n".join([*lines, "", f"{count} operation{'' if count == 1 else 's'}"])


def _counted(rows: list[tuple[int, str, str]]) -> list[tuple[tuple[int, str, str], int]]:
    """Each row with how often it stands there in a row: a reader is not shown the same line nine times."""
    found: list[tuple[tuple[int, str, str], int]] = []
    for row in rows:
        if found and found[-1][0] == row:
            found[-1] = (row, found[-1][1] + 1)
        else:
            found.append((row, 1))
    return found


def _origin(places: dict[str, str], operation: Operation) -> str:
    return places.get(operation.origin) or _DEFAULT


def json_value(plan: Plan) -> dict[str, Any]:
    """The plan as plain values: stages in order, each operation with its fields, words, origin and place."""
    places = plan.place_of()
    operations = []
    for operation in plan.operations:
        fields = {name: _field(value) for name, value in operation.values().items() if name not in ("stage", "origin")}
        operations.append(
            {
                "operation": type(operation).__name__,
                "stage": stage.NAMES[operation.stage],
                "describe": operation.describe(),
                "origin": operation.origin,
                "place": places.get(operation.origin, ""),
                "fields": fields,
            }
        )
    return {"version": 1, "operations": operations}


def _field(value: Any) -> Any:
    """Bytes as their length and a digest: a filter says nothing to a reader."""
    if not isinstance(value, bytes):
        return value
    import hashlib

    return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}


def json_text(plan: Plan) -> str:
    """The JSON text of `json_value`."""
    import json

    text = json.dumps(json_value(plan), indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a path that is no UTF-8: still JSON that can be read
        return json.dumps(json_value(plan), indent=2)
    return text
