"""checkpoint and restore through CRIU, which does the work; here are its command lines, and the state folder before and after."""

from __future__ import annotations

import os

from contain.container.changes import delete
from contain.container.show import open_folder
from contain.errors import ContainError, HostError, StateError, UsageError
from contain.host.identity import program
from contain.kernel import processes
from contain.kernel.record import Record
from contain.state import files, layout
from contain.state.layout import state_root
from contain.state.store import Folder, Store, boot_id, now
from contain.state.summary import Summary, fill, parse, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec

#: What is noted beside the images for the restore.
NOTE = "contain.json"
#: Mounts from outside are found again by device and path, with their propagation.
_MOUNTS = ("--external", "mnt[]:ms")
#: Namespaces that a container may have joined, and CRIU's name for the one outside.
_OUTER = {"network": ("net", "extRootNetNS"), "pid": ("pid", "extRootPidNS")}


class Options(Record):
    """What the engines' flags say, for both verbs; `flags` are those that CRIU has under the same name."""

    criu: str = ""  # path of the program; "" looks for it
    images: str = "checkpoint"
    work: str = ""
    parent: str = ""
    manage_cgroups: str = "soft"
    flags: list[str] = []  # --tcp-established, --shell-job …
    leave_running: bool = False
    pre_dump: bool = False
    bundle: str = "."
    pid_file: str = ""
    detach: bool = False


class Note(Record):
    """What restore must know and the images do not tell."""

    cgroups: dict[str, str]  # as in the summary
    stdio: list[str]  # what its standard streams were: /dev/null, pipe:[4711]


