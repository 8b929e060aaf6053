"""THE table of the options of a run: command line, library and docs all read these rows.

A row says how an option is written and what its value looks like; contain/spec/apply/FAMILY.py says what it means for the spec.
"""

from __future__ import annotations

import posix

from contain import paths
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    #: every row, and tables of them; made when first asked for
    OPTIONS: tuple[Option, ...]
    BY_NAME: dict[str, Option]
    BY_KEYWORD: dict[str, Option]

#: how a value is read: kind → function of contain.spec.values, which raises ValueError with the reason
READERS = {"text": "text", "path": "text", "size": "size", "count": "count", "cpus": "cpus", "duration": "duration"}


class Option:
    """One row: names as typed (the first long one is shown), keyword of the library, kind of value, family that applies it."""

    __slots__ = ("also", "choices", "default", "family", "help", "instead", "keyword", "kind", "metavar", "names", "off", "repeat")

    def __init__(
        self,
        spelling: str,
        keyword: str,
        family: str,
        kind: str,
        help: str,
        *,
        off: str = "",
        default: str = "",
        choices: str = "",
        also: str = "",
        instead: str = "",
    ) -> None:
        """`spelling` is `-m --memory SIZE` (… after it when repeatable); `off` holds the names that mean the opposite of a flag.

        `also` is another keyword, `instead` what the library has where the option says nothing to it.
        """
        self.also = also
        self.instead = instead
        words = spelling.split()
        self.names = tuple(word for word in words if word.startswith("-"))
        self.metavar = next((word for word in words if not word.startswith("-")), "").removesuffix("…")
        self.repeat = spelling.endswith("…")
        self.off = tuple(off.split())
        self.keyword = keyword
        self.family = family
        self.kind = kind  # "flag" | "choice" | a key of READERS
        self.help = help
        self.default = default  # in words, for people
        self.choices = tuple(choices.split())

    @property
    def shown(self) -> str:
        """The name used in messages: the first long one."""
        return next((name for name in self.names if name.startswith("--")), self.names[0])

    def read(self, name: str, value: str) -> Any:
        """The value of one occurrence; UsageError says what was expected."""
        if self.kind == "choice":
            if value in self.choices:
                return value
            raise UsageError(f"{value!r} is not one of {', '.join(self.choices)}", place=place(name), remedy=f"write {name} {self.metavar}")
        from contain.spec import values

        try:
            return getattr(values, READERS[self.kind])(value)
        except ValueError as problem:
            raise UsageError(str(problem), place=place(name), remedy=f"expected {name} {self.metavar}: {self.help}") from None


