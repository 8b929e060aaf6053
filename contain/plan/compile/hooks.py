"""Hooks: which run when, and which are left to later verbs (runtime-spec, config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

from contain.plan import stage as at
from contain.plan.operations.hooks import RunHook
from contain.state import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: kind → stage, and the status that its hooks are told. The process of the stage decides in which namespaces they run.
KINDS = {
    "prestart": (at.HOST_HOOKS, layout.CREATING),
    "createRuntime": (at.HOST_HOOKS, layout.CREATING),
    "createContainer": (at.PIVOT, layout.CREATING),
    "startContainer": (at.GO, layout.CREATED),
    "poststart": (at.AFTER, layout.RUNNING),
    "poststop": (at.TEARDOWN, layout.STOPPED),
}


def hooks(spec: Spec, host: Host, slots: Slots) -> Iterator[Operation]:
    """The operations of the family but poststop, whose hooks run when all else is undone."""
    del host, slots
    left = later(spec)
    for kind in KINDS:
        if kind != "poststop" and kind not in left:
            yield from of_kind(spec, kind)


def poststop(spec: Spec) -> Iterator[Operation]:
    """Those that run last of all; where `delete` runs them, only when the container does not come about (runtime.md, "Lifecycle" 3, 12, 13)."""
    yield from of_kind(spec, "poststop")


def later(spec: Spec) -> list[str]:
    """Kinds of hooks that are there and that `start` and `delete` will run, since nobody of ours stays."""
    kinds = [
        *(["poststart"] if spec.run.contract == "create" else []),
        *(["poststop"] if spec.run.contract == "create" or spec.run.detach else []),
    ]
    return [kind for kind in kinds if spec.config["hooks"].get(kind)]


def of_kind(spec: Spec, kind: str) -> Iterator[Operation]:
    """The hooks of a kind, in the order of the manifest."""
    stage, status = KINDS[kind]
    for index, hook in enumerate(spec.config["hooks"].get(kind) or ()):
        inside = kind == "startContainer"
        env = hook.get("env")
        if env is None and inside:  # the text is silent; runc and crun give these the process's own
            env = spec.config["process"]["env"]
        yield RunHook(
            stage=stage,
            origin=f"/hooks/{kind}/{index}",
            kind=kind,
            path=hook["path"],
            args=hook.get("args") or [hook["path"]],
            env=env or [],
            cwd="/" if inside else spec.bundle,
            timeout=int(hook.get("timeout") or 0) * 1000,
            status=status,
        )
