"""STA1: the container process state, which a seccomp listener gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
def descriptors(value: Any) -> Found:
    """STA102 process-state-descriptors: fds names the seccomp listener.

    The descriptors are passed in the order of the list; without `seccompFd` nobody knows which is the listener.

    section: config-linux.md / Seccomp
    severity: warning
    rows: RS07 RS08
    bad: {"fds": ["other"]}
    good: {"fds": ["seccompFd"]}
    """
    names = value.get("fds")
    if names is not None and "seccompFd" not in names:
        yield "/fds", "seccompFd is not among fds"


@rule
def no_metadata(value: Any) -> Found:
    """STA103 process-state-metadata: metadata is there only when the configuration has it.

    section: config-linux.md / The Container Process State
    severity: info
    rows: RS07
    bad: {"metadata": ""}
    good: {"metadata": "box"}
    """
    if value.get("metadata") == "":
        yield "/metadata", "metadata is empty: leave it out"
