"""The process: what it executes, as whom, with which limits and capabilities."""

from __future__ import annotations

from contain.linux import CAPABILITIES, RLIMITS
from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec


def version(spec: Spec) -> Iterator[Finding]:
    """Releases 1.x are one line; what is newer than ours may hold words that nobody here knows."""
    major, _, rest = spec.config["ociVersion"].partition(".")
    minor = rest.partition(".")[0]
    if major != "1" or not minor.isdecimal():
        yield Finding(
            "RUN016",
            "/ociVersion",
            f"version {spec.config['ociVersion']!r} of the runtime-spec is unknown",
            "write a version from 1.0.0 to 1.3.0",
        )
    elif int(minor) > 3:
        yield Finding(
            "RUN008", "/ociVersion", f"version {spec.config['ociVersion']} is newer than 1.3, what it added is ignored", "", error=False
        )


def command(spec: Spec) -> Iterator[Finding]:
    """There is a command, and nothing of it holds a NUL byte."""
    process = spec.config["process"]
    if not process["args"]:
        remedy = 'add "args": ["/bin/sh"] to process' if spec.kind == "oci" else "write the command after --"
        yield Finding("RUN213", "/process/args", "there is no command to run", remedy)
    elif not process["args"][0]:
        yield Finding("RUN213", "/process/args/0", "the command is empty", "write the path or name of a program")
    for key in ("args", "env"):
        for index, text in enumerate(process[key]):
            if "\0" in text:
                yield Finding("DOC008", f"/process/{key}/{index}", "contains a NUL byte", "remove it: the kernel ends a text there")
    for index, text in enumerate(process["env"]):
        if not text.partition("=")[0] or "=" not in text:
            yield Finding("RUN216", f"/process/env/{index}", f"{text!r} is not NAME=VALUE", "write a name before = and the value behind it")
    if not process["cwd"].startswith("/"):
        yield Finding("RUN212", "/process/cwd", f"{process['cwd']!r} is not an absolute path", f"write /{process['cwd']}")
    if "\0" in process["cwd"]:
        yield Finding("DOC008", "/process/cwd", "contains a NUL byte", "remove it: the kernel ends a text there")


def terminal(spec: Spec) -> Iterator[Finding]:
    """Somebody takes the terminal of a detached container."""
    run, wants = spec.run, spec.config["process"]["terminal"]
    if run.detach and wants and not run.console_socket:
        yield Finding(
            "RUN203",
            "/process/terminal",
            "a detached container cannot have a terminal without --console-socket",
            "give --console-socket, or set process.terminal to false",
        )
    if run.console_socket and not wants:
        yield Finding("RUN203", "--console-socket", "no terminal is wanted", "give --tty, set process.terminal to true, or drop the option")


def rlimits(spec: Spec) -> Iterator[Finding]:
    """Known names, once each, soft at most hard."""
    seen: set[str] = set()
    for index, row in enumerate(spec.config["process"].get("rlimits") or ()):
        pointer, kind = f"/process/rlimits/{index}", row["type"]
        if kind not in RLIMITS:
            yield Finding("RUN219", f"{pointer}/type", f"unknown limit {kind}", "one of " + ", ".join(sorted(RLIMITS)))
        if kind in seen:
            yield Finding("RUN218", f"{pointer}/type", f"{kind} is set twice", "keep one of the two")
        seen.add(kind)
        if row["soft"] > row["hard"]:
            yield Finding(
                "RUN220",
                f"{pointer}/soft",
                f"the soft limit {row['soft']} is above the hard limit {row['hard']}",
                "lower soft or raise hard",
            )


def capabilities(spec: Spec) -> Iterator[Finding]:
    """The kernel's own rules of capset(2) and prctl(2); a name that it does not know is only worth a word."""
    sets = spec.config["process"].get("capabilities") or {}
    for kind, names in sets.items():
        for index, name in enumerate(names or ()):
            if name not in CAPABILITIES:
                yield Finding("RUN222", f"/process/capabilities/{kind}/{index}", f"unknown capability {name} is ignored", "", error=False)
    permitted = set(sets.get("permitted") or ())
    # ambient ones beyond permitted and inheritable are dropped, not refused: `runc spec` itself writes such documents
    for index, name in enumerate(sets.get("effective") or ()):
        if name not in permitted and name in CAPABILITIES:
            at = f"/process/capabilities/effective/{index}"
            yield Finding("RUN223", at, f"{name} is effective but not permitted", "add it to permitted, or remove it here")


RULES = (version, command, terminal, rlimits, capabilities)
