"""start and delete, with their hooks and in the words of their refusals; the plain cases are the front's (launcher/src/front)."""

from __future__ import annotations

import os
import select

from contain.container import copied, notify
from contain.container.freeze import set_frozen
from contain.errors import StateError
from contain.launcher import spawn
from contain.state import layout, sweep
from contain.state.files import remove_tree
from contain.state.layout import state_root
from contain.state.store import Store, missing, paused
from contain.state.undo import kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from contain.state.store import Folder
    from contain.state.summary import Summary

#: What the launcher exits with when it leaves a verb to Python.
NOT_ANSWERED = 255
SIGKILL = 9
PATIENCE = 10  # seconds that a killed process has


def quick(verb: str, words: Sequence[str], options: Mapping[str, str]) -> int:
    """Lets the launcher answer a verb, as the front would; NOT_ANSWERED when it leaves it to us."""
    before = [f"--root={state_root(options.get('root', ''))}"]
    before += [f"--{name}={options[name]}" for name in ("log", "log-format") if options.get(name)]
    pid = os.posix_spawn(spawn.find(), [spawn.NAME, "--verb", *before, verb, *words], os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def start(name: str, options: Mapping[str, str]) -> int:
    """Starts a created container and runs its poststart hooks; when one fails, the container is stopped."""
    from contain.container.hooks import failures

    with Store(state_root(options.get("root", ""))) as store, store.open(name) as folder:
        status = folder.status()
        if status != layout.CREATED:
            raise StateError(_refusal(status))
        config, target = copied.config(folder), os.environ.get(notify.VARIABLE, "")
        shown = notify.folder_of(config) if target else ""
        server = notify.listen(shown) if shown else None
        code = quick("start", ["--no-hooks", name], options)
        if code != 0:
            return 1
        for problem in failures("poststart", config, folder.text(layout.STATE) or "{}", folder.summary().bundle):
            process = folder.summary().process("init")
            if process:
                kill(process[0], process[1], SIGKILL)
            raise problem
    if server:
        with server:
            notify.wait_for(server, target, state_root(options.get("root", "")), name)
    return 0


def _refusal(status: str) -> str:
    if status == layout.STOPPED:
        return "cannot start a container that has stopped"
    return "cannot start an already running container" if status == layout.RUNNING else f"cannot start a container in the {status} state"


def delete(name: str, options: Mapping[str, str], warn: Callable[[str], None], *, force: bool) -> int:
    """Removes a container: its process when it may, its cgroups, poststop hooks, its folder.

    With `force` a container that does not exist is no error, and a running one is killed.
    """
    with Store(state_root(options.get("root", ""))) as store:
        try:
            folder = store.open(name)
        except StateError:
            if force:
                return 0
            raise
        if not folder.has(layout.TURN):  # half made or half removed: whoever deletes it clears it, and has deleted nothing
            folder.close()
            remove_tree(name, at=store.fd)
            if force:
                return 0
            raise missing(name)
        with folder:
            try:
                turn = folder.turn()
            except StateError:  # its own monitor, or another `delete`, was quicker
                if force:
                    return 0
                raise
            with turn:
                status = folder.status()
                if status not in {layout.STOPPED, layout.CREATED, layout.CREATING} and not force:
                    raise StateError(f"cannot delete container {name} that is not stopped: {status}")
                _delete(folder, warn)
    return 0


def _delete(folder: Folder, warn: Callable[[str], None]) -> None:
    from contain.container.hooks import failures

    config, summary = copied.config(folder), folder.summary()
    bundle, process = summary.bundle, summary.process("init")
    if process:
        _end(*process, summary)
    folder.mark(layout.STOPPED)
    state = folder.text(layout.STATE) or "{}"
    for problem in sweep.clear(folder):
        warn(str(problem))
    for failure in failures("poststop", config, state, bundle):
        warn(str(failure))  # and no more: the others run, and the container is gone (runtime-spec, runtime.md, "Lifecycle" 13)


def _end(pid: int, start: int, summary: Summary) -> None:
    """Kills init and waits until it is gone, so that what it held is free. One that v1 froze dies when it is thawed."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if kill(pid, start, SIGKILL):
            if paused(summary):
                set_frozen(summary, frozen=False)
            select.select([pidfd], [], [], PATIENCE)
    finally:
        os.close(pidfd)
