"""Sandbox: everything that a run is kept in, checked and planned once; run(): a sandbox for one command."""

from __future__ import annotations

import os

from contain.container.job import RUN_OPTIONS, Job, bound, check_open, place, positive, variables, words
from contain.container.result import Layers
from contain.container.steps import Launch, drive
from contain.container.steps import run as run_steps
from contain.container.variant import Variant
from contain.errors import LaunchError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Unpack, overload

    from contain.container.container import Container
    from contain.container.isolation import Isolation
    from contain.container.job import Command
    from contain.container.member import Network
    from contain.container.options import (
        AllBytesOptions,
        AllEncodedOptions,
        AllOptions,
        AllTextOptions,
        BytesOptions,
        EncodedOptions,
        RunOptions,
        SandboxOptions,
        StartOptions,
        TextOptions,
    )
    from contain.container.pool import Pool
    from contain.container.result import Result
    from contain.plan.compile.pool import Pooled
    from contain.plan.plan import Plan
    from contain.spec.model import Spec

#: What a run without a command of its own would execute; it only stands in the plan until a command takes its place.
PLACEHOLDER = ["/bin/true"]
TARGETS = ("rootfs", "image", "spec")
#: what each of them is to spec.sources, and how that one calls its place
KINDS = {"rootfs": "rootfs", "image": "aci", "spec": "oci"}
TARGET = "<command line>:TARGET"
#: After so many runs there will be more: then a pool of cgroups is worth its making.
OFTEN = 3
MEANING = "rootfs= is a folder, image= an .aci file or appc manifest, spec= a bundle or config.json"