def find(given: str) -> str:
    """The program, which works on this host; HostError with its own words when it does not."""
    path = given or program("criu", os.environ.get("PATH", ""))
    if not path or not os.access(path, os.X_OK):
        raise HostError(f"{given or 'criu'} is not installed", remedy="install the package criu, or give its path with --criu")
    import subprocess

    done = subprocess.run([path, "check"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HostError(
            f"criu does not work on this host: {_first_error(done.stderr)}", cause="criu check fails", remedy="use another kernel or criu"
        )
    return path


def checkpoint(name: str, options: Options, *, root: str = "") -> list[str]:
    """Saves a running container into the images folder; unless it is left running, it is gone afterwards. Returns warnings."""
    warnings: list[str] = []
    with Store(state_root(root)) as store:
        folder, summary, status = open_folder(store, name)
        process = summary.process("init")
        with folder:
            if status not in {layout.RUNNING, layout.PAUSED} or process is None:
                raise StateError(f"cannot checkpoint a container in the {status} state")
            criu = find(options.criu)
            os.makedirs(options.images, mode=0o700, exist_ok=True)
            import json

            with folder.turn():
                config = json.loads(folder.text(layout.CONFIG) or "{}")
                _note(options.images, process[0], summary)
                stays = ["--leave-running"] if options.leave_running and not options.pre_dump else []
                words = ["--tree", str(process[0]), *stays, *_parent(options), *_outer_on_dump(config), *_common(options, "dump.log")]
                _call([criu, "pre-dump" if options.pre_dump else "dump", *words], options, "dump.log")
    if not options.leave_running and not options.pre_dump:
        delete(name, {"root": state_root(root)}, warnings.append, force=True)
    return warnings


def restore(spec: Spec, options: Options, *, root: str = "") -> int:
    """Makes a container from the images folder; returns its exit code, 0 when it is detached."""
    from contain.container.update import launch
    from contain.host.probe import probe
    from contain.plan.compile.restore import compile_groups
    from contain.plan.compile.state import as_json, summary, template
    from contain.plan.encode import encode
    from contain.plan.wanted import wanted

    if spec.config["process"].get("terminal"):
        raise HostError(
            "cannot restore a container with a terminal", place=spec.origins.place("/process/terminal"), remedy="run it without one"
        )
    criu = find(options.criu)
    note = _read_note(options.images)
    host = probe(wanted(spec))
    cgroups = [(controller or "-", path) for controller, path in note.cgroups.items()]
    holes = {"status": layout.CREATING, "pid": "0", "start": "0", "boot": boot_id(), "created": now()}
    undo = "".join(_undo(path) for path in sorted({path for _, path in cgroups}))
    texts = {
        layout.CONFIG: as_json(spec.config),
        layout.TEMPLATE: template(spec, host),
        layout.SUMMARY: fill(summary(spec, host, cgroups), holes),
        layout.UNDO: undo,
    }
    with Store(state_root(root), make=True) as store, store.claim(spec.run.name, texts) as folder:
        try:
            with folder.turn():
                launch(encode(compile_groups(spec, host)))
                pid = _restore(spec, options, criu, folder, note.stdio)
                _publish(folder, pid, options.pid_file)
        except BaseException:
            delete(spec.run.name, {"root": store.path}, lambda _: None, force=True)
            raise
    if options.detach:
        return 0
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    delete(spec.run.name, {"root": state_root(root)}, lambda _: None, force=True)
    return 128 - code if code < 0 else code


def _undo(path: str) -> str:
    """The lines of `undo` for a cgroup and its parents, as far as they are not there yet: read from the last to the first."""
    lines: list[str] = []
    while path and not os.path.exists(path):
        lines.insert(0, f"{'parent' if lines else 'cgroup'} {layout.escape(path)}\n")
        path = os.path.dirname(path)
    return "".join(lines)


def _restore(spec: Spec, options: Options, criu: str, folder: Folder, stdio: list[str]) -> int:
    """The pid of the restored main process; it is our child when nobody else is to wait for it."""
    where = f"{folder_path(folder)}/criu-root"
    pid_file = f"{folder_path(folder)}/criu.pid"
    os.mkdir(where, 0o700)
    if not options.detach:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: criu goes, its child stays ours
    opened, words = _outer_on_restore(spec.config)
    words += [
        word
        for fd, target in enumerate(stdio)
        if target.startswith("pipe:") and target not in stdio[:fd]
        for word in ("--inherit-fd", f"fd[{fd}]:{target}")
    ]
    words += ["--restore-detached", "--pidfile", pid_file, "--root", where, *_common(options, "restore.log")]
    # its root must be a mount of its own; in a mount namespace of criu's, nothing of that is left on the host
    script = 'mount --rbind "$0" "$1" && shift && exec "$@"'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, spec.root, where, criu, "restore", *words]
    try:
        _call(command, options, "restore.log", pass_fds=opened)
    finally:
        for fd in opened:
            os.close(fd)
    with open(pid_file, encoding="ascii") as file:
        pid = int(file.read())
    os.unlink(pid_file)
    os.rmdir(where)
    return pid


def folder_path(folder: Folder) -> str:
    """The state folder's path, for a program that is no part of us."""
    return os.readlink(f"/proc/self/fd/{folder.fd}")


def _publish(folder: Folder, pid: int, pid_file: str) -> None:
    found = (parse(folder.text(layout.SUMMARY) or "") or Summary()).but(pid=pid, start=processes.start_time(pid) or 0)
    files.store(folder.fd, layout.SUMMARY, render(found), token=folder.token)
    folder.mark(layout.RUNNING)
    if pid_file:
        draft = f"{pid_file}.{os.getpid()}"
        with open(draft, "w", encoding="ascii") as file:
            file.write(str(pid))
        os.rename(draft, pid_file)


def _common(options: Options, log: str) -> list[str]:
    work = options.work or options.images
    words = ["--images-dir", os.path.abspath(options.images), "--work-dir", os.path.abspath(work), "--log-file", log, "-v4"]
    return [*words, "--manage-cgroups=" + options.manage_cgroups, *_MOUNTS, *options.flags]


def _parent(options: Options) -> list[str]:
    """Images of an earlier pre-dump, by a path that is relative to the new ones."""
    track = ["--track-mem"] if options.pre_dump or options.parent else []
    if not options.parent:
        return track
    if os.path.isabs(options.parent):
        raise UsageError("must be relative to the images", place="<command line>:--parent-path")
    return [*track, "--prev-images-dir", options.parent]


def _joined(config: dict[str, object]) -> list[tuple[str, str, str]]:
    """(criu's kind, criu's name, path) of the namespaces that the container has joined."""
    linux = config.get("linux")
    rows = linux.get("namespaces", []) if isinstance(linux, dict) else []
    return [(*_OUTER[row["type"]], row["path"]) for row in rows if row.get("path") and row["type"] in _OUTER]


def _outer_on_dump(config: dict[str, object]) -> list[str]:
    return [word for kind, name, path in _joined(config) for word in ("--external", f"{kind}[{os.stat(path).st_ino}]:{name}")]


def _outer_on_restore(config: dict[str, object]) -> tuple[list[int], list[str]]:
    opened: list[int] = []
    words: list[str] = []
    for _, name, path in _joined(config):
        opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        words += ["--inherit-fd", f"fd[{opened[-1]}]:{name}"]
    return opened, words


def _note(images: str, pid: int, summary: Summary) -> None:
    import json

    stdio = []
    for fd in range(3):
        try:
            stdio.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:  # closed
            stdio.append("")
    with open(f"{images}/{NOTE}", "w", encoding="utf-8") as file:
        json.dump(Note(cgroups=summary.cgroups, stdio=stdio).values(), file)


def _read_note(images: str) -> Note:
    import json

    try:
        with open(f"{images}/{NOTE}", encoding="utf-8") as file:
            return Note(**json.load(file))
    except (OSError, ValueError, TypeError) as problem:
        raise StateError(
            f"no checkpoint in {images}", remedy="make one with contain checkpoint, or give its folder with --image-path"
        ) from problem


def _call(command: list[str], options: Options, log: str, *, pass_fds: list[int] | None = None) -> None:
    """Runs CRIU; ContainError with its own last error when it fails."""
    import subprocess

    os.makedirs(options.work or options.images, mode=0o700, exist_ok=True)
    done = subprocess.run(command, check=False, pass_fds=pass_fds or ())
    if done.returncode == 0:
        return
    path = os.path.join(options.work or options.images, log)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        text = ""
    verb = "restore" if log.startswith("restore") else "checkpoint"
    raise ContainError(f"criu failed to {verb} the container: {_first_error(text)}", remedy=f"its log is {path}")


def _first_error(text: str) -> str:
    """The first error of a log is the cause, those behind it follow from it; that some helper ended says nothing, nor do its own words much."""
    lines = [line for line in text.splitlines() if "Error" in line and "exited, status=" not in line]
    return next((line for line in lines if "Error (criu/" in line), lines[0] if lines else "it says no more").strip()
