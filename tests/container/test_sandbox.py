"""contain.run and Sandbox: close to subprocess.run, and nothing of it depends on the caller's own children."""

from __future__ import annotations

import array
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import contain
from tests.conftest import children

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> contain.Sandbox:
    """One sandbox for all."""
    return contain.Sandbox(rootfs=busybox)


def test_output_and_exit_code(sandbox: contain.Sandbox) -> None:
    """As subprocess.run gives them."""
    found = sandbox.run(["sh", "-c", "echo out; echo err >&2; exit 3"], text=True)
    assert (found.returncode, found.stdout, found.stderr, found.reason) == (3, "out\n", "err\n", contain.Reason.EXITED)


def test_bytes_without_text(sandbox: contain.Sandbox) -> None:
    """Bytes, untouched."""
    assert sandbox.run(["printf", "\\377\\r\\n"]).stdout == b"\xff\r\n"


def test_input_is_fed(sandbox: contain.Sandbox) -> None:
    """More than a pipe holds."""
    data = b"x" * (1 << 20)
    assert sandbox.run(["wc", "-c"], input=data).stdout.strip() == str(len(data)).encode()


def test_stdin_is_empty_by_default(sandbox: contain.Sandbox) -> None:
    """Nothing of the caller's."""
    assert sandbox.run(["cat"]).stdout == b""


def test_environment_is_added(sandbox: contain.Sandbox) -> None:
    """To the sandbox's; nothing of the caller's is there."""
    os.environ["CONTAIN_TEST_SECRET"] = "secret"
    try:
        found = sandbox.run(["env"], env={"A": "b"}, text=True).stdout
    finally:
        del os.environ["CONTAIN_TEST_SECRET"]
    assert "A=b\n" in found
    assert "SECRET" not in found


def test_working_folder(sandbox: contain.Sandbox) -> None:
    """cwd is inside the sandbox."""
    assert sandbox.run(["pwd"], cwd="/tmp", text=True).stdout == "/tmp\n"


def test_signal(sandbox: contain.Sandbox) -> None:
    """128+N, and N."""
    found = sandbox.run(["sh", "-c", "kill -KILL $$"])
    assert (found.reason, found.returncode, found.signal) == (contain.Reason.SIGNALLED, 137, 9)


def test_timeout_is_a_result(sandbox: contain.Sandbox) -> None:
    """And an exception only with check."""
    found = sandbox.run(["sleep", "100"], timeout=0.2)
    assert (found.reason, found.ok) == (contain.Reason.TIMEOUT, False)
    with pytest.raises(contain.TimedOut):
        sandbox.run(["sleep", "100"], timeout=0.2, check=True)


def test_out_of_memory_is_named(busybox: str) -> None:
    """By the kernel's own counter."""
    hungry = contain.Sandbox(rootfs=busybox, memory="8m")
    found = hungry.run(["sh", "-c", "head -c 64m /dev/zero | tail"])
    assert found.usage.oom_kills > 0


def test_missing_program(sandbox: contain.Sandbox) -> None:
    """Nothing ran: an exception in the launcher's words."""
    with pytest.raises(contain.LaunchError, match="executable file not found"):
        sandbox.run(["nonesuch"])


@pytest.mark.parametrize("words", ["script", "garbage", "too-long"])
def test_what_execve_itself_refuses(busybox: str, words: str) -> None:
    """It is there and executable, and yet no program: an error, not a result, from every way to start one; nothing after the start is done."""
    text = {"script": "#!/no/interpreter\n", "garbage": "neither\0one", "too-long": "#!/bin/sh\n"}[words]
    said = {"script": "no such file or directory", "garbage": "exec format error", "too-long": "Argument list too long"}[words]
    path = f"{busybox}/bin/{words}"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o755)
    command = [words, *(["x" * 200_000] if words == "too-long" else [])]
    box = contain.Sandbox(rootfs=busybox)
    for start in (box.run, box.start):
        with pytest.raises(contain.LaunchError, match=said) as failed:
            start(command)
        assert failed.value.remedy
    with box.start(["sleep", "1000"]) as one:
        for start in (one.exec, one.popen):
            with pytest.raises(contain.LaunchError, match=said):
                start(command)


@pytest.mark.parametrize(
    ("words", "options", "said"),
    [
        (["echo", 5], {}, "no text"),
        (["echo", "\ud800"], {}, "no text"),
        (["true"], {"env": {"A": "\ud800"}}, "no variable"),
        (["cat"], {"input": 5}, "input"),
        (["cat"], {"input": "\ud800"}, "input"),
        (["cat"], {"output_limit": -1}, "below nothing"),
    ],
)
def test_mistakes_are_of_our_own_kind(sandbox: contain.Sandbox, words: list[str], options: dict[str, Any], said: str) -> None:
    """One tree of exceptions: not what Python's own functions raise for it."""
    with pytest.raises(contain.UsageError, match=said):
        sandbox.run(words, **options)


def test_input_of_larger_items(sandbox: contain.Sandbox) -> None:
    """What is like bytes is fed as its bytes."""
    numbers = array.array("i", range(100_000))
    assert sandbox.run(["cat"], input=numbers).stdout == numbers.tobytes()


