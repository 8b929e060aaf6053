"""Live tests: a configuration compiled to a plan, the plan executed by the real launcher, as root or as an ordinary user."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.live.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import User

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

#: What a plan is made and executed with, in a process of its own: argv[1] is the job.
RUNNER = """
import json, sys
from contain.errors import ContainError
from contain.host.model import Host
from contain.host.probe import probe
from contain.launcher import spawn
from contain.plan.compile import compile_run
from contain.plan.encode import encode
from contain.plan.wanted import wanted
from contain.spec import defaults
from contain.spec.model import RunOptions, Spec
job = json.loads(sys.argv[1])
try:
    if "options" in job:
        from contain.spec.options import Options
        from contain.spec.sources import hostview
        spec = hostview.read("", Options(**job["options"]))
    else:
        config = defaults.fill(job["config"])
        spec = Spec(config, kind=job["kind"], bundle=job["bundle"], root=job["root"], run=RunOptions(**job["run"]))
    host = probe(wanted(spec))
    if job.get("kernel"):
        host = Host(**{**host.values(), "kernel": tuple(job["kernel"])})
    plan = compile_run(spec, host)
except ContainError as problem:
    print("\\n".join(problem.lines()), file=sys.stderr)
    sys.exit(problem.exit_code)
for warning in spec.warnings:
    print(f"warning: {warning}", file=sys.stderr)
for number in job.get("missing", ()):  # a filter that answers ENOSYS, as an older kernel would
    import ctypes, struct
    code = struct.pack("<" + "HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 0x06, 0, 0, 0x50026, 0x06, 0, 0, 0x7FFF0000)
    text = ctypes.create_string_buffer(code)
    program = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
spawn.execute(encode(plan), trace=job["trace"])
"""

NAMESPACES = ("pid", "mount", "ipc", "uts", "network", "cgroup")


class Ran(NamedTuple):
    """How a container ended."""

    code: int
    out: str
    err: str


def config_of(*args: str, user_namespace: bool = False, **members: Any) -> dict[str, Any]:
    """A configuration with all namespaces and the usual mounts; members replace its own, those of `linux` and `process` are merged."""
    config: dict[str, Any] = {
        "ociVersion": "1.3.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(args) or ["/bin/true"],
            "env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"],
            "cwd": "/",
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
            },
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
            },
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {"namespaces": [{"type": name} for name in (*NAMESPACES, *(["user"] if user_namespace else []))]},
    }
    config = copy.deepcopy(config)
    for name in ("linux", "process"):
        config[name].update(members.pop(name, {}))
    config.update(members)
    return config


def shell(script: str, **members: Any) -> dict[str, Any]:
    """The same, running a script of busybox's shell."""
    return config_of("/bin/sh", "-c", script, **members)


def _run(job: dict[str, Any], user: User | None, text: str, popen: dict[str, Any]) -> Ran:
    options: dict[str, Any] = user.options() if user else {"env": {**os.environ, "PYTHONPATH": TOP}, "cwd": "/"}
    python = user.python if user else sys.executable
    argv = [*job.pop("within", ()), python, "-c", RUNNER, json.dumps(job)]
    given = {} if "stdin" in popen else {"input": text}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **{**given, **options, **popen})
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run_host(launcher: str) -> Callable[..., Ran]:
    """`run_host(*command, user=None, cwd="/", environ=None, **options) -> Ran`: what `contain run -- COMMAND` runs."""

    def execute(*command: str, user: User | None = None, cwd: str = "/", environ: dict[str, str] | None = None, **options: Any) -> Ran:
        surroundings = {"HOME": user.home if user else "/root", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **(environ or {})}
        job = {"options": {"command": list(command), "cwd": cwd, "environ": surroundings, **options}, "trace": False}
        return _run(job, user, "", {})

    return execute


@pytest.fixture
def run_spec(rootfs: str, launcher: str, request: pytest.FixtureRequest) -> Callable[..., Ran]:
    """`run_spec(config, user=None, root=None, run=None, kind="oci", input="", trace=False, env=None) -> Ran(code, out, err)`.

    With `user` (the fixture of that name) all of it happens as that user, in a root that it owns and in a user namespace. `kernel` is
    the version that the plan is made for, `missing` the numbers of system calls that answer ENOSYS to the launcher (root only),
    `within` a command in front of it all.
    """

    def execute(
        config: dict[str, Any],
        *,
        user: User | None = None,
        root: str | None = None,
        run: dict[str, Any] | None = None,
        kind: str = "oci",
        text: str = "",
        trace: bool = False,
        kernel: tuple[int, int] | None = None,
        missing: tuple[int, ...] = (),
        within: list[str] | None = None,
        **popen: Any,
    ) -> Ran:
        if root is None:
            root = request.getfixturevalue("user_rootfs") if user else rootfs
        config = copy.deepcopy(config)
        kinds = {row["type"] for row in config["linux"]["namespaces"]}
        if user and "user" not in kinds:
            config["linux"]["namespaces"].append({"type": "user"})
        bundle = os.path.dirname(root) or "/"
        job = {"config": config, "bundle": bundle, "root": root, "kind": kind, "run": run or {}, "trace": trace, "kernel": kernel}
        job |= {"missing": missing, "within": within or []}
        return _run(job, user, text, popen)

    return execute


@pytest.fixture(autouse=True)
def _root_only() -> None:
    """These tests make namespaces and users; the ordinary user is played by root's tests."""
    if os.getuid() != 0:
        pytest.skip("needs root (it plays the ordinary user too)")


@pytest.fixture
def mounted() -> Iterator[Callable[..., Path]]:
    """`mounted(folder, shared=False, options="")`: makes the folder and mounts a tmpfs on it; all of them go at the end."""
    made: list[Path] = []

    def mount(folder: Path, *, shared: bool = False, options: str = "rw") -> Path:
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
        made.append(folder)
        subprocess.run(["mount", "--make-shared" if shared else "--make-private", str(folder)], check=True)
        return folder

    yield mount
    for folder in reversed(made):
        subprocess.run(["umount", "-R", "-l", str(folder)], check=False, capture_output=True)


@pytest.fixture
def runtime(contain: Callable[..., subprocess.CompletedProcess[str]], make_bundle: Callable[..., str], tmp_path: Path) -> Iterator[Runtime]:
    """A runtime that leaves nothing behind."""
    found = Runtime(contain, str(tmp_path / "state"), make_bundle)
    yield found
    for name in found.ids:
        assert found("delete", "--force", name).returncode == 0
    assert os.listdir(found.root) == [] if os.path.isdir(found.root) else True
