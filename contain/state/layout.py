r"""The state folder: which files there are, who writes each, and in which format. The launcher (C) and state/ (Python) obey this page.

    ROOT/                   0700, of the user: /run/contain for root, else $XDG_RUNTIME_DIR/contain, else /tmp/contain-UID
    ROOT/.new-TOKEN/        a claim on its way: made with its files inside, then renamed (renameat2 RENAME_NOREPLACE) to ROOT/ID
    ROOT/.dead-TOKEN/       a folder on its way out: ROOT/ID is renamed to this first, then emptied; anybody may finish the job
    ROOT/ID/                one container, 0700
    ROOT/.note-TOKEN        a run that nobody can ask for (no name, not kept, no hooks) has no folder, only this: lines as in `undo`, and
                            `init PID START BOOT`. Held by flock(LOCK_EX) by monitor and guardian; free means that both are dead. Who
                            makes it, locks it and then finds it without a name (a sweep was quicker) makes another one

    token       claim     32 lower-case hexadecimal digits, no newline. Whoever removes or kills compares it first: an id may have
                          been taken again meanwhile. The cgroups that a run makes need no token: it notes only those it made
    lock        claim     empty; held by flock(LOCK_EX) through ONE open file description by monitor and guardian for their whole
                          lives. Free on a `monitored` folder means that both are dead
    turn        claim     empty; flock(LOCK_EX) by whoever changes the container for the time of the change (start, kill, delete,
                          pause, update): serialises calls on one id. Never held while waiting for the container
    monitored   claim     empty; there while monitor or guardian answer for this container. `create` and `run --detach` remove it at
                          `publish`; a monitor removes it at its end when the folder is kept
    kept        claim     empty; the folder stays after the end, with status `stopped`: `run --keep`
    exit        claim     made empty; filled IN PLACE by one write of one line when the main process has ended and before the folder
                          goes, so that `wait`, which opened it before, reads it even when it is unlinked:
                          `CODE SIGNAL REASON\n`: exit code as the shell would see it (128+SIGNAL), signal or 0, and one word:
                          exited signaled timeout oom cpu-time killed error
    config.json claim     a copy of the OCI configuration with defaults filled in; later verbs use only this copy
    template    claim     the JSON of `contain state` with holes (see below); never changes
    state.json  changes   `template` with its holes filled, for people, hooks and other programs; by rename of `.state.json.TOKEN`
    summary     changes   the facts that programs of ours use (format below); by rename of `.summary.TOKEN`. At claim with status
                          `creating`, rewritten at `publish` (created), at `go` (running) and at the end of a kept one (stopped)
    undo        changes   what teardown has to undo, one line each, APPENDED before the thing is done (format below)
    fifo        publish   the start fifo of `create`; init holds its writing end until exec, so while it exists the status is `created`
    checkpoint… others    files of later verbs have names of their own and are removed with the folder

A change is visible at once or not at all: written to a dot file of its own in the same folder, then renamed. Nothing is synced: the
folder lives in memory and does not outlive a boot (`boot` tells where it did).

summary: lines `name=value\n`. A value has no newline, no other control character and no backslash as such: they are written as
`\012`, `\134` (three octal digits), as in mountinfo. Unknown names are skipped by readers; some may come more than once:

    format=1
    id=web
    token=…
    status=creating|created|running|stopped      the last transition; a reader still checks `pid` and `start` (and `fifo`)
    kind=run|create                              who made it: run's contract or the OCI's
    pid=4711                                     init as the host sees it; 0 until it exists and when it has ended
    start=123456                                 its start time, field 22 of /proc/PID/stat: pid and start name a process for ever
    boot=…                                       /proc/sys/kernel/random/boot_id
    monitor=4709 123450                          pid and start time, absent for `create` and `--detach` once published
    guardian=4710 123451                         likewise
    owner=1000                                   uid that made it
    anonymous=1                                  a run without a name that is not kept, but has hooks: not listed; 0 for all others
    created=2026-01-31T12:00:00.123456789Z       RFC 3339, UTC
    finished=…                                   when it is stopped and kept
    bundle=/path    rootfs=/path                 absolute; rootfs empty for the host view
    command=sleep 100                            arguments, joined by blanks, for `list`; cut at 256 bytes
    cgroup=CONTROLLER FOLDER                     where its processes are, repeated; CONTROLLER `-` is the unified hierarchy
    hooks=poststart,poststop                     which of its hooks are still to be run by later verbs (config.json has them)
    label=KEY=VALUE                              repeated
    systemd=UNIT                                 the transient unit, with that cgroup driver

undo: lines `KIND PATH\n`, PATH escaped as above; undone from the last line to the first, what is gone already is no error:

    cgroup FOLDER     made by this run: kill what is in it, thaw it, remove it (with cgroups that the payload made below)
    parent FOLDER     a cgroup made on the way to that one, or contain's own parent of all: remove it when it is empty
    scope FOLDER      the cgroup of a systemd scope of this run: kill what is in it, and let systemd remove it
    file PATH         unlink (a pid file)
    tree PATH         remove with all that is in it, never crossing a mount or following a link (an unpacked archive)
    mount PATH        umount2(MNT_DETACH)
    link INDEX NAME   delete the network interface (an if-index and its name; both must agree)
    unit NAME         stop the systemd unit

Holes, in `template` and in the text of `summary` as the plan gives it: a name between two bytes \x01. Neither JSON nor summary
can have that byte otherwise, so nothing a user writes is ever taken for a hole. Unknown ones are filled with nothing.

    pid  start  status  created  boot  monitor  guardian  finished  token  id
        pid is `0` when there is no init (yet, or any more); created and finished are RFC 3339; token is made by the launcher, and so
        is the id of a container without a name (the first 12 digits of its token)
"""

