"""RUN2: the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.fix import Fix
from contain.linter.near import nearest
from contain.linter.ranges import is_list
from contain.linter.reading import each, entries, get
from contain.linter.registry import about, rule
from contain.linux import RLIMITS

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
@about("process/cwd")
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
    elif get(config, "process", "args") and process["args"][0] == "" and "windows" not in config:
        yield "/process/args/0", "the name of the program is empty"


@rule
@about("windows")
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
@about("process/consoleSize")
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
@about("process/env")
def env_form(config: Any) -> Found:
    """RUN216 env-form: an environment entry is NAME=value.

    runc refuses others, crun hands them on; programs do not find them.

    section: config.md / Process
    blocking: yes
    rows: RC27
    bad: {"process": {"env": ["PATH"]}}
    good: {"process": {"env": ["PATH=/bin"]}}
    """
    for pointer, text in each(config, "process", "env"):
        if text.find("=") < 1:
            yield pointer, f"the environment entry {text[:40]!r} is not NAME=value"


@rule
@about("process/env")
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
@about("process/rlimits")
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
@about("process/rlimits")
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
@about("process/rlimits")
def rlimit_order(config: Any) -> Found:
    """RUN220 rlimit-order: the soft limit is not above the hard one.

    setrlimit(2) refuses it.

    section: config.md / POSIX process
    blocking: yes
    rows: RC31
    bad: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2048, "hard": 1024}]}}
    good: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 2048}]}}
    """
    for pointer, limit in each(config, "process", "rlimits"):
        soft, hard = limit.get("soft"), limit.get("hard")
        if soft is not None and hard is not None and soft > hard:
            yield f"{pointer}/soft", f"the soft limit {soft} is above the hard limit {hard}"


@rule
@about("process/scheduler")
def scheduler(config: Any) -> Found:
    """RUN230 scheduler-values: scheduler settings fit the policy.

    nice is from -20 to 19 and for OTHER and BATCH, priority is for FIFO and RR, and runtime, deadline and period are for DEADLINE, in this order of
    size.

    section: config.md / Linux process
    blocking: yes
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
        yield (
            f"{at}/nice",
            f"nice {nice} does not go with {policy}" if policy not in ("OTHER", "BATCH") else f"nice must be from -20 to 19, not {nice}",
        )
    if priority and (policy not in ("FIFO", "RR") or not 1 <= priority <= 99):
        yield (
            f"{at}/priority",
            f"priority {priority} does not go with {policy}"
            if policy not in ("FIFO", "RR")
            else f"priority must be from 1 to 99, not {priority}",
        )
    if not priority and policy in ("FIFO", "RR"):
        yield f"{at}/priority", f"{policy} needs a priority from 1 to 99"
    times = [settings.get(name) or 0 for name in ("runtime", "deadline", "period")]
    if policy != "DEADLINE":
        for name, time in zip(("runtime", "deadline", "period"), times, strict=True):
            if time:
                yield f"{at}/{name}", f"{name} does not go with {policy}"
    elif not 0 < times[0] <= times[1] <= (times[2] or times[1]):
        yield f"{at}/runtime", f"runtime {times[0]}, deadline {times[1]} and period {times[2]} must rise in this order"


@rule
@about("process/execCPUAffinity")
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
