"""The filter of a run: contain's own from bytes, a manifest's by libseccomp, loaded as late as its rights and its listener allow."""

from __future__ import annotations

from _json import encode_basestring_ascii as quoted

from contain import paths
from contain.errors import HostError, ManifestError
from contain.kernel.capabilities import names
from contain.plan import stage as at
from contain.plan.compile.state import as_json, identifier
from contain.plan.operations.security import ConnectListener, LoadSeccomp
from contain.plan.seccomp.default import default_filter
from contain.state import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.host.model import Host
    from contain.plan.operation import Operation
    from contain.plan.seccomp.compiler import Program
    from contain.plan.slots import Slots
    from contain.spec.model import Spec

#: how the filter of a run without a profile is called
OWN = "contain's own profile"
#: profile.OWN_PIDS; its module holds the names and is not needed here
_OWN_PIDS = "own pid namespace"
_NEW_LISTENER = 8
_PASSES = frozenset({0x7FFF0000, 0x7FFC0000, 0x7FF00000})  # allow, log; trace: a tracer may let it pass


def is_late(spec: Spec) -> bool:
    """Whether the filter is loaded as the last thing before execve, so that nothing of ours must be allowed by it.

    Not without no_new_privs (loading needs what the change of ids takes away), not with a listener (`create` hands it over), and not for
    contain's own filter, which allows what we need and so covers our PID 1 too.
    """
    profile = _profile(spec)
    if profile is None or not spec.config["process"].get("noNewPrivileges"):
        return False
    return not any(rule.get("action") == "SCMP_ACT_NOTIFY" for rule in profile.get("syscalls") or ())


def seccomp(spec: Spec, host: Host, slots: Slots, mask: int, *, late: bool) -> Iterator[Operation]:
    """The filter, in `lock` or (late) in `go`; `mask` is the bounding set, on which the default filter depends."""
    if late != is_late(spec):
        return
    profile = _profile(spec)
    if profile is None and spec.run.seccomp != "default":
        return
    origin = "/linux/seccomp"
    if not host.seccomp:
        if "seccomp" in spec.run.allow_missing:
            spec.warn("this kernel has no seccomp filters: every system call is open to the program", origin)
            return
        raise HostError(
            "this kernel has no seccomp filters",
            place=spec.origins.place(origin),
            remedy="use a kernel with CONFIG_SECCOMP_FILTER, or allow to run without: --allow-missing seccomp",
        )
    if profile is None:
        yield _own(spec, host, mask)
        return
    program = _compiled(spec, host, profile)
    _check(spec, host, program, late=late)
    summary = ", ".join(["the profile of the manifest", *program.notes])
    socket = slots.new("seccomp agent") if program.notify else 0
    if program.notify:
        yield ConnectListener(path=profile["listenerPath"], slot=socket, origin=f"{origin}/listenerPath")
    yield LoadSeccomp(
        stage=at.GO if late else at.LOCK,
        program=program.code,
        flags=program.flags,
        summary=summary,
        socket=socket,
        state=process_state(spec, profile) if program.notify else "",
        origin=origin,
    )


def _profile(spec: Spec) -> dict[str, Any] | None:
    """The manifest's profile, when it holds."""
    profile: dict[str, Any] | None = spec.config["linux"].get("seccomp")
    return None if spec.run.seccomp in {"default", "unconfined"} else profile


def _own(spec: Spec, host: Host, mask: int) -> Operation:
    given = set(names(mask))
    if "pid" in spec.namespaces():
        given.add(_OWN_PIDS)
    action = spec.run.seccomp_action
    watch = action if action in {"report", "kill"} and _is_watched(spec) else ""
    if action == "report" and not watch:
        raise HostError(
            "nobody stays who could report refused system calls",
            place=spec.origins.place("--seccomp-action"),
            remedy="drop --detach, or use --seccomp-action log",
        )
    code = default_filter(host.machine, given, "notify" if watch else action)
    summary = OWN + ("" if action == "errno" else f", answering {action}")
    return LoadSeccomp(program=code, flags=_NEW_LISTENER if watch else 0, summary=summary, watch=watch, origin="/linux/seccomp")


def _is_watched(spec: Spec) -> bool:
    """Whether the monitor stays, with a pid namespace that it can end."""
    return not spec.run.detach and spec.run.contract != "create" and spec.namespaces().get("pid") == ""


def _compiled(spec: Spec, host: Host, profile: dict[str, Any]) -> Program:
    from contain.plan.seccomp import cache

    try:
        return cache.compiled(profile, host.machine, cache.folder_for(host.euid, dict(paths.environ())))
    except (ManifestError, HostError) as error:
        error.place = error.place or spec.origins.place("/linux/seccomp")
        raise


def _check(spec: Spec, host: Host, program: Program, *, late: bool) -> None:
    """A filter that denies what starting needs would fail without a word: said here, before anything is touched."""
    from contain.plan.seccomp.bpf import ABIS, MACHINES
    from contain.plan.seccomp.simulate import NEEDED, NEEDED_NAMES, answer

    numbers = NEEDED.get(host.machine, ())[: 1 if late else None]
    audit = ABIS[MACHINES[host.machine][0]].audit
    passes = _PASSES | ({0x7FC00000} if program.notify else set())
    denied = [
        name for number, name in zip(numbers, NEEDED_NAMES, strict=False) if answer(program.code, audit, number) & 0xFFFF0000 not in passes
    ]
    if denied:
        raise ManifestError(
            f"the seccomp profile denies {', '.join(denied)}, without which no program can be started",
            place=spec.origins.place("/linux/seccomp"),
            cause="" if late else "without no_new_privs, or with a listener, the filter is loaded before the program is executed",
            remedy="allow it in linux.seccomp.syscalls",
        )


def process_state(spec: Spec, profile: dict[str, Any]) -> str:
    """The OCI's container process state for the agent, as a template: id and pid are known only at run time."""
    version = quoted(spec.config["ociVersion"])
    pid = layout.hole("pid")
    state = {
        "ociVersion": version,
        "id": f'"{identifier(spec)}"',
        "status": f'"{layout.hole("status")}"',
        "pid": pid,
        "bundle": quoted(spec.bundle),
        "annotations": as_json(spec.config["annotations"]),
    }
    whole = {"ociVersion": version, "fds": '["seccompFd"]', "pid": pid, "metadata": quoted(profile.get("listenerMetadata") or "")}
    return _object({**whole, "state": _object(state)})


def _object(rows: dict[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(key)}: {value}" for key, value in rows.items()) + "}"
