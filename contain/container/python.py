"""run_python: a text of Python run by an interpreter of this host, with chosen packages to be seen and nothing else."""

from __future__ import annotations

import os
import sys

from contain.container.job import RUN_OPTIONS, is_text, listed, place
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Unpack

    from contain.container.options import AllOptions
    from contain.container.result import Result

#: where the packages are seen: a folder in memory of the host view
MODULES = "/mnt/python"
#: small limits, each only where it can be had; one that the caller gives is a demand
LIMITS = {"memory": "256m", "pids_limit": 64, "disk": "64m"}
TIME = 10.0

_START = """
import sys
sys.path.append({modules!r})
with open({fd}, "rb") as _file:
    _code = compile(_file.read(), "<source>", "exec")
del _file
exec(_code)
"""


class Call:
    """A call of run_python: options of the sandbox, the command, options of the run; close() it when the run is over."""

    __slots__ = ("command", "fd", "run", "sandbox")

    def __init__(
        self,
        source: str | bytes,
        args: Sequence[str],
        packages: Sequence[str],
        python: str | os.PathLike[str] | None,
        options: dict[str, Any],
    ) -> None:
        """UsageError for packages that are not there."""
        for name in ("rootfs", "image", "spec"):
            if options.get(name) is not None:
                raise UsageError(f"run_python runs an interpreter of this host: {name} is not for it", remedy="use run with that option")
        args, packages = _texts("args", args), _texts("packages", packages)
        self.run = {"text": True, "timeout": TIME, "cwd": "/tmp", **{name: options[name] for name in RUN_OPTIONS if name in options}}
        given = {name: value for name, value in options.items() if name not in RUN_OPTIONS}
        prefix, program, shown = interpreter(python, packages)
        volumes = [f"{path}:{MODULES}/{name}:ro" for name, path in shown.items()]
        volumes += [] if prefix in {"/", "/usr"} or prefix.startswith("/usr/") else [f"{prefix}:{prefix}:ro"]
        volumes += [*_rows(given.pop("volume", ())), *_rows(given.pop("volumes", ()))]
        self.sandbox = {"workspace": "none", **LIMITS, **given, "volume": volumes}
        missing = [name for name in ("memory", "pids", "swap") if name not in given and f"{name}_limit" not in given]
        self.sandbox["allow_missing"] = [*missing, *_rows(given.get("allow_missing", ()))]
        try:
            view = memoryview(source.encode() if isinstance(source, str) else source).cast("B")
        except (TypeError, UnicodeEncodeError) as problem:
            raise UsageError(f"source: {problem}", remedy="give a text, or its bytes") from None
        self.fd = os.memfd_create("source", os.MFD_CLOEXEC)
        while view:
            view = view[os.write(self.fd, view) :]
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.run["pass_fds"] = [self.fd, *options.get("pass_fds", ())]
        start = _START.format(modules=MODULES, fd=self.fd)
        self.command = [program, "-I", "-S", "-B", "-c", start, *args]

    def close(self) -> None:
        """Frees what is ours."""
        os.close(self.fd)


def run_python(
    source: str | bytes,
    *,
    args: Sequence[str] = (),
    packages: Sequence[str] = (),
    python: str | os.PathLike[str] | None = None,
    **options: Unpack[AllOptions],
) -> Result[Any]:
    """Runs a text of Python, with `args` as sys.argv[1:], by this interpreter or by the one at `python`.

    `packages` names distributions that are installed for that interpreter; they and what they require can be imported, read-only, and
    nothing else but the standard library. There is no network, no folder of the caller, and unless they are given: `timeout` of 10 s,
    `memory` of 256m, `pids_limit` of 64, `disk` of 64m, the last three where they can be had. All other options are those of run().
    """
    from contain.container.sandbox import Sandbox

    call = Call(source, args, packages, python, dict(options))
    try:
        return Sandbox(**call.sandbox).run(call.command, **call.run)
    finally:
        call.close()


def interpreter(python: str | os.PathLike[str] | None, packages: Sequence[str]) -> tuple[str, str, dict[str, str]]:
    """Prefix and program of an interpreter, and the entries of its packages."""
    if python is None:
        from contain.container.packages import resolve

        try:
            return sys.base_prefix, os.path.realpath(sys.executable), resolve(packages) if packages else {}
        except LookupError as problem:
            raise UsageError(str(problem), remedy=f"install it for {sys.executable}, or name another interpreter by python=") from None
    from subprocess import run

    from contain.container import packages as program

    path = os.path.abspath(place("python", python))
    try:
        found = run([path, "-I", program.__file__, *packages], capture_output=True, text=True, check=False)
    except OSError as problem:
        raise UsageError(f"python={path!r} cannot be run: {problem.strerror}", remedy="give the path of an interpreter") from None
    if found.returncode or "\0" not in found.stdout:
        said = (found.stderr.splitlines() or ["it is no interpreter of Python"])[-1]
        raise UsageError(f"{path}: {said}", remedy="give the path of an interpreter that has these packages")
    prefix, executable, *rows = found.stdout.split("\0")
    return prefix, executable, dict(zip(rows[::2], rows[1::2], strict=True))


def _texts(name: str, given: Any) -> list[str]:
    if isinstance(given, (str, bytes)):
        raise UsageError(f"{name} is one text: {given!r}", remedy=f"write [{given!r}]")
    found = [os.fspath(one) if isinstance(one, os.PathLike) else one for one in listed(name, given)]
    for one in found:
        if not is_text(one):
            raise UsageError(f"{name} has what is no text: {one!r}", remedy="give texts without NUL")
    return found


def _rows(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}:{text}" for key, text in value.items()]
    return [value] if isinstance(value, str) else list(value or ())
