"""Spec: one runtime specification, whatever the source; RunOptions: what the OCI's document cannot say; Origins: where each value came from.

`Spec.config` has the shape of the OCI's config.json. After `defaults.fill` these keys always exist, so nobody asks twice:
`ociVersion`, `process` (with `cwd`, `env`, `args`, `user.uid`, `user.gid`), `root.path`, `mounts`, `hooks`, `annotations`, `linux`,
`linux.namespaces`.
All else is as the manifest has it: absent means not asked for.

Beyond the OCI's words `config` holds only this: a bind mount with the option `O` (podman's word) is shown through a throw-away overlay,
so that changes go to a bounded tmpfs. The host view is the tree of the host's top-level folders (made by compile from `Host.top` because
`run.host_view` is set), then `config.mounts` in order: /proc, /dev and the like, an empty tmpfs over each hidden place, the workspace, and what
options ask for; hidden files are `linux.maskedPaths`; sockets of the host are masked by compile, except `run.sockets`, which are mounts too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from contain.document import Document

    Config = dict[str, Any]


class RunOptions:
    """Everything about a run that an OCI document has no word for.

    The neutral values below are those of a bundle, where config.json is obeyed to the letter; the sources set what is theirs.
    """

    __slots__ = (
        "allow_missing",
        "cgroup_manager",
        "cgroup_parent",
        "console_socket",
        "contract",
        "cpu_time",
        "detach",
        "devices_all",
        "die_with_parent",
        "disk",
        "host_view",
        "idmap",
        "init",
        "interactive",
        "keep",
        "labels",
        "measure",
        "name",
        "network",
        "no_new_keyring",
        "no_pivot",
        "overlay",
        "pid_file",
        "pidfd_socket",
        "preserve_fds",
        "privileged",
        "rm",
        "runc",
        "seccomp",
        "seccomp_action",
        "sockets",
        "state_root",
        "strict",
        "systemd",
        "temporary",
        "timeout",
        "trace",
        "tty",
        "user",
        "userns",
        "workspace",
        "workspace_path",
    )

    # who it is
    name: str  # the id; "" means that one is made up and the container is not listed
    contract: str  # "run" watches until the end | "create" leaves init waiting for `start` and goes
    state_root: str  # folder of the state folders (--root), "" for the user's own
    labels: dict[str, str]  # --label
    pid_file: str  # absolute path, or ""
    pidfd_socket: str  # absolute path of a unix socket that gets a pidfd of the first process, or ""
    keep: bool  # keep the state folder after the end; the opposite of rm
    rm: bool
    runc: bool  # runc's contract holds: its exit codes, its id argument, its wording
    detach: bool
    # the process
    user: str  # USER[:GROUP] by name or number, to be looked up in the container's files; "" means config.process.user as it stands
    init: bool  # our init as PID 1, which reaps and forwards
    interactive: bool  # stdin is passed; else the process reads /dev/null (never for a bundle)
    tty: bool  # a terminal of its own, relayed to ours; config.process.terminal says the same
    console_socket: str
    preserve_fds: int
    timeout: float | None  # seconds of wall clock
    cpu_time: float | None  # seconds of processor time, all processes together
    die_with_parent: bool
    trace: bool  # print the time of each operation
    # the root
    host_view: bool  # the host seen safely: Spec.root is "", the tree is made of the host's top-level folders
    overlay: bool  # a bounded, writable, throw-away upper over the read-only tree
    workspace: str  # the working folder of the caller: "ro" | "overlay" | "rw" | "none"; host view only
    workspace_path: str  # its absolute path, "" when there is none
    sockets: list[str]  # absolute paths of host sockets that may be connected to
    measure: bool  # a run that has a cgroup at all is counted by it also where nothing is limited: memory at its peak, processor time
    disk: int | None  # bytes that may be written in all throw-away layers together
    idmap: bool  # show rootfs and bind sources idmapped, so that owners are kept
    no_pivot: bool
    temporary: list[str]  # folders of the host that this run made and must remove at its end (an unpacked archive)
    # isolation
    userns: str  # "" as config says | "auto" own range | "host" none | "keep-id" the caller's id, seen as itself
    network: str  # "" as config says | "none" | "host" | "member" of a network that each run is told of
    privileged: bool
    devices_all: bool  # all devices of the host that the user may open
    seccomp: str  # "" as config.linux.seccomp says | "default" contain's own filter | "unconfined"
    seccomp_action: str  # what the default filter answers: "errno" | "report" | "kill" | "log" | "trap"
    no_new_keyring: bool
    cgroup_manager: str  # "" and "cgroupfs": we make cgroups ourselves | "systemd" | "disabled": none at all
    systemd: list[str]  # words of the program that speaks to systemd, with that manager
    cgroup_parent: str  # cgroup below which the container's is made, "" for the usual place
    # how strictly
    strict: bool  # what only a manifest asks for and cannot be had is an error too
    allow_missing: list[str]  # names of what an option asked for and may be missing (`memory`, `pids`, `seccomp` …)

    def __init__(self, **values: Any) -> None:
        """Neutral values, then those given by keyword."""
        for slot in (
            "name",
            "pid_file",
            "pidfd_socket",
            "user",
            "console_socket",
            "workspace_path",
            "userns",
            "network",
            "seccomp",
            "cgroup_manager",
            "cgroup_parent",
            "state_root",
        ):
            setattr(self, slot, "")
        for slot in (
            "rm",
            "keep",
            "runc",
            "detach",
            "init",
            "tty",
            "die_with_parent",
            "trace",
            "host_view",
            "overlay",
            "idmap",
            "no_pivot",
            "measure",
        ):
            setattr(self, slot, False)
        for slot in ("privileged", "devices_all", "no_new_keyring", "strict"):
            setattr(self, slot, False)
        self.interactive = True
        self.contract = "run"
        self.labels = {}
        self.preserve_fds = 0
        self.timeout = self.cpu_time = self.disk = None
        self.workspace = "none"
        self.seccomp_action = "errno"
        self.sockets = []
        self.systemd = []
        self.temporary = []
        self.allow_missing = []
        for slot, value in values.items():
            setattr(self, slot, value)

    def values(self) -> dict[str, Any]:
        """Slot → value, by name."""
        return {slot: getattr(self, slot) for slot in self.__slots__}

    def __repr__(self) -> str:
        """As it would be written."""
        return f"RunOptions({', '.join(f'{slot}={value!r}' for slot, value in self.values().items())})"


class Origins:
    """Where each value of a spec came from: the manifest's line and column, an option, or contain's own defaults.

    Positions are computed only when asked for: a run that succeeds never pays for them.
    """

    __slots__ = ("converted", "document", "given", "label", "moved", "options")

    def __init__(self, document: Document | None = None, label: str = "", *, converted: bool = False) -> None:
        """`label` is the name shown for the document (`config.json`, `web.aci!manifest`); by default the document's own.

        `converted`: the document has another shape than the spec (an appc manifest), so only what `move` names comes from it.
        """
        self.document = document
        self.converted = converted
        self.label = label or (document.name if document is not None else "")
        #: the options that were given, None when nobody says; what they have no pointer for has their name as its pointer (`--timeout`)
        self.given: set[str] | None = None
        #: pointer into the spec → option that set it or what lies beneath (`/linux/resources/memory/limit` → `--memory`)
        self.options: dict[str, str] = {}
        #: pointer into the spec → pointer into the document, where the two differ (an appc manifest); "" means contain's own default
        self.moved: dict[str, str] = {}

    def set(self, pointer: str, option: str) -> None:
        """Notes that `option` set the value at `pointer`."""
        self.options[pointer] = option

    def move(self, pointer: str, source: str) -> None:
        """Notes that the value at `pointer` of the spec stands at `source` in the document."""
        self.moved[pointer] = source

    def removed(self, pointer: str, index: int) -> None:
        """Notes that row `index` of the list at `pointer` of the spec is going, before it goes: the rows after it keep their origins."""
        rows = self.document.value if self.document is not None and not self.converted else None
        for part in pointer.split("/")[1:]:
            rows = rows.get(part) if isinstance(rows, dict) else None
        self.options = {_shift(key, pointer, index): option for key, option in self.options.items()}
        if self.moved or self.document is None:
            self.moved = {_shift(key, pointer, index): source for key, source in self.moved.items()}
        for old in range(index + 1, len(rows) if isinstance(rows, list) else 0):
            self.moved.setdefault(f"{pointer}/{old - 1}", f"{pointer}/{old}")

    def option(self, pointer: str) -> str:
        """The option that set the value at `pointer`: `--memory`, or "". What only an option asks for must be had."""
        if pointer.startswith("--"):
            return pointer if self.given is None or pointer in self.given else ""
        return _longest(self.options, pointer)

    def place(self, pointer: str) -> str:
        """`config.json:41:9: mounts[3]`, `<command line>:--memory`, or "" for contain's own default.

        For an error: what a bundle leaves out is a decision of the bundle, so then it is the place of the nearest parent that is there.
        """
        return self._places((pointer,), nearest=True)[pointer]

    def places(self, pointers: Iterable[str]) -> dict[str, str]:
        """The places of many pointers, with one scan of the document; "" too for what the document does not say."""
        return self._places(pointers, nearest=False)

    def _places(self, pointers: Iterable[str], *, nearest: bool) -> dict[str, str]:
        found: dict[str, str] = {}
        wanted: dict[str, str] = {}
        for pointer in pointers:
            option = self.option(pointer)
            source = "" if option or self.document is None else self.source(pointer)
            found[pointer] = f"<command line>:{option}" if option else ""
            if source and (nearest or self.document is None or _has(self.document.value, source)):
                wanted[pointer] = source
        if wanted and self.document is not None:
            positions = self.document.positions(set(wanted.values()))
            for pointer, source in wanted.items():
                position = positions[source]
                words = path(source)
                label = f"{self.label}:{position.line}:{position.column}" if self.document.is_text else self.label
                found[pointer] = f"{label}: {words}" if words else label
        return found

    def source(self, pointer: str) -> str:
        """The document's own pointer for one of the spec; "" when the value is contain's own default."""
        if not pointer or pointer.startswith("--") or self.document is None:
            return ""
        prefix = _prefix(self.moved, pointer)
        if prefix is None:
            return "" if self.converted else pointer
        if not self.moved[prefix]:
            return ""
        return self.moved[prefix] + pointer[len(prefix) :]


class Spec:
    """One runtime specification."""

    __slots__ = ("bundle", "config", "kind", "origins", "root", "run", "warnings")

    def __init__(
        self, config: Config, *, kind: str, bundle: str, root: str, origins: Origins | None = None, run: RunOptions | None = None
    ) -> None:
        """`bundle` and `root` are absolute; `root` is "" for the host view."""
        self.config = config
        self.kind = kind  # "oci" | "aci" | "rootfs" | "host"
        self.bundle = bundle
        self.root = root
        self.origins = origins if origins is not None else Origins()
        self.run = run if run is not None else RunOptions()
        self.warnings: list[str] = []  # what will not be as asked; printed once, errors with --strict

    def namespaces(self) -> dict[str, str]:
        """Type → path ("" for a new one) of the namespaces that are not the host's."""
        return {row["type"]: row.get("path", "") for row in self.config["linux"]["namespaces"]}

    def warn(self, text: str, pointer: str = "") -> None:
        """Adds a warning, with the place of `pointer`."""
        place = self.origins.place(pointer) if pointer else ""
        self.warnings.append(f"{place}: {text}" if place else text)


