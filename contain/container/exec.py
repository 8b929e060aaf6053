"""exec: reads what is to run, and launches it into the container."""

from __future__ import annotations

from contain import paths
from contain.errors import StateError, UsageError
from contain.state import layout
from contain.state.layout import state_root
from contain.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from contain.plan.compile.exec import Target
    from contain.plan.plan import Plan
    from contain.spec.model import Spec
    from contain.state.store import Folder


#: what a process of --process has as the container has it, unless its file says otherwise: as runc and crun have it, lest it be less confined
KEPT = ("apparmorProfile", "capabilities", "execCPUAffinity", "ioPriority", "oomScoreAdj", "scheduler", "selinuxLabel")


class Request:
    """What `exec` was asked for; fields as runc's options."""

    __slots__ = (
        "apparmor", "args", "cap", "cgroup", "console_socket", "cwd", "detach", "env", "gids", "ignore_paused",
        "no_new_privs", "pid_file", "pidfd_socket", "preserve_fds", "process", "process_label", "seccomp_action", "tty", "user",
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        """Nothing given means: as the container's own process has it."""
        for name in self.__slots__:
            setattr(self, name, values.pop(name, None))
        if values:
            raise TypeError(f"unknown: {', '.join(values)}")

    apparmor: str | None
    args: list[str]
    cap: list[str] | None
    cgroup: list[str] | None
    console_socket: str | None
    cwd: str | None
    detach: bool | None
    env: list[str] | None
    gids: list[int] | None
    ignore_paused: bool | None
    no_new_privs: bool | None
    pid_file: str | None
    pidfd_socket: str | None
    preserve_fds: int | None
    process: str | None
    process_label: str | None
    seccomp_action: str | None
    tty: bool | None
    user: str | None


def plan_exec(name: str, request: Request, options: Mapping[str, str], warn: Callable[[str], None], *, runc: bool = True) -> Plan:
    """The plan; StateError when the container is not in a state for it, UsageError and ManifestError for what is asked."""
    from contain.host.probe import Wanted, probe
    from contain.plan.compile.exec import compile_exec

    with Store(state_root(options.get("root", ""))) as store, store.open(name) as folder:
        summary = folder.summary()
        status = folder.status(summary)
        if status in {layout.STOPPED, layout.CREATING}:
            raise StateError(f"cannot exec in a {status} container")
        if status == layout.PAUSED and not request.ignore_paused:
            raise StateError("cannot exec in a paused container (use --ignore-paused to override)")
        spec = _spec(folder, request, runc=runc)
        target = _target(store.path, name, request, folder)
        host = probe(Wanted(root=f"/proc/{summary.pid}/root", thorough=False, ids=False))
        plan = compile_exec(spec, host, target)
    for text in dict.fromkeys(spec.warnings):
        warn(text)
    return plan


def execute(name: str, request: Request, options: Mapping[str, str], warn: Callable[[str], None], launcher: Sequence[str]) -> None:
    """Replaces this process by the launcher, which waits for the program (or, detached, for its start)."""
    from contain.launcher import spawn
    from contain.plan.encode import encode

    spawn.execute(encode(plan_exec(name, request, options, warn)), words=launcher)


def _target(root: str, name: str, request: Request, folder: Folder) -> Target:
    from contain.kernel.idmaps import id_map
    from contain.plan.compile.exec import Target

    summary = folder.summary()
    cgroups = _subgroups(summary.cgroups, request.cgroup or [])
    maps = [any(row.inside == 0 for row in id_map(kind, summary.pid)) for kind in ("uid", "gid")]
    given = {"ignore_paused": bool(request.ignore_paused), "below": bool(request.cgroup)}
    return Target(root, name, cgroups, maps_root=all(maps), init=summary.pid, **given)


def _subgroups(cgroups: dict[str, str], asked: list[str]) -> dict[str, str]:
    """The container's cgroups with what --cgroup asks for below them: `PATH`, or on v1 `CONTROLLER,CONTROLLER:PATH`."""
    found = dict(cgroups)
    for text in asked:
        names, colon, path = text.rpartition(":")
        if ".." in path.split("/"):
            raise UsageError(f"{path} leaves the container's cgroup", place="<command line>:--cgroup")
        for name in names.split(",") if colon else cgroups:
            if name not in cgroups:
                raise UsageError(
                    f"the container is in no cgroup of {name}",
                    place="<command line>:--cgroup",
                    remedy="cgroup v2 has one cgroup for all controllers: give the path alone" if "" in cgroups else "",
                )
            found[name] = f"{cgroups[name]}/{path.strip('/')}".rstrip("/")
    return found


def _spec(folder: Folder, request: Request, *, runc: bool) -> Spec:
    from contain.container import copied
    from contain.spec import defaults, semantics
    from contain.spec.model import Origins, RunOptions, Spec

    config = copied.config(folder)
    if not config:
        raise StateError(f"container {folder.id} has ended")  # meanwhile: its folder is being removed
    config.get("linux", {}).pop("resources", None)  # those hold already, whatever updates have made of the text
    summary = folder.summary()
    config["process"] = _process(config.get("process") or {}, request)
    config = _validated(config, "<command line>:--process" if request.process else "")
    defaults.fill(config)
    _add_maps(config["linux"], summary.pid)
    run = RunOptions(
        name=summary.id,
        runc=runc,
        host_view=not summary.rootfs,
        detach=bool(request.detach),
        console_socket=request.console_socket or "",
        pid_file=paths.abspath(request.pid_file) if request.pid_file else "",
        pidfd_socket=paths.abspath(request.pidfd_socket) if request.pidfd_socket else "",
        preserve_fds=request.preserve_fds or 0,
        user=request.user if request.user and not _numbers(request.user) else "",
        seccomp=_filter(config["linux"], summary.pid),
        tty=config["process"]["terminal"],
    )
    run.seccomp_action = request.seccomp_action or run.seccomp_action
    spec = Spec(config, kind="oci", bundle=summary.bundle, root=summary.rootfs, origins=Origins(), run=run)
    semantics.require(spec)
    return spec


def _filter(linux: dict[str, Any], pid: int) -> str:
    """A container that runs under contain's own filter, of which its configuration says nothing, is not entered without it."""
    from contain.kernel.processes import status

    try:
        return "default" if "seccomp" not in linux and status(pid).seccomp == 2 else ""  # SECCOMP_MODE_FILTER
    except FileNotFoundError:
        raise StateError("the container has ended") from None


def _add_maps(linux: dict[str, Any], pid: int) -> None:
    """The maps that contain chose for the container are not in its configuration; the kernel knows them."""
    from contain.kernel.idmaps import id_map

    new = any(row["type"] == "user" and not row.get("path") for row in linux["namespaces"])
    for kind in ("uid", "gid") if new else ():
        rows = [{"containerID": row.inside, "hostID": row.outside, "size": row.count} for row in id_map(kind, pid)]
        linux[f"{kind}Mappings"] = linux.get(f"{kind}Mappings") or rows


def _validated(config: dict[str, Any], place: str) -> dict[str, Any]:
    from contain.document import value as values
    from contain.spec.sources import manifest

    return manifest.require("runtime-config", values.of({**config, "ociVersion": config.get("ociVersion", "1.0.0")}, place), warnings=[])


def _process(own: dict[str, Any], request: Request) -> dict[str, Any]:
    """The container's process with what was asked for in its place; --process gives a whole one instead."""
    if request.process:
        return {**{name: own[name] for name in KEPT if own.get(name)}, **_from_file(request.process)}
    if not request.args:
        raise UsageError("no command is given", place="<command line>:COMMAND", remedy="contain exec ID COMMAND [ARGUMENT…]")
    process = {**own, "args": request.args, "terminal": bool(request.tty)}
    process.pop("consoleSize", None)
    process["env"] = [*(own.get("env") or []), *(request.env or [])]
    if request.cwd:
        process["cwd"] = request.cwd
    if request.no_new_privs:
        process["noNewPrivileges"] = True
    if request.apparmor:
        process["apparmorProfile"] = request.apparmor
    if request.process_label:
        process["selinuxLabel"] = request.process_label
    user = {**(own.get("user") or {})}
    if request.user and _numbers(request.user):
        uid, _, gid = request.user.partition(":")
        user["uid"] = int(uid)
        user["gid"] = int(gid) if gid else user.get("gid", 0)
    if request.gids:
        user["additionalGids"] = [*(user.get("additionalGids") or []), *request.gids]
    process["user"] = user
    if request.cap:
        sets = {**(own.get("capabilities") or {})}
        for kind in ("bounding", "effective", "permitted"):  # never inheritable (CVE-2022-29162)
            sets[kind] = list(dict.fromkeys([*(sets.get(kind) or []), *request.cap]))
        process["capabilities"] = sets
    return process


def _numbers(user: str) -> bool:
    """Whether a user is given by ids alone; names are looked up in the container."""
    uid, colon, gid = user.partition(":")
    if not uid or (colon and not gid) or ":" in gid:
        raise UsageError(f"{user!r} is not UID[:GID]", place="<command line>:--user", remedy="write 1000, 1000:1000 or names")
    return user.isascii() and uid.isdecimal() and (not colon or gid.isdecimal())


def _from_file(path: str) -> dict[str, Any]:
    from contain.document import parse
    from contain.errors import ManifestError
    from contain.spec.defaults import drop_nulls

    try:
        with open(path, "rb") as file:
            document = parse(file.read(), path)
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}", place="<command line>:--process") from problem
    if document.problems or not isinstance(document.value, dict):
        first = document.problems[0].message if document.problems else "it is no object"
        raise ManifestError(f"{path}: {first}", place="<command line>:--process")
    value: dict[str, Any] = document.value
    drop_nulls(value)
    if not value.get("cwd"):
        raise ManifestError("Cwd property must not be empty", place="<command line>:--process", remedy='add "cwd": "/"')
    return {name: member for name, member in value.items() if name not in KEPT or member or name in {"capabilities", "oomScoreAdj"}}
