"""RUN3: hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import hooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.bundle import Bundle

    Found = Iterator[tuple[str, str]]


@rule
@about("hooks")
def relative_path(config: Any) -> Found:
    """RUN304 hook-path-relative: a hook's path is absolute.

    section: config.md / POSIX-platform Hooks
    blocking: yes
    rows: RC46
    bad: {"hooks": {"poststop": [{"path": "bin/clean"}]}}
    good: {"hooks": {"poststop": [{"path": "/usr/bin/clean"}]}}
    """
    for pointer, hook in hooks(config):
        path = hook.get("path")
        if path is not None and not path.startswith("/"):
            yield f"{pointer}/path", f"the hook's path {path[:60]!r} is not absolute"


@rule
@about("hooks")
def prestart(config: Any) -> Found:
    """RUN305 prestart-deprecated: no hook is a prestart hook.

    createRuntime, createContainer and startContainer say when they run and in which namespaces.

    section: config.md / Prestart
    severity: warning
    rows: RC48
    bad: {"hooks": {"prestart": [{"path": "/usr/bin/net"}]}}
    good: {"hooks": {"createRuntime": [{"path": "/usr/bin/net"}]}}
    """
    if get(config, "hooks", "prestart"):
        yield "/hooks/prestart", "prestart hooks are deprecated: use createRuntime, createContainer or startContainer"


@rule
def start_program(config: Any, bundle: Bundle) -> Found:
    """RUN306 hook-program: the program of a startContainer hook is in the root file system.

    These hooks run inside the container; all others are found on the host, which lint does not look at.

    section: config.md / POSIX-platform Hooks
    rows: RC49
    bad-files: {"config.json": {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "hooks": {"startContainer": [{"path": "/bin/prepare"}]}},
      "rootfs": null}
    good-files: {"config.json": {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "hooks": {"startContainer": [{"path": "/bin/prepare"}]}},
      "rootfs": null, "rootfs/bin/prepare": "x"}
    """
    root = get(config, "root", "path")
    if not root or not bundle.is_folder(root):
        return
    covered = [mount.get("destination") or "" for _, mount in each(config, "mounts")]
    for pointer, hook in each(config, "hooks", "startContainer"):
        path = hook.get("path") or ""
        # a mount may bring it, and what lies behind a link is for the runtime to see
        if (
            path.startswith("/")
            and not any(path.startswith(place.rstrip("/") + "/") for place in covered)
            and not bundle.exists(f"{root}/{path.lstrip('/')}")
        ):
            yield f"{pointer}/path", f"{path[:80]} is not in the root file system, where startContainer hooks run"


@rule
@about("hooks")
def empty_args(config: Any) -> Found:
    """RUN307 hook-args: args of a hook begin with its name.

    An empty list gives the program no name.

    section: config.md / POSIX-platform Hooks
    severity: warning
    rows: RC50
    bad: {"hooks": {"poststop": [{"path": "/usr/bin/clean", "args": []}]}}
    good: {"hooks": {"poststop": [{"path": "/usr/bin/clean", "args": ["clean"]}]}}
    """
    for pointer, hook in hooks(config):
        if hook.get("args") == []:
            yield f"{pointer}/args", "args of a hook is empty: its first entry is the program's name"