from __future__ import annotations

import posix

from contain import paths

FORMAT = 1

TOKEN = "token"
LOCK = "lock"
TURN = "turn"
MONITORED = "monitored"
KEPT = "kept"
EXIT = "exit"
CONFIG = "config.json"
TEMPLATE = "template"
STATE = "state.json"
SUMMARY = "summary"
UNDO = "undo"
FIFO = "fifo"

#: Prefixes in ROOT of what is no container.
NEW = ".new-"
DEAD = ".dead-"
NOTE = ".note-"

TOKEN_LENGTH = 32
HOLE = "\x01"
HOLES = ("pid", "start", "status", "created", "boot", "monitor", "guardian", "finished", "token", "id")

CREATING = "creating"
CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"

#: Reasons in `exit`.
REASONS = ("exited", "signaled", "timeout", "oom", "cpu-time", "killed", "error", "seccomp")

ID_LENGTH = 255
#: What an id may consist of beside ASCII letters and digits; the OCI's runtimes agree on it.
ID_MARKS = "_+.-"


def hole(name: str) -> str:
    """The text that the launcher replaces by a run-time value."""
    if name not in HOLES:
        raise ValueError(f"no such hole: {name}")
    return f"{HOLE}{name}{HOLE}"


def is_id(text: str) -> bool:
    """Whether a container may be called so: a plain file name that is not one of ours."""
    if not text or len(text) > ID_LENGTH or text in {".", ".."} or text.startswith((NEW, DEAD, NOTE)):
        return False
    return all(char in ID_MARKS or (char.isascii() and char.isalnum()) for char in text)


def escape(text: str) -> str:
    r"""A value as summary and undo have it: backslash and control characters as \ooo."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(f"\\{ord(char):03o}" if char == "\\" or ord(char) < 32 or ord(char) == 127 else char for char in text)


def default_root(environ: dict[str, str], uid: int, *, initial: bool = True) -> str:
    """Where a user's containers are; `uid` is the effective one, `initial` says that it counts in the host's own user namespace.

    Podman calls its runtime as root of a user namespace, which is an ordinary user's: /run is not its own, but $XDG_RUNTIME_DIR is.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if uid == 0 and (initial or not runtime.startswith("/")):
        return "/run/contain"
    return f"{runtime}/contain" if runtime.startswith("/") else f"/tmp/contain-{uid}"


def state_root(root: str = "") -> str:
    """The folder of the state folders: the one given, which may be a link, else the user's own."""
    return paths.followed(paths.abspath(root)) if root else own_root()


def own_root() -> str:
    """Where this process's user has its containers."""
    from contain.kernel.idmaps import id_map, is_initial

    environ, uid = dict(paths.environ()), posix.geteuid()
    return default_root(environ, uid, initial=uid != 0 or "XDG_RUNTIME_DIR" not in environ or is_initial(id_map("uid")))