#: family, then rows: (spelling, keyword, kind, help, extras)
_ROWS: tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...] = (
    (
        "process",
        (
            ("-e --env NAME[=VALUE]…", "env", "text", "set an environment variable; without a value, pass the caller's"),
            ("--env-file FILE…", "env_file", "path", "read environment variables from a file, one NAME=VALUE a line"),
            (
                "-w --workdir DIR",
                "workdir",
                "text",
                "working folder inside the container",
                {"default": "/, for the host view the caller's", "also": "cwd"},
            ),
            ("-u --user USER[:GROUP]", "user", "text", "run as this user of the container, by name or number", {"default": "0:0"}),
            (
                "-i --interactive",
                "interactive",
                "flag",
                "pass the caller's stdin; without it the command reads /dev/null",
                {"instead": "stdin= of a run"},
            ),
            ("-t --tty", "tty", "flag", "give the command a terminal of its own"),
            (
                "--init",
                "init",
                "flag",
                "an init of contain's own as PID 1: reaps zombies, forwards signals",
                {"off": "--no-init", "default": "yes, but for a bundle no"},
            ),
            (
                "-h --hostname NAME",
                "hostname",
                "text",
                "host name inside the container",
                {"default": "contain, without a target localhost"},
            ),
            ("--ulimit NAME=SOFT[:HARD]…", "ulimit", "text", "a resource limit of each process, as nofile=1024:2048", {"also": "ulimits"}),
            ("--preserve-fds N", "preserve_fds", "count", "pass N further descriptors, from 3 on", {"instead": "pass_fds= of a run"}),
        ),
    ),
    (
        "limits",
        (
            ("-m --memory SIZE", "memory", "size", "memory limit, as 512m or 2g", {"default": "no limit"}),
            ("--memory-swap SIZE", "memory_swap", "size", "memory and swap together, -1 for no limit", {"default": "twice --memory"}),
            ("--cpus N", "cpus", "cpus", "processors' worth of time, as 1.5", {"default": "no limit"}),
            ("--cpuset-cpus LIST", "cpuset_cpus", "text", "run on these processors only, as 0-2,4"),
            (
                "--pids-limit N",
                "pids_limit",
                "count",
                "processes and threads, -1 for no limit",
                {"default": "2048, without a cgroup where that can be; for a bundle no limit"},
            ),
            ("--timeout TIME", "timeout", "duration", "end the run after this much wall-clock time, as 30s, 5m or 1h30m; exit code 124"),
            ("--cpu-time TIME", "cpu_time", "duration", "end the run after this much processor time, all processes together"),
            (
                "--disk SIZE",
                "disk",
                "size",
                "bytes that may be written in throw-away layers, and as many in /tmp",
                {"default": "1g; of a rootfs /tmp half the memory"},
            ),
            ("--cgroup-parent PATH", "cgroup_parent", "text", "make the container's cgroup below this one"),
        ),
    ),
    (
        "mounts",
        (
            (
                "-v --volume SRC:DST[:OPTIONS]…",
                "volume",
                "text",
                "show a file or folder of the host; options ro, rw, O (throw-away changes), z and Z (ignored)",
                {"also": "volumes"},
            ),
            ("--mount KEY=VALUE,……", "mount", "text", "the same in words: type=bind|tmpfs,src=…,dst=…,ro", {"also": "mounts"}),
            ("--tmpfs DST[:OPTIONS]…", "tmpfs", "text", "an empty folder in memory, as /scratch:size=64m"),
            ("--read-only", "read_only", "flag", "the root file system is read-only"),
            (
                "--workspace MODE",
                "workspace",
                "choice",
                "how the host view shows the caller's working folder",
                {"choices": "ro overlay rw none", "default": "overlay"},
            ),
            ("--overlay", "overlay", "flag", "changes to the root go to a throw-away layer in memory (see --disk)"),
            ("--socket PATH…", "socket", "path", "let the container connect to this unix socket of the host", {"also": "sockets"}),
            ("--device PATH[:DST[:rwm]]…", "device", "text", "give the container a device of the host", {"also": "devices"}),
        ),
    ),
    (
        "security",
        (
            ("--privileged", "privileged", "flag", "all capabilities, no seccomp filter, no masks, all devices; namespaces stay"),
            ("--cap-add NAME…", "cap_add", "text", "add a capability, or ALL"),
            ("--cap-drop NAME…", "cap_drop", "text", "drop a capability, or ALL"),
            (
                "--security-opt KEY[=VALUE]…",
                "security_opt",
                "text",
                "no-new-privileges[=false], seccomp=FILE|default|unconfined, apparmor=PROFILE, label=LABEL, mask=PATH, unmask=PATH|ALL",
            ),
            (
                "--seccomp-action ACTION",
                "seccomp_action",
                "choice",
                "what the default filter does",
                {"choices": "errno report kill log trap", "default": "errno"},
            ),
            (
                "--network MODE",
                "network",
                "choice",
                "none: loopback only; host: the host's own network",
                {"choices": "none host", "default": "none"},
            ),
            (
                "--userns MODE",
                "userns",
                "choice",
                "auto: a range of ids of its own; keep-id: the caller's id; host: none",
                {"choices": "auto keep-id host", "default": "auto"},
            ),
        ),
    ),
    (
        "run",
        (
            ("--name NAME", "name", "text", "name of the container, for list, kill, wait and rm"),
            ("--label KEY[=VALUE]…", "label", "text", "a label, shown by list", {"also": "labels"}),
            ("--rm", "rm", "flag", "remove all traces at the end", {"off": "--keep", "default": "yes"}),
            ("--pid-file --pidfile FILE", "pid_file", "path", "write the pid of the container's first process to a file"),
            ("--die-with-parent", "die_with_parent", "flag", "end the container when the process that called contain ends"),
            ("--strict", "strict", "flag", "what only the manifest asks for and cannot be had is an error, not a warning"),
            (
                "--allow-missing NAME…",
                "allow_missing",
                "choice",
                "an option of this kind may be unavailable",
                {"choices": "cpu cpu-time cpuset devices memory pids seccomp swap"},
            ),
            ("--trace", "trace", "flag", "print the time of each operation to stderr", {"instead": "contain run --trace"}),
        ),
    ),
    (
        "bundle",
        (
            (
                "-b --bundle DIR",
                "bundle",
                "path",
                "runc's contract: run the bundle in DIR under the id that is the argument",
                {"instead": "spec="},
            ),
            ("-d --detach", "detach", "flag", "leave the container running (runc's contract)", {"instead": "start()"}),
            ("--console-socket PATH", "console_socket", "path", "send the terminal's descriptor to this socket"),
            ("--pidfd-socket PATH", "pidfd_socket", "path", "send a pidfd of the container's process to this socket"),
            ("--no-pivot", "no_pivot", "flag", "use MS_MOVE and chroot where pivot_root is impossible; less safe"),
            ("--no-new-keyring", "no_new_keyring", "flag", "keep the caller's session keyring"),
            ("--no-subreaper", "no_subreaper", "flag", "accepted and ignored"),
            ("--no-mount-fallback", "no_mount_fallback", "flag", "accepted and ignored: what cannot be mounted as asked is an error"),
        ),
    ),
)


