"""The seccomp profile."""

from __future__ import annotations

from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain.spec.model import Spec


def seccomp(spec: Spec) -> Iterator[Finding]:
    """What the kernel takes as a filter, and what notifying needs."""
    profile: dict[str, Any] = spec.config["linux"].get("seccomp") or {}
    at, rules = "/linux/seccomp", profile.get("syscalls") or ()
    if profile.get("defaultAction") == "SCMP_ACT_NOTIFY":
        yield Finding(
            "RUN609",
            f"{at}/defaultAction",
            "SCMP_ACT_NOTIFY cannot be the default",
            "name the syscalls that shall notify",
            cause="starting the process itself would wait for the agent",
        )
    notifies = next((index for index, rule in enumerate(rules) if rule["action"] == "SCMP_ACT_NOTIFY"), None)
    if notifies is not None and not profile.get("listenerPath"):
        yield Finding(
            "RUN612",
            f"{at}/syscalls/{notifies}/action",
            "SCMP_ACT_NOTIFY needs listenerPath",
            "add the socket of the agent to linux.seccomp",
        )
    if profile.get("listenerMetadata") and not profile.get("listenerPath"):
        yield Finding("RUN611", f"{at}/listenerMetadata", "listenerMetadata without listenerPath", "add listenerPath, or remove it")
    for index, rule in enumerate(rules):
        if rule["action"] == "SCMP_ACT_NOTIFY" and "write" in rule["names"]:
            yield Finding(
                "RUN610",
                f"{at}/syscalls/{index}/names",
                "write cannot notify",
                "remove it from the names",
                cause="handing the listener over would wait for itself",
            )
        if "errnoRet" in rule and rule["action"] not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
            yield Finding(
                "RUN606", f"{at}/syscalls/{index}/errnoRet", f"{rule['action']} returns no errno", "remove errnoRet, or use SCMP_ACT_ERRNO"
            )
        for number, arg in enumerate(rule.get("args") or ()):
            if not 0 <= arg["index"] <= 5:
                yield Finding(
                    "RUN607", f"{at}/syscalls/{index}/args/{number}/index", f"a syscall has no argument {arg['index']}", "write 0 to 5"
                )
    given = {"defaultErrnoRet": profile.get("defaultErrnoRet")}
    given |= {f"syscalls/{index}/errnoRet": rule.get("errnoRet") for index, rule in enumerate(rules)}
    for place, errno in given.items():
        if (errno or 0) > 4095:
            yield Finding("RUN616", f"{at}/{place}", f"the kernel takes error numbers below 4096, not {errno}", "write one of errno(3)")
    if profile:
        yield from _start(spec, profile)
    if "defaultErrnoRet" in profile and profile.get("defaultAction") not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        yield Finding(
            "RUN606", f"{at}/defaultErrnoRet", f"{profile.get('defaultAction')} returns no errno", "remove it, or use SCMP_ACT_ERRNO"
        )


def _start(spec: Spec, profile: dict[str, Any]) -> Iterator[Finding]:
    """Calls that nothing names and that starting needs; what conditions let pass is tried when the filter is made."""
    passing = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY")
    if profile.get("defaultAction", passing[0]) in passing or spec.run.seccomp in ("default", "unconfined"):
        return
    rules = profile.get("syscalls") or ()
    late = spec.config["process"].get("noNewPrivileges") and not any(rule["action"] == "SCMP_ACT_NOTIFY" for rule in rules)
    allowed = {name for rule in rules if rule["action"] in passing for name in rule["names"]}
    lost = [name for name in ("execve", "sendmsg", "recvmsg")[: 1 if late else 3] if name not in allowed]
    if lost:
        yield Finding(
            "RUN617",
            "/linux/seccomp",
            f"the seccomp profile denies {', '.join(lost)}, without which no program can be started",
            f"allow {', '.join(lost)}",
        )


RULES = (seccomp,)
