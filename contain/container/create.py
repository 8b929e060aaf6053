"""create: an OCI bundle, planned and launched up to its start gate."""

from __future__ import annotations

import posix

from contain import paths
from contain.container import notify
from contain.errors import ContainError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from contain.spec.model import Spec


def read(identifier: str, bundle: str, state_root: str, given: dict[str, Any]) -> Spec:
    """The checked spec of a bundle, as `create` will have it."""
    from contain.spec import semantics
    from contain.spec.options import Options
    from contain.spec.sources import oci
    from contain.state import layout

    if not layout.is_id(identifier):
        raise UsageError(f"invalid container id format: {identifier!r}", remedy="use letters, digits, _ + - and .")
    spec = oci.read(bundle, Options(**{key: value for key, value in given.items() if value}))
    spec.run.name, spec.run.runc, spec.run.contract = identifier, True, "create"
    spec.run.state_root = layout.state_root(state_root) if state_root else ""
    semantics.require(spec)
    return spec


def use_manager(spec: Spec, manager: str) -> None:
    """Notes which cgroup driver is wanted, and the program that the systemd one needs."""
    spec.run.cgroup_manager = manager
    if manager == "systemd":
        from contain.container.systemd import helper

        spec.run.systemd = helper()


def create(
    identifier: str,
    *,
    bundle: str,
    state_root: str,
    launcher: Sequence[str],
    warn: Callable[[str], None],
    cgroup_manager: str = "",
    **given: Any,
) -> None:
    """Replaces this process by the launcher, which leaves when the container waits for start.

    Raises UsageError, ManifestError, HostError, StateError before anything is touched.
    """
    from contain.host.probe import probe
    from contain.launcher import spawn
    from contain.plan.compile import compile_run
    from contain.plan.encode import encode
    from contain.plan.wanted import wanted
    from contain.spec import activation

    spec = read(identifier, bundle, state_root, given)
    activation.adopt(spec, paths.environ(), posix.getpid())
    use_manager(spec, cgroup_manager)
    folder = notify.adopt(spec, paths.environ())
    try:
        plan = compile_run(spec, probe(wanted(spec)))
    except ContainError:
        if folder:
            posix.rmdir(folder)
        raise
    for text in spec.warnings:
        warn(text)
    spawn.execute(encode(plan), words=launcher)
