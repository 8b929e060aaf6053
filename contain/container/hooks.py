"""Hooks that later verbs run on the host: poststart and poststop (runtime-spec, config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

import os
import signal
import subprocess

from contain.errors import ContainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run_hooks(kind: str, config: dict[str, Any], state: str, bundle: str) -> None:
    """Runs each hook of that kind with the container's state on its stdin; ContainError names the first that fails.

    A hook has the environment that its manifest gives and nothing else, and is ended with its children after `timeout` seconds.
    """
    for index, hook in enumerate((config.get("hooks") or {}).get(kind) or []):
        _run(f"hooks.{kind}[{index}]", hook, state, bundle)


def _run(name: str, hook: dict[str, Any], state: str, bundle: str) -> None:
    path = hook["path"]
    environment = dict(entry.split("=", 1) for entry in hook.get("env") or [] if "=" in entry)
    try:
        child = subprocess.Popen(
            hook.get("args") or [path],
            executable=path,
            env=environment,
            cwd=bundle if os.path.isdir(bundle) else "/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as problem:
        raise ContainError(f"cannot execute the hook {path}: {problem.strerror}", place=name) from problem
    try:
        _, errors = child.communicate(state.encode(), timeout=hook.get("timeout") or None)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise ContainError(f"the hook {path} took longer than {hook['timeout']} s", place=name) from None
    if child.returncode != 0:
        words = errors.decode(errors="replace").strip().splitlines()
        raise ContainError(f"the hook {path} failed with {child.returncode}", place=name, cause=words[-1] if words else "")
