"""Hooks that later verbs run on the host: poststart and poststop (runtime-spec, config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

from contain.errors import ContainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Of what a hook prints the end is kept: that is where programs say why.
TAIL = 256


def failures(kind: str, config: dict[str, Any], state: str, bundle: str) -> Iterator[ContainError]:
    """Runs each hook of that kind, with the container's state on its stdin; those that fail are told one by one, before the next one runs.

    A hook has the environment that its manifest gives and nothing else, and is ended with its children after `timeout` seconds.
    """
    for index, hook in enumerate((config.get("hooks") or {}).get(kind) or []):
        try:
            _run(f"hooks.{kind}[{index}]", hook, state, bundle)
        except ContainError as problem:
            yield problem


def _run(name: str, hook: dict[str, Any], state: str, bundle: str) -> None:
    path = hook["path"]
    environment = dict(entry.split("=", 1) for entry in hook.get("env") or [] if "=" in entry)
    told = os.memfd_create("state")  # a pipe would block us behind a hook that never reads
    output, end = os.pipe()
    try:
        os.write(told, state.encode())
        os.lseek(told, 0, os.SEEK_SET)
        child = subprocess.Popen(
            hook.get("args") or [path],
            executable=path,
            env=environment,
            cwd=bundle if os.path.isdir(bundle) else "/",
            stdin=told,
            stdout=end,
            stderr=end,
            process_group=0,
        )
    except OSError as problem:
        os.close(output)
        raise ContainError(f"cannot execute the hook {path}: {problem.strerror}", place=name) from problem
    finally:
        os.close(told)
        os.close(end)
    try:
        words = _wait(child, output, hook.get("timeout") or 0)
    finally:
        os.close(output)
    if words is None:
        raise ContainError(f"the hook {path} took longer than {hook['timeout']} s", place=name)
    if child.returncode != 0:
        raise ContainError(f"the hook {path} failed with {child.returncode}", place=name, cause=words)


def _wait(child: subprocess.Popen[bytes], output: int, timeout: float) -> str | None:
    """Its last line, once it has ended: children that it leaves behind may hold its output for ever. None: the time was over."""
    os.set_blocking(output, False)
    pidfd = os.pidfd_open(child.pid)
    poller, tail, end = select.poll(), b"", time.monotonic() + timeout
    try:
        poller.register(pidfd, select.POLLIN)
        poller.register(output, select.POLLIN)
        ended = late = False
        while not ended and not late:
            ready = {fd for fd, _ in poller.poll(max(0.0, end - time.monotonic()) * 1000 if timeout else None)}
            ended, late = pidfd in ready, bool(timeout) and time.monotonic() >= end
            if output in ready:
                tail, more = _read(output, tail)
                if not more:
                    poller.unregister(output)
    finally:
        os.close(pidfd)
    if not ended:
        os.killpg(child.pid, signal.SIGKILL)
    if child.wait() != 0:
        _end_group(child.pid)
    lines = tail.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "") if ended else None


def _read(output: int, tail: bytes) -> tuple[bytes, bool]:
    """What a pipe holds, its end kept; whether there may be more."""
    try:
        chunk = os.read(output, 1 << 16)
    except BlockingIOError:
        return tail, True
    return (tail + chunk)[-TAIL:], bool(chunk)


def _end_group(group: int) -> None:
    """What a hook that failed leaves behind."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
