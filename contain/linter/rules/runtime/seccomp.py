"""RUN6: the system call filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.fix import Fix
from contain.linter.near import nearest
from contain.linter.reading import get
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import calls, conditions, named_calls, no_call_has
from contain.linter.syscalls import SYSCALLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str] | tuple[str, str, Fix | str]]

_AT = "/linux/seccomp"
#: what a runtime itself still calls behind the filter: to start the program, and before no_new_privs to hand over what it must
_NEEDED = ("execve", "sendmsg", "recvmsg")
_PASSING = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY")


def strangers(config: Any) -> Iterator[tuple[str, str]]:
    """Pointer and name of the calls that no kernel has."""
    named = named_calls(config)
    if named is not None and all(names <= SYSCALLS for names in named.values()):
        return
    for pointer, item in calls(config):
        names = item.get("names") or ()
        if not SYSCALLS.issuperset(names):
            yield from ((f"{pointer}/names/{index}", name) for index, name in enumerate(names) if name not in SYSCALLS)


@rule
@about("linux/seccomp", only="linux/seccomp")
def errno_action(config: Any) -> Found:
    """RUN606 errno-without-action: errnoRet goes with the actions ERRNO and TRACE.

    The text wants an error from the runtime for others.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL54
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}}}
    """
    able = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
    seccomp = get(config, "linux", "seccomp") or {}
    if "defaultErrnoRet" in seccomp and "defaultAction" in seccomp and seccomp["defaultAction"] not in able:
        yield f"{_AT}/defaultErrnoRet", f"defaultErrnoRet does not go with {seccomp['defaultAction']}"
    if no_call_has(config, "errnoRet"):
        return
    for pointer, item in calls(config):
        if "errnoRet" in item and "action" in item and item["action"] not in able:
            yield f"{pointer}/errnoRet", f"errnoRet does not go with {item['action']}"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def argument_index(config: Any) -> Found:
    """RUN607 seccomp-argument-index: a system call has the arguments 0 to 5.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL55
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index":
      6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args":
      [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}]}}}
    """
    for pointer, item in conditions(config):
        for index, argument in enumerate(item.get("args") or ()):
            if argument is not None and argument.get("index", 0) > 5:
                yield f"{pointer}/args/{index}/index", f"a system call has the arguments 0 to 5, not {argument['index']}"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def masked_value(config: Any) -> Found:
    """RUN608 seccomp-masked-value: valueTwo goes with the operator MASKED_EQ, and that with valueTwo.

    value is the mask and valueTwo what must remain; left out it is 0, which is seldom meant.

    section: config-linux.md / Seccomp
    severity: warning
    rows: RL56
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index":
      0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ"}]}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args":
      [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]}]}}}
    """
    for pointer, item in conditions(config):
        for index, argument in enumerate(item.get("args") or ()):
            if argument is not None and argument.get("valueTwo") and argument.get("op", "SCMP_CMP_MASKED_EQ") != "SCMP_CMP_MASKED_EQ":
                yield f"{pointer}/args/{index}/valueTwo", f"valueTwo has no effect with {argument['op']}"


@rule
@about("linux/seccomp", only="linux/seccomp")
def notify_default(config: Any) -> Found:
    """RUN609 seccomp-notify-default: the default action is not NOTIFY.

    The runtime itself would wait for a listener that it has not handed over yet; runc and crun refuse it.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL57
    bad: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/agent.sock"}}}
    good: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}}
    """
    if get(config, "linux", "seccomp", "defaultAction") == "SCMP_ACT_NOTIFY":
        yield f"{_AT}/defaultAction", "NOTIFY cannot be the default action: the runtime itself would wait for the listener"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def notify_write(config: Any) -> Found:
    """RUN610 seccomp-notify-write: write is not notified.

    The runtime writes to tell that the filter is loaded, and would wait for ever.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL57
    bad: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock", "syscalls": [{"names":
      ["write"], "action": "SCMP_ACT_NOTIFY"}]}}}
    good: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock", "syscalls":
      [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}}}
    """
    for pointer, item in calls(config):
        if item.get("action") == "SCMP_ACT_NOTIFY" and "write" in (item.get("names") or ()):
            yield f"{pointer}/names", "write cannot be notified: the runtime needs it to hand over the listener"


@rule
@about("linux/seccomp", only="linux/seccomp")
def metadata_alone(config: Any) -> Found:
    """RUN611 seccomp-metadata: listenerMetadata comes with listenerPath.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL58
    bad: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "box"}}}
    good: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "box", "listenerPath":
      "/run/agent.sock", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}}}
    """
    seccomp = get(config, "linux", "seccomp") or {}
    if seccomp.get("listenerMetadata") and not seccomp.get("listenerPath"):
        yield f"{_AT}/listenerMetadata", "listenerMetadata needs a listenerPath"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def no_listener(config: Any) -> Found:
    """RUN612 seccomp-no-listener: NOTIFY rules come with a listenerPath.

    Without a listener such a call fails with ENOSYS; runc refuses the document.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL59
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}}}
    good: {"ociVersion": "1.1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock", "syscalls":
      [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}}}
    """
    if not get(config, "linux", "seccomp", "listenerPath"):
        for pointer, item in calls(config):
            if item.get("action") == "SCMP_ACT_NOTIFY":
                yield f"{pointer}/action", "NOTIFY needs a listenerPath"


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def unknown_call(config: Any) -> Found:
    """RUN613 seccomp-unknown-call: a rule names calls that a kernel has.

    Runtimes skip names that they do not know: in a deny-list the call stays allowed.

    section: config-linux.md / Seccomp
    severity: warning
    rows: RL60
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["keyctrl"], "action": "SCMP_ACT_ERRNO"}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["keyctl"], "action": "SCMP_ACT_ERRNO"}]}}}
    """
    for pointer, name in strangers(config):
        if name not in SYSCALLS:
            near = nearest(name, SYSCALLS)
            fix: Fix | str = Fix(f"write {near}", replace=(pointer, near)) if near else ""
            yield pointer, f"no kernel has a system call {name[:40]!r}{f'; did you mean {near}?' if near else ''}", fix


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def redundant(config: Any) -> Found:
    """RUN614 seccomp-redundant: a rule does something else than the default.

    section: config-linux.md / Seccomp
    severity: info
    rows: RL61
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO"}]}}}
    """
    seccomp = get(config, "linux", "seccomp") or {}
    for pointer, item in calls(config):
        same = item.get("action") is not None and item.get("action") == seccomp.get("defaultAction")
        if same and item.get("errnoRet") == seccomp.get("defaultErrnoRet"):
            yield f"{pointer}/action", "this rule does what the default action does"


def _apart(sets: list[set[str]]) -> bool:
    """Whether no two of the sets have anything in common."""
    return all(one.isdisjoint(other) for index, one in enumerate(sets) for other in sets[:index])


@rule
@about("linux/seccomp/syscalls", only="linux/seccomp")
def conflict(config: Any) -> Found:
    """RUN615 seccomp-conflict: a call without conditions has one action.

    Of two, libseccomp takes one and drops the other.

    section: config-linux.md / Seccomp
    severity: warning
    rows: RL61
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, {"names": ["read"],
      "action": "SCMP_ACT_ERRNO"}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, {"names": ["bpf"],
      "action": "SCMP_ACT_ERRNO"}]}}}
    """
    named = named_calls(config)
    if named is not None and _apart([names for action, names in named.items() if action]):
        return
    seen: dict[str, set[str]] = {}
    for pointer, item in calls(config):
        action, names = item.get("action"), item.get("names") or ()
        if item.get("args") or not action:
            continue
        for other, known in seen.items():
            for name in known.intersection(names) if other != action else ():
                yield f"{pointer}/names/{names.index(name)}", f"{name} has the action {other} already"
        seen.setdefault(action, set()).update(names)


@rule
@about("linux/seccomp", only="linux/seccomp")
def no_start(config: Any) -> Found:
    """RUN617 seccomp-no-start: the filter lets the program be started.

    execve(2) runs behind it; without noNewPrivileges, or with a listener, sendmsg(2) and recvmsg(2) of the runtime do too.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL51
    reference: seccomp(2)
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "sendmsg", "recvmsg"], "action":
      "SCMP_ACT_ALLOW"}]}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["execve", "sendmsg", "recvmsg"], "action":
      "SCMP_ACT_ALLOW"}]}}}
    """
    action = get(config, "linux", "seccomp", "defaultAction")
    named = named_calls(config)
    if action is None or action in _PASSING or (named and all(any(call in named.get(how, ()) for how in _PASSING) for call in _NEEDED)):
        return
    known = [(item.get("names") or (), item.get("action")) for _, item in calls(config)]
    late = get(config, "process", "noNewPrivileges") and not any(action == "SCMP_ACT_NOTIFY" for _, action in known)
    lost = [name for name in _NEEDED[: 1 if late else 3] if not any(name in names for names, action in known if action in _PASSING)]
    if lost:
        yield _AT, f"the filter denies {', '.join(lost)}, so no program can be started"


@rule
@about("linux/seccomp", only="linux/seccomp")
def errno_range(config: Any) -> Found:
    """RUN616 errno-range: an error number is below 4,096.

    The kernel takes no larger one.

    section: config-linux.md / Seccomp
    blocking: yes
    rows: RL54
    reference: seccomp(2)
    bad: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000}}}
    good: {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38}}}
    """
    places = [(f"{_AT}/defaultErrnoRet", get(config, "linux", "seccomp", "defaultErrnoRet"))]
    if not no_call_has(config, "errnoRet"):
        places += [(f"{pointer}/errnoRet", item.get("errnoRet")) for pointer, item in calls(config)]
    for pointer, number in places:
        if number is not None and number > 4095:
            yield pointer, f"the kernel takes error numbers below 4096, not {number}"
