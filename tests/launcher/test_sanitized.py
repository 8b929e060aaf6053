"""The launcher under AddressSanitizer and UBSan: real runs, and a bounded time of nonsense for its two decoders.

Not marked live: the guest, for which that mark is, takes minutes to compile it.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from contain.launcher.spawn import argv, sealed
from contain.plan.encode import encode
from contain.plan.operations.namespaces import CreateProcess
from contain.plan.operations.process import Execute
from contain.plan.operations.security import LoadSeccomp
from contain.plan.operations.state import PublishState
from contain.plan.operations.supervise import Supervise
from contain.plan.operations.terminal import OpenTerminal
from contain.plan.plan import Plan
from tests.conftest import TOP
from tests.live.conftest import shell
from tests.live.launch import plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(600)  # the first one compiles

SOURCES = f"{TOP}/contain/launcher/src"
FLAGS = [
    "-std=c17",
    "-D_GNU_SOURCE",
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
]
#: leaks are not looked for: everything lives until the process ends, by design
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
ROUNDS = {"fuzz-plan": 60_000, "fuzz-protocol": 600}


@pytest.fixture(scope="session")
def harness(tmp_path_factory: Any) -> str:
    """The launcher with sanitizers and fuzzers inside (harness.c)."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc: apt-get install gcc")
    path = str(tmp_path_factory.mktemp("sanitized") / "contain-launcher")
    sources = [f"{TOP}/tests/launcher/harness.c"]
    for folder in ("", "operations/", "front/"):
        sources += sorted(glob.glob(f"{SOURCES}/{folder}*.c"))
    done = subprocess.run(["gcc", *FLAGS, f"-I{SOURCES}", "-o", path, *sources], capture_output=True, text=True, check=False)
    if "cannot find -lasan" in done.stderr:
        pytest.skip("no libasan: apt-get install gcc")
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("kind", ROUNDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_fuzz(harness, tmp_path, kind, seed):
    """Nonsense is refused, or means something, but is never read or written beyond its end, and leaves no descriptor behind."""
    operations = [
        Supervise(),
        CreateProcess(flags=0, types=""),
        OpenTerminal(uid=0),
        PublishState(status="created"),
        LoadSeccomp(program=b"\x06\0\0\0\0\0\xff\x7f", flags=0, summary="everything", socket=30, state="\x01pid\x01"),
        Execute(args=["true", "a", ""], env=["A=b"]),
    ]
    path = tmp_path / "plan"
    path.write_bytes(encode(Plan(operations)))
    command = [harness, kind, str(seed), str(ROUNDS[kind]), str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def run(harness: str, busybox: str, tmp_path: Any) -> Callable[..., tuple[int, str, str]]:
    """`run(script, run={…}, **members)`: a container launched by the sanitized launcher; (code, out, err)."""
    if os.getuid() != 0:
        pytest.skip("needs root")

    def go(script: str, run: dict[str, Any] | None = None, **members: Any) -> tuple[int, str, str]:
        plan = sealed("plan", plan_of(shell(script, **members), busybox, **{"state_root": f"{tmp_path}/state", **(run or {})}))
        try:
            done = subprocess.run(
                argv(str(plan)),
                executable=harness,
                pass_fds=(plan,),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=ENVIRONMENT,
                timeout=100,
                check=False,
            )
        finally:
            os.close(plan)
        assert "Sanitizer" not in done.stderr, done.stderr
        assert "runtime error" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return go


@pytest.mark.parametrize("init", [False, True])
def test_whole_run(run, init):
    """Everything on: name, cgroups, hooks, a pid file, a limit in time."""
    hooks = {
        kind: [{"path": "/bin/true"}]
        for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    }
    code, said, errors = run("echo hi; exit 3", {"name": "a", "init": init, "timeout": 60}, hooks=hooks)
    assert (code, said) == (3, "hi\n"), errors


def test_terminal(run):
    """A terminal without one of ours at the other end."""
    code, out, _ = run("tty; exit 4", {"tty": True, "init": True})
    assert (code, out.split()) == (4, ["/dev/pts/0"])


def test_failures(run):
    """Failures of hooks, of the program, of a mount, and a limit that fires."""
    assert run("true", hooks={"prestart": [{"path": "/bin/false"}]})[0] == 125
    assert run("true", mounts=[{"destination": "/mnt", "type": "nonsense", "source": "x"}])[0] == 125
    assert run("sleep 1000", {"timeout": 0.3, "init": True})[0] == 124
    assert run("kill -KILL $$", {"init": True})[0] == 128 + signal.SIGKILL


def test_refuses_what_is_no_plan(harness, tmp_path):
    """A plan that is not sealed, cut, or of another build is refused before anything is done."""
    data = encode(Plan([Supervise()]))

    def start(plan: int) -> tuple[int, str]:
        done = subprocess.run(
            argv(str(plan)), executable=harness, pass_fds=(plan,), capture_output=True, text=True, env=ENVIRONMENT, check=False
        )
        os.close(plan)
        return done.returncode, done.stderr

    (tmp_path / "plan").write_bytes(data)
    assert start(os.open(tmp_path / "plan", os.O_RDONLY)) == (125, "contain-launcher: the plan is not sealed\n")
    assert start(sealed("plan", data[:-1])) == (125, "contain-launcher: the plan is malformed\n")
    assert start(sealed("plan", b"x" * 100)) == (125, "contain-launcher: this is no plan\n")
    other = data[:8] + bytes(16) + data[24:]
    assert start(sealed("plan", other)) == (
        125,
        "contain-launcher: the plan was made for another build of the launcher: run `make build`\n",
    )
    assert start(sealed("plan", data)) == (0, "")
