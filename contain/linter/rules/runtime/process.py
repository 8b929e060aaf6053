"""RUN2: the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.fix import Fix
from contain.linter.names import CAPABILITIES, RLIMITS
from contain.linter.ranges import is_list
from contain.linter.reading import each, entries, get, has_namespace, namespace
from contain.linter.registry import rule
from contain.schema.support import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str] | tuple[str, str, Fix | str]]


@rule
def process_missing(config: Any) -> Found:
    """RUN211 process-missing: the document has a process.

    A container can be created without one and cannot be started.

    section: config.md / Process
    severity: warning
    rows: RC21
    bad: {"process": null}
    good: {"process": {"args": ["sh"]}}
    """
    if "process" not in config:
        yield "/process", "process is missing: the container could not be started"


@rule
def relative_cwd(config: Any) -> Found:
    """RUN212 relative-cwd: the working folder is absolute.

    section: config.md / Process
    blocking: yes
    rows: RC22
    bad: {"process": {"cwd": "home"}}
    good: {"process": {"cwd": "/home"}}
    """
    cwd = get(config, "process", "cwd")
    windows = "windows" in config and cwd is not None and cwd[1:3] in (":\\", ":/")
    if cwd is not None and not cwd.startswith(("/", "\\") if "windows" in config else "/") and not windows:
        yield "/process/cwd", f"process.cwd: {cwd[:60]!r} is not absolute", Fix(f"write /{cwd}", replace=("/process/cwd", f"/{cwd}"))


@rule
def no_args(config: Any) -> Found:
    """RUN213 no-args: the process has a program.

    args has at least one entry.

    section: config.md / Process
    blocking: yes
    rows: RC23
    bad: {"process": {"args": []}}
    good: {"process": {"args": ["sh"]}}
    """
    process = get(config, "process")
    if process is not None and not process.get("args") and "windows" not in config:
        yield "/process/args", "process.args names no program"


@rule
def no_command_line(config: Any) -> Found:
    r"""RUN214 no-command-line: on Windows the process has args or a commandLine.

    section: config.md / Process
    rows: RC24
    bad: {"linux": null, "windows": {"layerFolders": ["C:\\l"]}, "process": {"args": null, "cwd": "C:\\"}}
    good: {"linux": null, "windows": {"layerFolders": ["C:\\l"]}, "process": {"args": null, "commandLine": "cmd /c dir", "cwd": "C:\\"}}
    """
    process = get(config, "process")
    if process is not None and "windows" in config and not process.get("args") and not process.get("commandLine"):
        yield "/process/commandLine", "the process has neither args nor commandLine"


@rule
def console_without_terminal(config: Any) -> Found:
    """RUN215 console-without-terminal: consoleSize comes with a terminal.

    Without one it has no effect.

    section: config.md / Process
    severity: warning
    rows: RC26
    bad: {"process": {"terminal": false, "consoleSize": {"height": 24, "width": 80}}}
    good: {"process": {"terminal": true, "consoleSize": {"height": 24, "width": 80}}}
    """
    size = get(config, "process", "consoleSize")
    # engines write a size of zero beside terminal: false
    if size is not None and not get(config, "process", "terminal") and (size.get("height") or size.get("width")):
        yield "/process/consoleSize", "consoleSize has no effect without a terminal"


@rule
def env_form(config: Any) -> Found:
    """RUN216 env-form: an environment entry is NAME=value.

    runc refuses others, crun hands them on; programs do not find them.

    section: config.md / Process
    rows: RC27
    bad: {"process": {"env": ["PATH"]}}
    good: {"process": {"env": ["PATH=/bin"]}}
    """
    for pointer, text in each(config, "process", "env"):
        if text.find("=") < 1:
            yield pointer, f"the environment entry {text[:40]!r} is not NAME=value"


@rule
def env_twice(config: Any) -> Found:
    """RUN217 env-twice: a name is in the environment once.

    Of two entries some runtimes keep both and some the last one; programs read the first or the last.

    section: config.md / Process
    severity: warning
    rows: RC27
    bad: {"process": {"env": ["A=1", "A=2"]}}
    good: {"process": {"env": ["A=1", "B=2"]}}
    """
    seen: set[str] = set()
    for pointer, text in each(config, "process", "env"):
        name = text.partition("=")[0]
        if name and "=" in text and name in seen:
            yield pointer, f"{name[:60]} is in the environment already"
        seen.add(name)


@rule
def rlimit_twice(config: Any) -> Found:
    """RUN218 rlimit-twice: a resource limit is given once.

    section: config.md / POSIX process
    blocking: yes
    rows: RC29
    bad: {"process": {"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]}}
    good: {"process": {"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]}}
    """
    seen: set[str] = set()
    for pointer, limit in each(config, "process", "rlimits"):
        name = limit.get("type")
        if name in seen:
            yield f"{pointer}/type", f"{name} is given twice"
        seen.add(name or "")


@rule
def rlimit_unknown(config: Any) -> Found:
    """RUN219 rlimit-unknown: a resource limit is one that Linux has.

    section: config.md / POSIX process
    blocking: yes
    rows: RC30
    bad: {"process": {"rlimits": [{"type": "RLIMIT_FILES", "soft": 1, "hard": 1}]}}
    good: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}]}}
    """
    if "linux" not in config:
        return
    for pointer, limit in each(config, "process", "rlimits"):
        name = limit.get("type")
        if name and name not in RLIMITS:
            near = nearest(name, RLIMITS)
            fix: Fix | str = Fix(f"write {near}", replace=(f"{pointer}/type", near)) if near else ""
            yield f"{pointer}/type", f"Linux has no {name[:40]}", fix


@rule
def rlimit_order(config: Any) -> Found:
    """RUN220 rlimit-order: the soft limit is not above the hard one.

    setrlimit(2) refuses it.

    section: config.md / POSIX process
    rows: RC31
    bad: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2048, "hard": 1024}]}}
    good: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 2048}]}}
    """
    for pointer, limit in each(config, "process", "rlimits"):
        soft, hard = limit.get("soft"), limit.get("hard")
        if soft is not None and hard is not None and soft > hard:
            yield f"{pointer}/soft", f"the soft limit {soft} is above the hard limit {hard}"


def _sets(config: Any) -> Iterator[tuple[str, str, str]]:
    for pointer, name, items in entries(config, "process", "capabilities"):
        if items.__class__ is list:
            yield from ((f"{pointer}/{index}", name, text) for index, text in enumerate(items) if text.__class__ is str)


@rule
def capability_spelling(config: Any) -> Found:
    """RUN221 capability-spelling: a capability is written CAP_ and upper-case letters.

    runc warns and drops what it does not know; crun takes other spellings too.

    section: config.md / Linux process
    rows: RC32
    bad: {"process": {"capabilities": {"bounding": ["cap_chown", "KILL"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"]}}}
    """
    for pointer, _, text in _sets(config):
        if not (text.startswith("CAP_") and text.isupper()):
            right = "CAP_" + text.upper().removeprefix("CAP_")
            known = right in CAPABILITIES
            fix: Fix | str = Fix(f"write {right}", replace=(pointer, right)) if known else ""
            yield pointer, f"{text[:40]!r} is no name of a capability{f', {right} is' if known else ''}", fix


@rule
def capability_unknown(config: Any) -> Found:
    """RUN222 capability-unknown: a capability is one that a kernel has.

    Runtimes warn and leave it out.

    section: config.md / Linux process
    severity: warning
    rows: RC32
    bad: {"process": {"capabilities": {"bounding": ["CAP_SYS_ADMN"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_SYS_NICE"]}}}
    """
    for pointer, _, text in _sets(config):
        if text.startswith("CAP_") and text.isupper() and text not in CAPABILITIES:
            near = nearest(text, CAPABILITIES)
            yield pointer, f"no kernel has {text[:40]}{f'; did you mean {near}?' if near else ''}"


def _set(config: Any, name: str) -> frozenset[str]:
    return frozenset(text for set_name, text in ((row[1], row[2]) for row in _sets(config)) if set_name == name)


@rule
def effective_permitted(config: Any) -> Found:
    """RUN223 effective-not-permitted: effective capabilities are also permitted.

    capset(2) refuses it, so the container does not start.

    section: config.md / Linux process
    rows: RC33
    bad: {"process": {"capabilities": {"effective": ["CAP_KILL"], "permitted": [], "bounding": ["CAP_KILL"]}}}
    good: {"process": {"capabilities": {"effective": ["CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}}}
    """
    permitted = _set(config, "permitted")
    for pointer, name, text in _sets(config):
        if name == "effective" and text not in permitted:
            yield pointer, f"{text[:40]} is effective and not permitted, which the kernel refuses"


@rule
def ambient(config: Any) -> Found:
    """RUN224 ambient-not-inheritable: ambient capabilities are also permitted and inheritable.

    The kernel raises no other; runc goes on without, so the program lacks them.

    section: config.md / Linux process
    severity: warning
    rows: RC33
    bad: {"process": {"capabilities": {"ambient": ["CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}}}
    good: {"process": {"capabilities": {"ambient": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}}}
    """
    allowed = _set(config, "permitted") & _set(config, "inheritable")
    for pointer, name, text in _sets(config):
        if name == "ambient" and text not in allowed:
            yield pointer, f"{text[:40]} is ambient, and not both permitted and inheritable"


@rule
def above_bounding(config: Any) -> Found:
    """RUN225 above-bounding: no set holds more than the bounding set.

    What is not in the bounding set is lost at the next execve, or refused.

    section: config.md / Linux process
    severity: warning
    rows: RC33
    bad: {"process": {"capabilities": {"bounding": [], "permitted": ["CAP_KILL"]}}}
    good: {"process": {"capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"]}}}
    """
    bounding = _set(config, "bounding")
    for pointer, name, text in _sets(config):
        if name in ("permitted", "inheritable") and text not in bounding:
            yield pointer, f"{text[:40]} is {name} and not in the bounding set"


@rule
def user_ids(config: Any) -> Found:
    """RUN226 user-ids: user has uid and gid.

    Runtimes take 0, which is root, for what is left out.

    section: config.md / User
    rows: RC34
    bad: {"process": {"user": {"uid": 1000, "gid": null}}}
    good: {"process": {"user": {"uid": 1000, "gid": 1000}}}
    """
    process = get(config, "process")
    if process is None or ("windows" in config and "linux" not in config):
        return
    user = process.get("user")
    if user is None:
        yield "/process/user", "process.user is missing: the process would be root"
        return
    for name in ("uid", "gid"):
        if name not in user:
            yield f"/process/user/{name}", f"process.user.{name} is missing: it would be 0"


@rule
def unmapped_ids(config: Any) -> Found:
    """RUN227 unmapped-id: the ids of the process are mapped in its user namespace.

    The kernel has no other ids there: setuid(2) fails.

    section: config-linux.md / User namespace mappings
    rows: RC35
    bad: {"process": {"user": {"uid": 5, "gid": 0}}, "linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    good: {"process": {"user": {"uid": 0, "gid": 0}}, "linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    """
    if not has_namespace(config, "user"):
        return
    user = get(config, "process", "user") or {}
    numbers = [("/process/user/uid", user.get("uid"), "uidMappings"), ("/process/user/gid", user.get("gid"), "gidMappings")]
    numbers += [(pointer, gid, "gidMappings") for pointer, gid in each(config, "process", "user", "additionalGids")]
    for pointer, number, name in numbers:
        maps = [item for _, item in each(config, "linux", name) if {"containerID", "size"} <= item.keys()]
        if number is not None and maps and not any(item["containerID"] <= number < item["containerID"] + item["size"] for item in maps):
            yield pointer, f"the id {number} is not mapped in the container's user namespace (linux.{name})"


@rule
def umask(config: Any) -> Found:
    """RUN228 umask-range: umask is a number from 0 to 511.

    It is written decimal: 022 is 18. The kernel cuts off the rest.

    section: config.md / POSIX user
    severity: warning
    rows: RC36
    bad: {"process": {"user": {"umask": 777}}}
    good: {"process": {"user": {"umask": 18}}}
    """
    value = get(config, "process", "user", "umask")
    if value is not None and value > 0o777:
        yield "/process/user/umask", f"umask {value} is above 511, which is 0777: it is a decimal number"


@rule
def oom_score(config: Any) -> Found:
    """RUN229 oom-score-range: oomScoreAdj is from -1000 to 1000.

    The kernel refuses others.

    section: config.md / Linux process
    blocking: yes
    rows: RC37
    bad: {"process": {"oomScoreAdj": 2000}}
    good: {"process": {"oomScoreAdj": 100}}
    """
    value = get(config, "process", "oomScoreAdj")
    if value is not None and not -1000 <= value <= 1000:
        yield "/process/oomScoreAdj", f"oomScoreAdj must be from -1000 to 1000, not {value}"


@rule
def scheduler(config: Any) -> Found:
    """RUN230 scheduler-values: scheduler settings fit the policy.

    nice is from -20 to 19 and for OTHER and BATCH, priority is for FIFO and RR, and runtime, deadline and period are for DEADLINE, in this order of size.

    section: config.md / Linux process
    rows: RC40
    reference: sched_setattr(2)
    bad: {"ociVersion": "1.1.0", "process": {"scheduler": {"policy": "SCHED_OTHER", "priority": 5}}}
    good: {"ociVersion": "1.1.0", "process": {"scheduler": {"policy": "SCHED_FIFO", "priority": 5}}}
    """
    settings = get(config, "process", "scheduler")
    policy = (get(settings, "policy") or "").removeprefix("SCHED_")
    if not policy:
        return
    at = "/process/scheduler"
    nice, priority = settings.get("nice"), settings.get("priority")
    if nice and (policy not in ("OTHER", "BATCH") or not -20 <= nice <= 19):
        yield f"{at}/nice", f"nice {nice} does not go with {policy}" if policy not in ("OTHER", "BATCH") else f"nice must be from -20 to 19, not {nice}"
    if priority and (policy not in ("FIFO", "RR") or not 1 <= priority <= 99):
        yield f"{at}/priority", f"priority {priority} does not go with {policy}" if policy not in ("FIFO", "RR") else f"priority must be from 1 to 99, not {priority}"
    times = [settings.get(name) or 0 for name in ("runtime", "deadline", "period")]
    if policy != "DEADLINE":
        for name, time in zip(("runtime", "deadline", "period"), times, strict=True):
            if time:
                yield f"{at}/{name}", f"{name} does not go with {policy}"
    elif not 0 < times[0] <= times[1] <= (times[2] or times[1]):
        yield f"{at}/runtime", f"runtime {times[0]}, deadline {times[1]} and period {times[2]} must rise in this order"


@rule
def cpu_affinity(config: Any) -> Found:
    """RUN231 exec-cpu-affinity: execCPUAffinity holds lists of CPUs such as 0-3,7.

    The published schema lets blanks and stray dashes pass; runtimes do not.

    section: config.md / Linux process
    rows: RC42
    bad: {"ociVersion": "1.2.0", "process": {"execCPUAffinity": {"initial": "0--3"}}}
    good: {"ociVersion": "1.2.0", "process": {"execCPUAffinity": {"initial": "0-3,7"}}}
    """
    for pointer, name, text in entries(config, "process", "execCPUAffinity"):
        if name in ("initial", "final") and text and not is_list(text):
            yield pointer, f"{text[:40]!r} is no list of CPUs such as 0-3,7"


@rule
def labels(config: Any) -> Found:
    """RUN232 security-label-form: labels of AppArmor and SELinux are not empty, and an SELinux label has its parts.

    USER:ROLE:TYPE:LEVEL, where the level may hold a colon more.

    section: config.md / Linux process
    rows: RC43
    bad: {"process": {"selinuxLabel": "container_t"}}
    good: {"process": {"selinuxLabel": "system_u:system_r:container_t:s0:c124,c675"}}
    """
    for name in ("apparmorProfile", "selinuxLabel"):
        text = get(config, "process", name)
        if text == "":
            yield f"/process/{name}", f"{name} is empty: leave it out"
        elif name == "selinuxLabel" and text is not None and not 3 <= text.count(":") <= 4:
            yield f"/process/{name}", f"{text[:60]!r} is no SELinux label (USER:ROLE:TYPE:LEVEL)"


@rule
def mappings_of_joined(config: Any) -> Found:
    """RUN233 mappings-of-joined-namespace: a user namespace that is joined brings its own mappings.

    With a path the mappings of the document have no effect; runc refuses those that differ.

    section: config-linux.md / User namespace mappings
    severity: warning
    rows: RL08
    bad: {"linux": {"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}, {"type": "mount"}], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}}
    good: {"linux": {"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}, {"type": "mount"}]}}
    """
    user = namespace(config, "user")
    if user is not None and user[1].get("path"):
        for name in ("uidMappings", "gidMappings"):
            if get(config, "linux", name):
                yield f"/linux/{name}", f"{name} does not go with a user namespace that is joined: it has its own"
