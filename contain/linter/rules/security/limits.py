"""SEC3: limits, environment, hooks, annotations."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from contain.linter.names import HOOKS
from contain.linter.reading import each, entries, get
from contain.linter.registry import about, rule
from contain.linter.rules.runtime.facts import hooks
from contain.linter.rules.security.common import normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.bundle import Bundle

    Found = Iterator[tuple[str, str]]

SECRET = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL|ACCESS_?KEY)", re.IGNORECASE)
SHAPES = re.compile(
    r"(AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|glpat-[0-9A-Za-z_-]{20}|xox[abp]-[0-9A-Za-z-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
_MAGIC = ("bundle", "org.systemd.property.", "org.criu.config", "run.oci.", "io.podman.", "io.katacontainers.", "io.containerd.")
_INFINITE = 2**64 - 1
_SHELLS = ("sh", "bash", "dash", "zsh", "ash")
_RESOURCES = ("linux", "resources")


@rule
def memory_limit(config: Any) -> Found:
    """SEC301 no-memory-limit: the container's memory is limited.

    Without a limit it can take all of the host's.

    section: advice
    severity: warning
    rows: SEC28
    engines: yes
    reference: kube-linter unset-memory-requirements
    bad: {"linux": {"resources": {}}}
    good: {"linux": {"resources": {"memory": {"limit": 67108864}}}}
    """
    if (
        "linux" in config
        and (get(config, *_RESOURCES, "memory", "limit") or -1) <= 0
        and "memory.max" not in (get(config, *_RESOURCES, "unified") or {})
    ):
        yield "/linux/resources/memory/limit", "no limit of memory"


@rule
def pids_limit(config: Any) -> Found:
    """SEC302 no-pids-limit: the number of processes is limited.

    Without a limit a fork bomb stops the host.

    section: advice
    severity: warning
    rows: SEC28
    engines: yes
    bad: {"linux": {"resources": {"pids": {"limit": -1}}}}
    good: {"linux": {"resources": {"pids": {"limit": 100}}}}
    """
    if (
        "linux" in config
        and (get(config, *_RESOURCES, "pids", "limit") or -1) <= 0
        and "pids.max" not in (get(config, *_RESOURCES, "unified") or {})
    ):
        yield "/linux/resources/pids/limit", "no limit of processes"


@rule
def cpu_limit(config: Any) -> Found:
    """SEC303 no-cpu-limit: CPU time is limited or weighed.

    section: advice
    severity: info
    rows: SEC28
    engines: yes
    bad: {"linux": {"resources": {}}}
    good: {"linux": {"resources": {"cpu": {"quota": 50000, "period": 100000}}}}
    """
    cpu = get(config, *_RESOURCES, "cpu") or {}
    unified = get(config, *_RESOURCES, "unified") or {}
    if "linux" in config and (cpu.get("quota") or 0) <= 0 and not cpu.get("shares") and not {"cpu.max", "cpu.weight"} & unified.keys():
        yield "/linux/resources/cpu", "no limit of CPU time"


@rule
@about("linux/resources/memory")
def swap_limit(config: Any) -> Found:
    """SEC304 unlimited-swap: a container with a memory limit has a limit of swap.

    Else it swaps past it.

    section: advice
    severity: info
    rows: SEC29
    bad: {"linux": {"resources": {"memory": {"limit": 67108864, "swap": -1}}}}
    good: {"linux": {"resources": {"memory": {"limit": 67108864, "swap": 67108864}}}}
    """
    memory = get(config, *_RESOURCES, "memory") or {}
    if (memory.get("limit") or -1) > 0 and memory.get("swap") == -1:
        yield "/linux/resources/memory/swap", "swap is not limited, so the limit of memory is not either"


@rule
@about("process/oomScoreAdj", "linux/resources/memory/disableOOMKiller")
def oom(config: Any) -> Found:
    """SEC305 favoured-by-oom-killer: the container is not spared when memory runs out.

    Then something else on the host dies.

    section: advice
    severity: warning
    rows: SEC30
    bad: {"process": {"oomScoreAdj": -500}}
    good: {"process": {"oomScoreAdj": 0}}
    """
    if (get(config, "process", "oomScoreAdj") or 0) < 0:
        yield "/process/oomScoreAdj", "a negative oomScoreAdj lets others die first"
    if get(config, *_RESOURCES, "memory", "disableOOMKiller"):
        yield "/linux/resources/memory/disableOOMKiller", "without the OOM killer the processes hang when memory runs out"


@rule
@about("process/rlimits")
def infinite_limits(config: Any) -> Found:
    """SEC306 infinite-rlimits: open files and core dumps are limited.

    Programs that close all descriptors take minutes at infinity; core dumps carry memory out.

    section: advice
    severity: info
    rows: SEC31
    engines: yes
    bad: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 18446744073709551615, "hard": 18446744073709551615}]}}
    good: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096}]}}
    """
    for pointer, limit in each(config, "process", "rlimits"):
        if limit.get("type") in ("RLIMIT_NOFILE", "RLIMIT_CORE") and (limit.get("soft") or 0) >= min(_INFINITE, 2**63 - 1):
            yield f"{pointer}/soft", f"{limit['type']} is infinite"


@rule
@about("process")
def secrets(config: Any) -> Found:
    """SEC307 secret-in-environment: environment and arguments hold no secrets.

    Everybody who can see the document, the process list or an inspect output reads them: pass a file.

    section: advice
    severity: warning
    rows: SEC33
    reference: kube-linter env-var-secret
    bad: {"process": {"env": ["DB_PASSWORD=hunter2"]}}
    good: {"process": {"env": ["DB_PASSWORD_FILE=/run/secrets/db"]}}
    """
    for pointer, text in each(config, "process", "env"):
        name, _, value = text.partition("=")
        if value and (
            (SECRET.search(name) and not name.upper().endswith(("_FILE", "_PATH")) and not value.startswith("/")) or SHAPES.search(value)
        ):
            yield pointer, f"{name[:60]} looks like a secret"
    for pointer, text in each(config, "process", "args"):
        if SHAPES.search(text):
            yield pointer, "this argument looks like a secret"


@rule
def search_path(config: Any) -> Found:
    """SEC308 unsafe-search-path: PATH is set, and its folders are absolute and not for everybody to write.

    Else somebody else's program runs.

    section: advice
    severity: warning
    rows: SEC34
    bad: {"process": {"env": ["PATH=/bin:."]}}
    good: {"process": {"env": ["PATH=/usr/bin:/bin"]}}
    """
    if "process" not in config or "windows" in config:
        return
    for pointer, text in each(config, "process", "env"):
        if text.startswith("PATH="):
            for folder in text[5:].split(":"):
                if not folder.startswith("/") or normal(folder) in ("/tmp", "/var/tmp", "/dev/shm"):
                    yield pointer, f"PATH has the folder {folder or 'where it runs'!r}"
            return
    program = (get(config, "process", "args") or [""])[0] or ""
    if program and "/" not in program:
        yield "/process/env", "PATH is not set, and the program is looked up by it"


@rule
@about("hooks")
def hook_shell(config: Any) -> Found:
    """SEC309 hook-shell: a hook is a program, no line for a shell.

    Hooks run as the runtime, so mostly as root: what gets into such a line runs on the host.

    section: advice
    severity: warning
    rows: SEC35
    bad: {"hooks": {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "rm -r $DIR"]}]}}
    good: {"hooks": {"poststop": [{"path": "/usr/bin/clean", "args": ["clean"]}]}}
    """
    for pointer, hook in hooks(config):
        if (hook.get("path") or "").endswith("sh") and posixpath.basename(hook["path"]) in _SHELLS and "-c" in (hook.get("args") or ()):
            yield f"{pointer}/args", "a hook by a shell's line runs on the host, with the runtime's rights"


@rule
def hook_in_root(config: Any, bundle: Bundle) -> Found:
    """SEC310 hook-in-bundle: a hook of the host does not come from the container's files.

    Who can write in the root file system would run programs on the host.

    section: advice
    rows: SEC35
    bad-files: {"config.json": {"ociVersion": "1.0.2", "root": {"path": "/srv/box/rootfs"}, "hooks": {"poststop": [{"path":
      "/srv/box/rootfs/bin/clean"}]}}}
    good-files: {"config.json": {"ociVersion": "1.0.2", "root": {"path": "/srv/box/rootfs"}, "hooks": {"poststop": [{"path": "/usr/bin/clean"}]}}}
    """
    root = posixpath.normpath(bundle.path(get(config, "root", "path") or "\0"))
    for name in HOOKS:
        for pointer, hook in each(config, "hooks", name):
            path = hook.get("path") or ""
            if name == "startContainer" or not path.startswith("/"):
                continue
            if "\0" not in root and root != "/" and posixpath.normpath(path).startswith(root + "/"):
                yield f"{pointer}/path", f"{path} can be changed from inside, and runs on the host"
            elif bundle.mode(path) & 0o002 and not bundle.is_link(path):
                yield f"{pointer}/path", f"{path} can be written by everybody, and runs on the host"


@rule
@about("annotations")
def magic_annotations(config: Any) -> Found:
    """SEC311 magic-annotation: no annotation changes what the runtime does.

    crun, podman, systemd's driver and containerd obey annotations: who may set them sets more than labels.

    section: advice
    severity: warning
    rows: SEC36
    reference: features.md, potentiallyUnsafeConfigAnnotations
    engines: yes
    bad: {"annotations": {"run.oci.keep_original_groups": "1"}}
    good: {"annotations": {"com.example.team": "blue"}}
    """
    for pointer, key, _ in entries(config, "annotations"):
        if key == "bundle" or key.startswith(_MAGIC[1:]):
            yield pointer, f"the annotation {key[:80]} changes what runtimes do"


@rule
@about("process/terminal")
def host_terminal(config: Any) -> Found:
    """SEC312 host-terminal: a terminal comes with a filter that stops TIOCSTI.

    Input pushed into a terminal that is also the caller's runs as the caller. Kernels since 6.2 can switch it off.

    section: advice
    severity: info
    rows: SEC41
    reference: CVE-2017-5226
    bad: {"process": {"terminal": true}, "linux": {"seccomp": null}}
    good: {"process": {"terminal": false}}
    """
    if get(config, "process", "terminal") and "linux" in config and "seccomp" not in config["linux"]:
        yield "/process/terminal", "a terminal without a filter of system calls: input can be pushed to the caller"