def _rows(wanted: str = "") -> Iterator[Option]:
    for family, rows in _ROWS:
        for spelling, keyword, kind, text, *extras in rows:
            if wanted in {"", keyword}:
                yield Option(spelling, keyword, family, kind, text, **(extras[0] if extras else {}))


def __getattr__(name: str) -> Any:
    """All rows take 0.2 ms to make, and an engine's `create` has need of one."""
    if name not in {"OPTIONS", "BY_NAME", "BY_KEYWORD"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    rows = tuple(_rows())
    tables = {
        "OPTIONS": rows,
        "BY_NAME": {name: row for row in rows for name in (*row.names, *row.off)},
        "BY_KEYWORD": {row.keyword: row for row in rows},
    }
    globals().update(tables)
    return tables[name]


def option(keyword: str) -> Option:
    """The row of a keyword; KeyError when there is none."""
    for row in _rows(keyword):
        return row
    raise KeyError(keyword)


class Options:
    """The options of one run as they were given, and the caller's surroundings, so that a spec depends on nothing else."""

    __slots__ = ("command", "cwd", "environ", "otherwise", "typed", "values")

    def __init__(
        self, *, command: list[str] | None = None, environ: dict[str, str] | None = None, cwd: str | None = None, **given: Any
    ) -> None:
        """`given` are keywords with values already of their type; `add` takes texts."""
        self.values: dict[str, Any] = {}
        self.typed: dict[str, str] = {}  # keyword → name as it was typed, for messages
        self.command = command or []
        self.otherwise: list[str] = []  # what is run where neither the caller nor the target says it
        self.environ = dict(paths.environ()) if environ is None else environ
        self.cwd = _here() if cwd is None else cwd
        for keyword, value in given.items():
            try:
                self.typed[keyword] = option(keyword).shown
            except KeyError:
                raise UsageError(f"unknown option {keyword}", remedy="contain run --help lists the options") from None
            self.values[keyword] = value

    def add(self, row: Option, name: str, value: str | None) -> None:
        """One occurrence on a command line: a later one replaces, a repeatable one appends."""
        self.typed[row.keyword] = name
        if row.kind == "flag":
            from contain.spec import values

            self.values[row.keyword] = (name not in row.off) if value is None else values.flag(name, value) is (name not in row.off)
            return
        if value is None:
            raise UsageError("needs a value", place=place(name), remedy=f"write {name} {row.metavar}")
        read = row.read(name, value)
        if row.repeat:
            self.values.setdefault(row.keyword, []).append(read)
        else:
            self.values[row.keyword] = read

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value given, or `default`."""
        return self.values.get(keyword, default)

    def name(self, keyword: str) -> str:
        """The option's name in its long form: what an origin holds."""
        typed = self.typed.get(keyword, "")
        return typed if typed.startswith("--") else option(keyword).shown

    def absolute(self, path: str) -> str:
        """A path of the caller's, made absolute without touching the disk."""
        return paths.normpath(paths.join(self.cwd, path))


def _here() -> str:
    try:
        return posix.getcwd()
    except OSError as problem:
        raise UsageError(f"the working folder cannot be used: {problem.strerror}", remedy="cd to another one") from None


def place(name: str) -> str:
    """The place of an option in messages."""
    return f"<command line>:{name}"