class Sandbox:
    """A sandbox, to be run many times with other commands; frozen, and safe to use from any thread or forked worker.

    Exactly one of `rootfs` (a folder), `image` (an .aci file or appc image manifest) and `spec` (a bundle, a config.json, or what that says
    as a mapping, copied now, with paths beside the working folder); with none of them the commands run in the safe view of this host. All other
    options are those of `contain run`, `-` as `_`: `Sandbox(rootfs="root", memory="64m", network="none", env={"A": "b"})`.

    Each run starts from the same files: what it writes into the root goes to a layer in memory that ends with it, unless `keep=True`
    (then it stays: in the folder of `rootfs`, or for an archive as long as the sandbox) or a `spec` says what is written where.

    Raises UsageError, ManifestError or HostError: what is asked for and cannot be had is an error before anything runs, unless it is
    named in `allow_missing`.
    """

    __slots__ = (
        "__weakref__",
        "_bound",
        "_layers",
        "_limited",
        "_mapping",
        "_network",
        "_newer",
        "_options",
        "_parent",
        "_plan",
        "_pooled",
        "_pools",
        "_runs",
        "_target",
        "_unpacked",
        "_variants",
        "spec",
    )

    spec: Spec
    _newer: Sandbox | None

    def __init__(self, **options: Unpack[SandboxOptions]) -> None:
        """Checks and plans."""
        given: dict[str, Any] = dict(options)
        targets = [name for name in TARGETS if given.get(name) is not None]
        if len(targets) > 1:
            raise UsageError(
                f"{targets[0]} and {targets[1]} may not both be given", remedy="give one of rootfs, image, spec, or none of them"
            )
        self._options = {name: value for name, value in given.items() if name not in TARGETS}
        target = given[targets[0]] if targets else ""
        self._mapping = None
        if not isinstance(target, (str, os.PathLike)):
            from contain.container.keywords import plain

            self._mapping = plain(targets[0], target)
        self._target = "" if self._mapping is not None else os.fspath(target)
        self._parent: Sandbox | None = None
        network = given.get("network")
        if network is not None and not isinstance(network, str) and (isinstance(network, type) or not hasattr(network, "attach")):
            raise UsageError(f"network={network!r} is no network", remedy="give 'none', 'host' or a contain.Network")
        self._network: Network | None = None if isinstance(network, str) else network
        self._compile(targets[0] if targets else "")

    def __setattr__(self, name: str, value: Any) -> None:
        """Frozen: whoever shares it finds it as it was."""
        if not name.startswith("_"):
            raise AttributeError(f"a Sandbox is frozen: replace({name}=…) gives another one")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its options: the other process plans for itself."""
        return _again, (type(self), {**self._own_target(), **self._options})

    def __enter__(self) -> Sandbox:
        """Itself; the end of the block is close()."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """See close()."""
        self.close()

    def close(self) -> None:
        """Removes what was unpacked of an archive, which cannot run then, and the cgroups of its runs; else the end of object or process does."""
        self._pools.clear()
        if self._unpacked:
            self._unpacked()

    def named(self, name: str) -> Sandbox:
        """The same sandbox under a name, so that other verbs find its container."""
        return self._derived("name", name)

    def _derived(self, option: str, value: Any) -> Sandbox:
        """The same with one option of the run set; what was read and unpacked for this one serves it too."""
        from copy import copy

        found = copy(self.spec)
        found.run = copy(self.spec.run)
        found.warnings = list(self.spec.warnings)
        setattr(found.run, option, value)
        other = object.__new__(type(self))
        other._options, other._parent = {**self._options, option: value}, self
        other._target, other._mapping = self._target, self._mapping
        other._network = self._network
        other._take(found)
        if option != "name":  # ours alone, and kept by us: in a circle the pool would wait for the collector
            other._parent = None
        return other

    def _current(self) -> Sandbox:
        """This one, or one planned anew because sockets were bound on the host since then: a clone of a folder would show them."""
        own = self._newer or self
        if not bound(self.spec) <= own._bound:  # noqa: SLF001  our own kind
            own = self._newer = self._derived("host_view", True)
        return own

    def _take(self, spec: Spec) -> None:
        """Plans it for the host as it is now."""
        from contain.host.probe import probe
        from contain.plan.compile import compile_run
        from contain.plan.wanted import wanted

        object.__setattr__(self, "spec", spec)
        self._newer = None
        self._bound = bound(spec)  # before the host is looked at
        self._plan: Plan = compile_run(spec, probe(wanted(spec)))
        self._runs = 0
        self._pooled: Pooled | None = None
        self._pools: dict[Any, Pool] = self._parent._pools if self._parent else {}  # noqa: SLF001  our own kind
        self._variants: dict[Any, bytes] = {}
        self._limited: dict[float, Sandbox] = {}
        self._layers = Layers(self._plan, spec.warnings)
        self._unpacked: Callable[[], Any] | None = None

    def _compile(self, kind: str) -> None:
        from contain.container.keywords import clean, is_thrown_away, obey_strict, table_options
        from contain.spec import semantics, sources

        options = clean(self._options, kind)
        if self._network is not None:
            options["network"] = "none"  # what makes a run a member is each run's own
        given = table_options(options)
        if self._network is not None:  # before the user's own, which may hide it
            given.values["volume"] = [f"{self._network.hosts}:/etc/hosts:ro", *given.values.get("volume", [])]
        if kind in {"image", "spec"}:
            given.otherwise = PLACEHOLDER
        else:
            given.command = PLACEHOLDER
        try:
            spec = sources.read(self._target if self._mapping is None else self._mapping, given, KINDS.get(kind, ""))
        except UsageError as problem:
            if problem.place != TARGET:
                raise
            remedy = problem.remedy if os.path.isdir(self._target) else ""  # else it speaks of the command line
            raise UsageError(problem.message, place=f"{kind}=", remedy=remedy or MEANING) from None
        spec.run.measure = True  # a result says what was used
        spec.run.interactive = True  # what stdin is, each run says by the descriptor that it passes
        if is_thrown_away(self._options, kind):
            spec.run.overlay = True
        spec.run.network = "member" if self._network is not None else spec.run.network
        folders, spec.run.temporary = spec.run.temporary, []  # the sandbox's, not a run's
        try:
            semantics.require(spec)
            self._take(spec)
            obey_strict(spec)
        except BaseException:
            remove(folders, os.getpid())
            raise
        if folders:
            from weakref import finalize

            self._unpacked = finalize(self, remove, folders, os.getpid())

    @property
    def isolation(self) -> Isolation:
        """The layers that hold for a run, as the plan has them."""
        return self._layers.isolation

    @property
    def network(self) -> Network | None:
        """The one that its runs are members of."""
        return self._network

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not as the manifest asks for."""
        return tuple(self.spec.warnings)

    def replace(self, **options: Unpack[SandboxOptions]) -> Sandbox:
        """Another sandbox that differs in these options."""
        target = {} if any(name in options for name in TARGETS) else self._own_target()
        given: dict[str, Any] = {**target, **self._options, **options}
        return type(self)(**given)

    def _own_target(self) -> dict[str, Any]:
        if self._mapping is not None:
            return {"spec": self._mapping}
        if not self._target:
            return {}
        return {{"rootfs": "rootfs", "aci": "image"}.get(self.spec.kind, "spec"): self._target}

    def plan(
        self, cmd: Command = (), *, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] = "", timeout: float | None = None
    ) -> Plan:
        """The plan of a run of `cmd`, or of the sandbox's own command."""
        return Variant(words(cmd) if cmd else [], variables(env), place("cwd", cwd), positive("timeout", timeout)).of(self._plan)

    def _encoded(self, variant: Variant, pool: Pool | None = None) -> bytes:
        key = None if variant.member else (variant.key(), pool and pool.name)  # a member has a place of its own
        found = self._variants.get(key)
        if found is None:
            from contain.plan.encode import encode

            found = encode(variant.of(self._pooled.of_run(pool.name) if pool and self._pooled else self._plan))
            if len(self._variants) >= 64:
                self._variants.clear()
            if key:
                self._variants[key] = found  # without a lock, which a forked child might find taken: the same key has the same value
        return found

    def _pool(self) -> Pool | None:
        """Where a run of one that has run a few times takes its cgroups from."""
        runs = self._runs = self._runs + 1  # an own one: another thread may count on before we look
        if runs <= OFTEN:
            return None
        from contain.container.pool import pool_of
        from contain.plan.compile.pool import pooled

        if runs == OFTEN + 1:
            self._pooled = pooled(self._plan, os.geteuid())
        return pool_of(self._pooled, self._pools) if self._pooled else None

    if TYPE_CHECKING:

        @overload
        def run(self, cmd: Command | None = None, **options: Unpack[TextOptions]) -> Result[str]: ...

        @overload
        def run(self, cmd: Command | None = None, **options: Unpack[EncodedOptions]) -> Result[str]: ...

        @overload
        def run(self, cmd: Command | None = None, **options: Unpack[BytesOptions]) -> Result[bytes]: ...

        @overload
        def run(self, cmd: Command | None = None, **options: Unpack[RunOptions]) -> Result[Any]: ...

    def run(self, cmd: Command | None = None, **options: Unpack[RunOptions]) -> Result[Any]:
        """Runs a command to its end, without one that of the image or spec; the options are as of subprocess.run where they have its names.

        `input`, `stdin` (DEVNULL unless given), `stdout`, `stderr` (captured unless given); `text`, `encoding`, `errors`; `env` (added to the
        sandbox's), `cwd` (inside), `pass_fds` (kept under their numbers); `timeout` and `cpu_time` in seconds (or "1m30s"); `output_limit` (bytes of
        each captured stream; 1 MiB, head and tail, unless given) with `on_excess`: "tail", "drain" (keeps the head) or "kill"; `member`
        is the name that it has in the sandbox's network.

        A limit that fires is a Result, and an exception only with `check=True`.
        Raises LaunchError when the command cannot be started, Failed (TimedOut, OutOfMemory …) with `check`.
        """
        job, result = self._job(cmd, dict(options)), None
        try:
            launch = Launch(job.plan, job.streams, job.given, brief=True)
            try:
                result = drive(run_steps(launch, job.streams, job.args))
            except LaunchError:
                if not job.lost_pool(launch):
                    raise
            finally:
                launch.close()
        finally:
            job.close()
        return self.run(cmd, **options) if result is None else job.settle(result)

    def start(self, cmd: Command | None = None, **options: Unpack[StartOptions]) -> Container:
        """Starts a command and comes back while it runs; options as of run(), without `check`.

        stdout and stderr go to logs that can be read meanwhile (Container.logs) unless given. Use it in `with`: the end of the block ends
        the container. Raises LaunchError when the command cannot be started.
        """
        from contain.container.container import Container

        return Container(self, self._words(cmd), dict(options))

    def _words(self, cmd: Command | None) -> list[str]:
        check_open(self)
        if cmd is not None:
            return words(cmd)
        own: list[str] = self.spec.config["process"]["args"]
        if self.spec.kind not in {"aci", "oci"} or own is PLACEHOLDER:
            raise UsageError("there is no command", remedy='write ["program", "argument"]; only an image or a spec may have one of its own')
        return own

    def _job(self, cmd: Command | None, options: dict[str, Any], log: str = "", *, driven: bool = True) -> Job:
        """One run, its streams open (the driver closes them)."""
        args = self._words(cmd)
        own = self._with_limit(options.get("cpu_time"))._current()  # noqa: SLF001  our own kind
        job = Job(args, options, log=log, driven=driven)
        try:
            cwd, timeout = place("cwd", options.get("cwd") or ""), positive("timeout", options.get("timeout"))
            job.join(own._network, options.get("member") or "")  # noqa: SLF001
            variant = Variant(args, variables(options.get("env")), cwd, timeout, preserve=job.preserve, member=job.member)
            job.pool = own._pool() if driven else None  # noqa: SLF001  kept with the job: it is there for as long as the run
            job.plan, job.layers = own._encoded(variant, job.pool), own._layers  # noqa: SLF001
            job.version = job.layers.version
        except BaseException:
            job.close()
            raise
        return job

    def _with_limit(self, given: float | str | None) -> Sandbox:
        """This one with another limit of processor time, which is a matter of cgroups; planned once for each limit."""
        seconds = positive("cpu_time", given)
        if seconds is None:
            return self
        found = self._limited.get(seconds)
        if found is None:
            found = self._limited[seconds] = self._derived("cpu_time", seconds)
        return found