def test_check_raises_with_the_result(sandbox: contain.Sandbox) -> None:
    """The exception has output and code, and can be pickled."""
    with pytest.raises(contain.Failed) as caught:
        sandbox.run(["sh", "-c", "echo out; exit 3"], check=True)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.returncode, again.stdout) == (3, b"out\n")


def test_output_keeps_head_and_tail(sandbox: contain.Sandbox) -> None:
    """One MiB of each stream, and it says that something is missing."""
    found = sandbox.run(["sh", "-c", "echo first; head -c 4000000 /dev/zero; echo last"])
    assert found.truncated == {"stdout"}
    assert found.stdout.startswith(b"first\n")
    assert found.stdout.endswith(b"last\n")
    assert len(found.stdout) == 1 << 20


@pytest.mark.parametrize(("words", "message"), [("true", "not a sequence"), ([], "empty"), (["a\0b"], "no text")])
def test_commands_that_are_none(sandbox: contain.Sandbox, words: object, message: str) -> None:
    """A string would ask for a shell."""
    with pytest.raises(contain.UsageError, match=message):
        sandbox.run(words)  # type: ignore[arg-type]


def test_unknown_option_has_a_suggestion() -> None:
    """By the table's names."""
    with pytest.raises(contain.UsageError) as caught:
        contain.Sandbox(memroy="1g")  # type: ignore[call-arg]
    assert "memory" in caught.value.remedy


@pytest.mark.parametrize("targets", [("rootfs", "image"), ("image", "spec"), ("rootfs", "spec")])
def test_one_target(targets: tuple[str, str]) -> None:
    """Exactly one of them, or none."""
    with pytest.raises(contain.UsageError, match=f"{targets[0]} and {targets[1]} may not both be given"):
        contain.Sandbox(**dict.fromkeys(targets, "/x"))  # type: ignore[misc]


def test_host_view_needs_no_rootfs() -> None:
    """The host's own programs, safely."""
    assert contain.run(["/bin/echo", "hi"], text=True).stdout == "hi\n"


def test_foreign_waiter_makes_no_difference(sandbox: contain.Sandbox) -> None:
    """Somebody else reaps every child of this process: the record has said all."""
    stop = threading.Event()

    def reap() -> None:
        while not stop.is_set():
            try:
                os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                time.sleep(0.001)

    thief = threading.Thread(target=reap)
    thief.start()
    try:
        codes = [sandbox.run(["sh", "-c", f"exit {code}"]).returncode for code in range(10)]
    finally:
        stop.set()
        thief.join()
    assert codes == list(range(10))


def test_ignored_sigchld_makes_no_difference(sandbox: contain.Sandbox) -> None:
    """Where subprocess.run itself would say 0."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert sandbox.run(["sh", "-c", "exit 7"]).returncode == 7
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_threads_share_a_sandbox(sandbox: contain.Sandbox) -> None:
    """Eight at once, each with its own output."""
    found: dict[int, bytes] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: sandbox.run(["echo", str(n)]).stdout})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: f"{n}\n".encode() for n in range(8)}


def test_forked_worker_shares_a_sandbox(sandbox: contain.Sandbox) -> None:
    """os.fork, as multiprocessing and xdist do."""
    sandbox.run(["true"])
    pid = os.fork()
    if pid == 0:
        os._exit(0 if sandbox.run(["echo", "x"]).stdout == b"x\n" else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_isolation_names_the_limit_of_processes(busybox: str) -> None:
    """Whichever holds it: a cgroup, or RLIMIT_NPROC."""
    assert "2048" in contain.Sandbox(rootfs=busybox).isolation["pids"]
    assert "9" in contain.Sandbox(rootfs=busybox, ulimit=["nproc=9"]).isolation["ulimits"]
    assert "pids" not in contain.Sandbox(rootfs=busybox, pids_limit=-1).isolation


def test_descriptors_and_children_are_as_before(sandbox: contain.Sandbox) -> None:
    """Fifty runs later."""
    sandbox.run(["true"])
    before = len(os.listdir("/proc/self/fd")), children()
    for _ in range(50):
        sandbox.run(["true"])
    assert (len(os.listdir("/proc/self/fd")), children()) == before


def test_killed_caller_leaves_nothing(busybox: str, top: str) -> None:
    """SIGKILL of the process that runs: its container is gone soon after."""
    mark = f"{31000 + os.getpid() % 1000}.5"
    code = f"import contain; contain.run(['sleep', '{mark}'], rootfs={busybox!r})"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=top)
    deadline = time.monotonic() + 60
    while not runs(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    while runs(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(mark: str) -> bool:
    """Whether a process with this argument is there."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if file.read() == f"sleep\0{mark}\0".encode():
                    return True
        except OSError:
            continue
    return False


def test_import_is_quick_to_name_all(top: str) -> None:
    """Every public name can be loaded, and __all__ is the table."""
    code = "import contain; assert sorted(contain.__all__) == sorted(contain._WHERE); [getattr(contain, name) for name in contain.__all__]"
    assert subprocess.run([sys.executable, "-c", code], cwd=top, check=False).returncode == 0
