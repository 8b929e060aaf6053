"""The facts of one container as its `summary` has them."""

from __future__ import annotations

from contain.kernel.mounts import unescape
from contain.kernel.record import Record
from contain.state import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Summary(Record):
    """One container; layout.py says what each line means."""

    id: str = ""
    token: str = ""
    status: str = layout.CREATING
    kind: str = "run"
    pid: int = 0
    start: int = 0
    boot: str = ""
    monitor: str = ""
    guardian: str = ""
    owner: int = 0
    anonymous: int = 0  # 1: an unnamed run that is not kept; only the sweep cares for it
    created: str = ""
    finished: str = ""
    bundle: str = ""
    rootfs: str = ""
    command: str = ""
    cgroups: dict[str, str] = {}  # controller ("" the unified hierarchy) → folder
    hooks: list[str] = []
    labels: dict[str, str] = {}
    systemd: str = ""

    def process(self, name: str) -> tuple[int, int] | None:
        """(pid, start time) of `init`, `monitor` or `guardian`."""
        if name == "init":
            return (self.pid, self.start) if self.pid > 0 else None
        fields = str(getattr(self, name)).split(" ")
        return (int(fields[0]), int(fields[1])) if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit() else None


_TEXTS = ("id", "token", "status", "kind", "boot", "monitor", "guardian", "created", "finished", "bundle", "rootfs", "command", "systemd")
_NUMBERS = ("pid", "start", "owner", "anonymous")


def parse(text: str) -> Summary | None:
    """None when it is not of a format that we know; unknown lines and values that make no sense are skipped."""
    values: dict[str, Any] = {}
    cgroups: dict[str, str] = {}
    labels: dict[str, str] = {}
    known = False
    for line in text.split("\n"):
        name, equals, raw = line.partition("=")
        value = unescape(raw)
        if not equals:
            continue
        if name == "format":
            known = value == str(layout.FORMAT)
        elif name in _TEXTS:
            values[name] = value
        elif name in _NUMBERS and value.isdecimal():
            values[name] = int(value)
        elif name == "cgroup":
            controller, _, folder = value.partition(" ")
            cgroups["" if controller == "-" else controller] = folder
        elif name == "label":
            key, _, label = value.partition("=")
            labels[key] = label
        elif name == "hooks":
            values["hooks"] = [hook for hook in value.split(",") if hook]
    return Summary(cgroups=cgroups, labels=labels, **values) if known else None


def render(summary: Summary, holes: tuple[str, ...] = ()) -> str:
    """The text of `summary`; the fields named in `holes` are left to the launcher."""
    lines = [f"format={layout.FORMAT}"]
    for name in (*_TEXTS, *_NUMBERS):
        value = layout.hole(name) if name in holes else layout.escape(str(getattr(summary, name)))
        lines.append(f"{name}={value}")
    lines += [f"cgroup={controller or '-'} {layout.escape(folder)}" for controller, folder in summary.cgroups.items()]
    lines += [f"label={layout.escape(f'{key}={value}')}" for key, value in summary.labels.items()]
    lines += [f"hooks={','.join(summary.hooks)}"] if summary.hooks else []
    return "\n".join(lines) + "\n"


def fill(template: str, values: dict[str, str]) -> str:
    """A template with its holes filled, as the launcher does it; an unknown hole is filled with nothing."""
    parts = template.split(layout.HOLE)
    return "".join(values.get(part, "") if place % 2 else part for place, part in enumerate(parts))