def path(pointer: str) -> str:
    """A JSON pointer as people write it: `/mounts/3/source` → `mounts[3].source`."""
    words = ""
    for escaped in pointer.split("/")[1:]:
        token = escaped.replace("~1", "/").replace("~0", "~") if "~" in escaped else escaped
        if token.isdecimal():
            words += f"[{token}]"
        elif token.isalnum() or token.replace("_", "a").replace("-", "a").isalnum():
            words += f".{token}" if words else token
        else:
            words += f'["{token}"]'
    return words


def token(key: str) -> str:
    """A key as a token of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _prefix(table: dict[str, str], pointer: str) -> str | None:
    """The longest key of `table` that is `pointer` or one of its parents."""
    if not table:
        return None
    while pointer not in table:
        if not pointer:
            return None
        pointer = pointer[: pointer.rindex("/")] if "/" in pointer else ""
    return pointer


def _shift(key: str, pointer: str, index: int) -> str:
    """`key` after row `index` of the list at `pointer` is gone."""
    if not key.startswith(pointer + "/"):
        return key
    row, slash, rest = key[len(pointer) + 1 :].partition("/")
    return f"{pointer}/{int(row) - 1}{slash}{rest}" if row.isdecimal() and int(row) > index else key


def _longest(options: dict[str, str], pointer: str) -> str:
    """The option of the longest prefix; else that of the first value beneath (`/linux/resources/memory` was made by `--memory`)."""
    if not options:
        return ""
    prefix = _prefix(options, pointer)
    if prefix is not None:
        return options[prefix]
    below = pointer + "/"
    return next((option for key, option in options.items() if key.startswith(below)), "") if pointer else ""


def _has(value: Any, pointer: str) -> bool:
    """Whether a document holds a value at `pointer`."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~") if "~" in part else part
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False
    return True
