"""The state folder: when there is one, what is written into it, and its end."""

from __future__ import annotations

from _json import encode_basestring_ascii as quoted
from _json import make_encoder

from contain.errors import ManifestError
from contain.plan import stage as at
from contain.plan.compile.cgroup_groups import where
from contain.plan.operations.state import (
    ClaimState,
    EndState,
    PublishState,
    RemoveFile,
    RemoveTree,
    SendPidfd,
    WritePidFile,
)
from contain.state import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

COMMAND_LENGTH = 256
LONGEST = 1_000_000  # the launcher fills holes in a buffer of 1 MiB
HOLES = ("status", "pid", "start", "boot", "monitor", "guardian", "created", "finished", "token")


def needs_folder(spec: Spec, operations: list[Operation]) -> bool:
    """Whether anything has to be written down: somebody may ask for this container, or something on the host is to be undone."""
    run = spec.run
    asked = (
        run.name
        or run.keep
        or run.detach
        or run.contract == "create"
        or run.labels
        or run.pid_file
        or run.pidfd_socket
        or run.temporary
        or any(spec.config["hooks"].values())
    )
    return bool(asked) or any(operation.stage == at.TEARDOWN for operation in operations)


def anonymous(spec: Spec) -> bool:
    """Whether nobody can ask for this container: its folder serves the sweep alone."""
    return not (spec.run.name or spec.run.keep or spec.run.detach or spec.run.labels)


def needs_note(spec: Spec) -> bool:
    """Whether a note is enough: the sweep asks for nothing but what is to be undone, and no hook is to be told the state."""
    return anonymous(spec) and not any(spec.config["hooks"].values())


def begin(spec: Spec, host: Host, slots: Slots, cgroups: list[tuple[str, str]]) -> Iterator[Operation]:
    """What stands before everything else of its stage."""
    run = spec.run
    leaves = run.contract == "create" or run.detach
    if needs_note(spec):
        from contain.plan.operations.notes import KeepNote, NoteInit

        yield KeepNote(root=root_of(spec, host), undo=slots.undo("state"))
        # a joiner, and there is one for these, makes init after the maps are written
        joiner = any(spec.namespaces().values()) or spec.config["linux"].get("timeOffsets")
        yield NoteInit(stage=at.PUBLISH if joiner else at.MAP)
    else:
        yield from _folder(spec, host, slots, cgroups)
    for path in run.temporary:
        from contain.plan.operations.notes import NoteUndo

        yield NoteUndo(kind="tree", path=path, undo=slots.undo(f"tree{path}"))
    if not needs_note(spec):
        yield PublishState(status=layout.CREATED, release=run.contract == "create")
    if run.pid_file:
        yield WritePidFile(path=run.pid_file, undo=0 if leaves or run.runc else slots.undo("pid-file"), origin="--pid-file")
    if run.pidfd_socket:
        yield SendPidfd(path=run.pidfd_socket, origin="--pidfd-socket")
    if run.contract != "create" and not anonymous(spec):
        yield PublishState(stage=at.AFTER, status=layout.RUNNING, release=run.detach)


def _folder(spec: Spec, host: Host, slots: Slots, cgroups: list[tuple[str, str]]) -> Iterator[Operation]:
    run = spec.run
    marks = [layout.MONITORED, *([layout.KEPT] if run.keep else [])]
    yield ClaimState(
        root=root_of(spec, host),
        id=run.name,
        config="" if anonymous(spec) else on_one_line(spec.config),
        template="" if anonymous(spec) and not any(spec.config["hooks"].values()) else template(spec, host),
        summary=summary(spec, host, cgroups),
        marks=marks,
        lock=slots.new("state/lock"),
        undo=slots.undo("state"),
        origin="--name" if run.name and not run.runc else "",
    )


def end(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """What stands behind everything else of teardown but poststop."""
    run = spec.run
    if run.pid_file:
        yield RemoveFile(path=run.pid_file, undo=slots.undo("pid-file"))
    for path in run.temporary:
        yield RemoveTree(path=path, undo=slots.undo(f"tree{path}"))
    if needs_note(spec):
        from contain.plan.operations.notes import EndNote

        yield EndNote(root=root_of(spec, host), undo=slots.undo("state"))
    else:
        yield EndState(root=root_of(spec, host), keep=run.keep, undo=slots.undo("state"))


def root_of(spec: Spec, host: Host) -> str:
    """The folder of all containers."""
    return spec.run.state_root or layout.default_root({"XDG_RUNTIME_DIR": host.runtime}, host.euid, initial=host.userns.initial)


def identifier(spec: Spec) -> str:
    """The id, or the hole that the launcher fills with one of its own."""
    return spec.run.name or layout.hole("id")


def summary(spec: Spec, host: Host, cgroups: list[tuple[str, str]]) -> str:
    """The text of `summary`, with holes."""
    from contain.plan.compile.hooks import later
    from contain.state.summary import Summary, render

    run = spec.run
    scope = where(spec, host).scope
    facts = Summary(
        kind="create" if run.contract == "create" else "run",
        owner=host.uid,
        anonymous=int(anonymous(spec)),
        bundle=spec.bundle,
        rootfs=spec.root,
        command=" ".join(spec.config["process"].get("args") or ())[:COMMAND_LENGTH],
        cgroups={"" if controller == "-" else controller: folder for controller, folder in cgroups},
        hooks=later(spec),
        labels=run.labels,
        id=run.name,
        systemd=scope.unit if scope else "",
    )
    text = render(facts, HOLES if run.name else (*HOLES, "id"))
    # the folders of a run without a name have the id as a hole, which render() escapes like any control character
    return text.replace(layout.escape(layout.hole("id")), layout.hole("id"))


def template(spec: Spec, host: Host) -> str:
    """What `contain state` prints, with holes; in the layout of runc's."""
    del host
    rows = {
        "ociVersion": quoted(spec.config["ociVersion"]),
        "id": f'"{identifier(spec)}"',
        "pid": layout.hole("pid"),
        "status": f'"{layout.hole("status")}"',
        "bundle": quoted(spec.bundle),
        "rootfs": quoted(spec.root),
        "created": f'"{layout.hole("created")}"',
        "annotations": as_json(spec.config["annotations"], "  "),
        "owner": '""',
    }
    text = "{\n" + ",\n".join(f"  {quoted(key)}: {value}" for key, value in rows.items()) + "\n}\n"
    if len(text) > LONGEST:
        raise ManifestError(
            "the annotations are too long", place=spec.origins.place("/annotations"), remedy=f"keep them below {LONGEST} bytes"
        )
    return text


def on_one_line(value: Any) -> str:
    """JSON text, by json's own encoder in C; json itself is not imported on the hot path (9 ms)."""
    return "".join(make_encoder(None, repr, quoted, None, ": ", ", ", False, False, True)(value, 0))


def as_json(value: Any, indent: str = "") -> str:
    """JSON text with a line for each member, as people read it."""
    if value.__class__ is str:
        return quoted(value)
    if value.__class__ is dict:
        inner = indent + "  "
        rows = [f"{inner}{quoted(key)}: {as_json(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}" if rows else "{}"
    if value.__class__ is list:
        return "[" + ", ".join(as_json(item, indent) for item in value) + "]"
    if value is None or value.__class__ is bool:
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)
