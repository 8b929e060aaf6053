"""STA0: the state of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.registry import rule
from contain.linter.semver import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
def pid_missing(state: Any) -> Found:
    """STA005 state-pid-missing: a container that is created or running has a pid.

    section: runtime.md / State
    rows: RS03
    bad: {"status": "running", "pid": null}
    good: {"status": "running", "pid": 4422}
    """
    if state.get("status") in ("created", "running") and not state.get("pid"):
        yield "/pid", f"a container that is {state['status']} has a pid"


@rule
def pid_of_stopped(state: Any) -> Found:
    """STA006 state-pid-of-stopped: a stopped container has no pid.

    The number may belong to another process by now.

    section: runtime.md / State
    severity: warning
    rows: RS04
    bad: {"status": "stopped", "pid": 4422}
    good: {"status": "stopped", "pid": null}
    """
    if state.get("status") == "stopped" and state.get("pid"):
        yield "/pid", "a stopped container has no process"


@rule
def relative_bundle(state: Any) -> Found:
    """STA007 state-bundle-relative: the bundle is an absolute path.

    section: runtime.md / State
    rows: RS05
    bad: {"bundle": "box"}
    good: {"bundle": "/run/box"}
    """
    bundle = state.get("bundle")
    if bundle is not None and not bundle.startswith("/"):
        yield "/bundle", f"bundle {bundle[:60]!r} is not absolute"


@rule
def version(state: Any) -> Found:
    """STA008 state-version: ociVersion is a version as SemVer 2.0.0 writes it.

    section: runtime.md / State
    rows: RS06
    bad: {"ociVersion": "1"}
    good: {"ociVersion": "1.2.0"}
    """
    text = state.get("ociVersion")
    if text is not None and parse_version(text) is None:
        yield "/ociVersion", f"ociVersion: {text[:40]!r} is no version of SemVer 2.0.0"
