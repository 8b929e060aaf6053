"""Sandbox: everything that a run is kept in, checked and planned once; run(): a sandbox for one command."""

from __future__ import annotations

import os
import threading

from contain.container.drive import drive
from contain.container.steps import Launch
from contain.container.steps import run as run_steps
from contain.container.streams import Streams
from contain.container.variant import Variant
from contain.errors import HostError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from contain.container.container import Container
    from contain.container.result import Result
    from contain.plan.plan import Plan
    from contain.spec.model import Spec

    Command = Sequence[str | os.PathLike[str]]

#: What a run without a command of its own would execute; it only stands in the plan until a command takes its place.
PLACEHOLDER = ["/bin/true"]
TARGETS = ("rootfs", "image", "spec")


class Sandbox:
    """A sandbox, to be run many times with other commands; frozen, and safe to use from any thread or forked worker.

    Exactly one of `rootfs` (a folder), `image` (an .aci file or appc image manifest) and `spec` (a bundle or config.json); with none of them
    the commands run in the safe view of this host. All other options are those of `contain run`, `-` as `_`:
    `Sandbox(rootfs="root", memory="64m", network="none", env={"A": "b"})`.

    Raises UsageError, ManifestError or HostError: what is asked for and cannot be had is an error before anything runs, unless it is
    named in `allow_missing`.
    """

    __slots__ = ("_lock", "_options", "_plan", "_target", "_variants", "spec")

    def __init__(self, **options: Any) -> None:
        """Checks and plans."""
        targets = [name for name in TARGETS if options.get(name) is not None]
        if len(targets) > 1:
            raise UsageError(
                f"{targets[0]} and {targets[1]} may not both be given", remedy="give one of rootfs, image, spec, or none of them"
            )
        self._options = {name: value for name, value in options.items() if name not in TARGETS}
        self._target = os.fspath(options[targets[0]]) if targets else ""
        self._lock = threading.Lock()
        self._variants: dict[Any, bytes] = {}
        self.spec: Spec
        self._plan: Plan
        self._compile()

    def named(self, name: str) -> Sandbox:
        """The same sandbox under a name, so that other verbs find its container."""
        return Sandbox(**{**self._own_target(), **self._options, "name": name})

    def _compile(self) -> None:
        from contain.container.keywords import table_options
        from contain.host.probe import probe
        from contain.plan.compile import compile_run
        from contain.plan.wanted import wanted
        from contain.spec import semantics, sources

        given = table_options(self._options)
        given.command = list(PLACEHOLDER)
        given.values["interactive"] = True  # what stdin is, each run says by the descriptor that it passes
        self.spec = sources.read(self._target, given)
        self.spec.run.measure = True  # a result says what was used
        semantics.require(self.spec)
        self._plan = compile_run(self.spec, probe(wanted(self.spec)))
        if self.spec.warnings and self.spec.run.strict:
            raise HostError(self.spec.warnings[0])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not as the manifest asks for."""
        return tuple(self.spec.warnings)

    def replace(self, **options: Any) -> Sandbox:
        """Another sandbox that differs in these options."""
        target = {} if any(name in options for name in TARGETS) else self._own_target()
        return Sandbox(**{**target, **self._options, **options})

    def _own_target(self) -> dict[str, str]:
        if not self._target:
            return {}
        return {{"rootfs": "rootfs", "aci": "image"}.get(self.spec.kind, "spec"): self._target}

    def plan(
        self, cmd: Command = (), *, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] = "", timeout: float | None = None
    ) -> Plan:
        """The plan of a run of `cmd`, or of the sandbox's own command."""
        return Variant(words(cmd) if cmd else [], env, os.fspath(cwd), timeout).of(self._plan)

    def _encoded(self, variant: Variant) -> bytes:
        from contain.plan.encode import encode

        key = variant.key()
        found = self._variants.get(key)
        if found is None:
            found = encode(variant.of(self._plan))
            with self._lock:
                if len(self._variants) >= 64:
                    self._variants.clear()
                self._variants[key] = found
        return found

    def run(
        self,
        cmd: Command,
        *,
        input: bytes | str | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        text: bool = False,
        encoding: str = "",
        check: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] = "",
        timeout: float | None = None,
    ) -> Result:
        """Runs a command to its end. `env` is added to the sandbox's; a limit that fires is a Result, and an exception only with `check`.

        stdin is DEVNULL unless given; stdout and stderr are captured unless given, head and tail up to 1 MiB each.
        Raises LaunchError when the command cannot be started, Failed (TimedOut, OutOfMemory …) with `check`.
        """
        args, data, streams, check = self._prepared(
            cmd,
            input=input,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=text,
            encoding=encoding,
            check=check,
            env=env,
            cwd=cwd,
            timeout=timeout,
        )
        try:
            launch = Launch(data, streams)
            try:
                result = drive(run_steps(launch, streams, args))
            finally:
                launch.close()
        finally:
            streams.close()
        return result.check() if check else result

    def start(self, cmd: Command, **options: Any) -> Container:
        """Starts a command and comes back while it runs; options as of run(), without `check`.

        stdout and stderr go to logs that can be read meanwhile (Container.logs) unless given. Use it in `with`: the end of the block ends
        the container. Raises LaunchError when the command cannot be started.
        """
        from contain.container.container import Container

        return Container(self, words(cmd), options)

    def _prepared(self, cmd: Command, **options: Any) -> tuple[list[str], bytes, Streams, bool]:
        """What a driver needs for one run: words, plan, open streams (the driver closes them), whether to check."""
        unknown = [name for name in options if name not in RUN_OPTIONS]
        if unknown:
            raise UsageError(f"run has no option {unknown[0]}", remedy=f"it has {', '.join(RUN_OPTIONS)}; all others belong to the Sandbox")
        args = words(cmd)
        data = self._encoded(Variant(args, options.get("env"), os.fspath(options.get("cwd") or ""), options.get("timeout")))
        encoding = options.get("encoding") or ("utf-8" if options.get("text") else "")
        streams = Streams(**{name: options.get(name) for name in ("stdin", "stdout", "stderr", "input")}, text=encoding)
        return args, data, streams, bool(options.get("check"))


def run(cmd: Command, **options: Any) -> Result:
    """Runs one command in a sandbox of its own; the options are those of Sandbox and of Sandbox.run."""
    own = {name: options.pop(name) for name in RUN_OPTIONS if name in options}
    return Sandbox(**options).run(cmd, **own)


#: Those of Sandbox.run; `env`, `cwd` and `timeout` mean the same in both.
RUN_OPTIONS = ("input", "stdin", "stdout", "stderr", "text", "encoding", "check", "env", "cwd", "timeout")


def words(cmd: Command) -> list[str]:
    """The words of a command: never a string, which would ask for a shell."""
    if isinstance(cmd, (str, bytes, os.PathLike)):
        raise UsageError(
            f"the command is one text, not a sequence: {cmd!r}", remedy='write ["program", "argument"]; for a shell ["sh", "-c", TEXT]'
        )
    found = [os.fspath(word) for word in cmd]
    if not found or any("\0" in word for word in found):
        raise UsageError("the command is empty or has a word that is no text", remedy='write ["program", "argument"]')
    return found