if TYPE_CHECKING:

    @overload
    def run(cmd: Command | None = None, **options: Unpack[AllTextOptions]) -> Result[str]: ...

    @overload
    def run(cmd: Command | None = None, **options: Unpack[AllEncodedOptions]) -> Result[str]: ...

    @overload
    def run(cmd: Command | None = None, **options: Unpack[AllBytesOptions]) -> Result[bytes]: ...

    @overload
    def run(cmd: Command | None = None, **options: Unpack[AllOptions]) -> Result[Any]: ...


def run(cmd: Command | None = None, **options: Unpack[AllOptions]) -> Result[Any]:
    """Runs one command in a sandbox of its own; the options are those of Sandbox and of Sandbox.run."""
    given: dict[str, Any] = dict(options)
    own = {name: given.pop(name) for name in RUN_OPTIONS if name in given}
    with Sandbox(**given) as sandbox:
        return sandbox.run(cmd, **own)


def remove(folders: list[str], owner: int) -> None:
    """Removes what was unpacked, but for a forked worker of the process that did it."""
    if os.getpid() == owner:
        from contain.spec.sources import archive

        for folder in folders:
            archive.remove(folder)


def _again(kind: type[Sandbox], options: dict[str, Any]) -> Sandbox:
    return kind(**options)
