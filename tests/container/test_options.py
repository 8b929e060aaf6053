"""The options of one run: output limits, passed descriptors, processor time, streams; and what a Result says about its sandbox."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

import contain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
TALK = ["sh", "-c", "echo begin; head -c 300000 /dev/zero | tr '\\0' x; echo end"]


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> contain.Sandbox:
    """One for all."""
    return contain.Sandbox(rootfs=busybox)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose reading end has a number that is far from all others."""
    low, write = os.pipe()
    read = os.dup2(low, 90, inheritable=False)
    os.close(low)
    yield read, write
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(("on_excess", "kept"), [(None, b"xxxxxxend\n"), ("tail", b"xxxxxxend\n"), ("drain", b"begin\nxxxx")])
def test_output_limit_keeps_a_part(sandbox: contain.Sandbox, on_excess: str | None, kept: bytes) -> None:
    """The tail or the head; the program never notices."""
    found = sandbox.run(TALK, output_limit=10, on_excess=on_excess)  # type: ignore[arg-type]
    assert (found.reason, found.stdout, sorted(found.truncated)) == (contain.Reason.EXITED, kept, ["stdout"])


def test_output_limit_can_end_the_run(sandbox: contain.Sandbox) -> None:
    """With its own reason and exception; the stream's first bytes are there."""
    words = ["sh", "-c", "while echo y; do :; done"]
    found = sandbox.run(words, output_limit="1k", on_excess="kill", timeout=60)
    assert (found.reason, found.returncode, found.stdout) == (contain.Reason.OUTPUT_LIMIT, 137, b"y\n" * 512)
    with pytest.raises(contain.OutputLimit):
        sandbox.run(words, output_limit="1k", on_excess="kill", check=True)


def test_output_limit_that_is_not_reached(sandbox: contain.Sandbox) -> None:
    """Exactly the limit is within it."""
    found = sandbox.run(["echo", "1234567"], output_limit=8, on_excess="kill", check=True)
    assert (found.stdout, found.truncated) == (b"1234567\n", frozenset())


def test_passed_descriptors_keep_their_numbers(sandbox: contain.Sandbox, pipe: tuple[int, int]) -> None:
    """As with subprocess; nothing between them comes along, whatever another part of this process left inheritable."""
    read, write = pipe
    os.write(write, b"hello")
    os.set_inheritable(write, True)
    found = sandbox.run(["sh", "-c", f"head -c 5 <&{read}; echo; ls /proc/self/fd"], pass_fds=[read], text=True)
    os.set_inheritable(write, False)
    assert found.stdout.split() == ["hello", "0", "1", "2", "3", "90"]  # 3 is how ls looks


def test_preserved_numbers_that_are_free_stay_free(busybox: str, top: str) -> None:
    """What the launcher opens meanwhile is never the program's: not our sockets, not a pidfd."""
    words = [sys.executable, "-m", "contain", "run", "--preserve-fds", "12", busybox, "--", "ls", "/proc/self/fd"]
    found = subprocess.run(words, cwd=top, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0", "1", "2", "3"]


def test_processor_time_of_one_run(sandbox: contain.Sandbox) -> None:
    """All processes together; another run of the same sandbox has no such limit."""
    found = sandbox.run(["sh", "-c", "while :; do :; done & while :; do :; done"], cpu_time=0.2, timeout=60)
    assert found.reason is contain.Reason.CPU_LIMIT
    assert found.usage.cpu is not None
    assert found.usage.cpu >= 0.2
    assert found.usage.sources["cpu"].startswith("cgroup-v")
    assert sandbox.run(["true"]).ok


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_limit": "much"}, "not a size"),
        ({"on_excess": "kill"}, "says nothing"),
        ({"output_limit": 5, "on_excess": "stop"}, "is not one of"),
        ({"output_limit": 5, "stdout": contain.DEVNULL, "stderr": contain.DEVNULL}, "none is captured"),
        ({"pass_fds": [1]}, "no descriptor from 3"),
        ({"pass_fds": [999]}, "is not open"),
        ({"timeout": 0}, "no time"),
        ({"cpu_time": -1}, "no time"),
        ({"timeout": "soon"}, "not a time such as"),
        ({"stdin": contain.PIPE, "input": b"", "capture_output": True, "stdout": contain.PIPE}, "capture_output"),
        ({"shell": True}, "no option shell"),
    ],
)
def test_options_that_mean_nothing(sandbox: contain.Sandbox, options: dict[str, Any], message: str) -> None:
    """Said before anything runs."""
    with pytest.raises(contain.UsageError, match=message):
        sandbox.run(["true"], **options)


def test_text_errors(sandbox: contain.Sandbox) -> None:
    """`errors` asks for text, as with subprocess."""
    assert sandbox.run(["printf", "\\377"], errors="backslashreplace", capture_output=True).stdout == "\\xff"


def test_each_run_starts_clean(sandbox: contain.Sandbox, busybox: str) -> None:
    """What is written into the root ends with the run, and the folder is as it was."""
    assert sandbox.run(["sh", "-c", "echo x > /written; cat /written"]).stdout == b"x\n"
    assert sandbox.run(["ls", "/written"]).returncode == 1
    assert not os.path.exists(f"{busybox}/written")


def test_keep_keeps(tmp_path: Path, busybox: str) -> None:
    """With keep=True the second run sees what the first one wrote."""
    subprocess.run(["cp", "-a", busybox, tmp_path / "root"], check=True)
    kept = contain.Sandbox(rootfs=tmp_path / "root", keep=True)
    kept.run(["sh", "-c", "echo x > /written"], check=True)
    assert kept.run(["cat", "/written"]).stdout == b"x\n"
    with pytest.raises(contain.UsageError, match="keep is for"):
        contain.Sandbox(keep=True)


def test_archive_serves_many_runs(tmp_path: Path, busybox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked once, removed with the sandbox."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    image = tmp_path / "box.aci"
    manifest = tmp_path / "manifest"
    manifest.write_text(
        '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/box","app":{"exec":["/bin/true"],"user":"0","group":"0"}}'
    )
    with tarfile.open(image, "w") as archive:
        archive.add(manifest, "manifest")
        archive.add(busybox, "rootfs")
    before = set(os.listdir(tmp_path))
    with contain.Sandbox(image=image) as box:
        assert [box.run(["echo", str(n)]).stdout for n in range(3)] == [b"0\n", b"1\n", b"2\n"]
        with box.start(["sleep", "100"]) as container:
            assert container.alive
        assert set(os.listdir(tmp_path)) != before
    assert set(os.listdir(tmp_path)) == before
    with contain.Sandbox(image=image) as box:
        box.run(["sh", "-c", "echo x >/written"], check=True)
        assert not box.run(["test", "-e", "/written"]).ok
    with contain.Sandbox(image=image, keep=True) as box:  # as long as the sandbox
        box.run(["sh", "-c", "echo x >/written"], check=True)
        assert box.run(["cat", "/written"]).stdout == b"x\n"
    assert set(os.listdir(tmp_path)) == before


def test_result_names_the_layers(busybox: str) -> None:
    """From the plan; pickled with the rest."""
    found = contain.run(["true"], rootfs=busybox, memory="64m", security_opt=["seccomp=unconfined"], timeout=60)
    isolation = pickle.loads(pickle.dumps(found)).isolation
    assert isolation == found.isolation
    assert "seccomp" not in isolation
    assert {"namespaces", "ids", "capabilities", "no_new_privs", "root", "masks", "memory", "pids"} <= set(isolation)
    assert {"network", "pid", "mount", "user"} <= set(isolation["namespaces"].replace(",", "").split())
    assert found.to_dict()["isolation"]["missing"] == []


def test_sandbox_is_pickled_by_its_options(sandbox: contain.Sandbox) -> None:
    """For multiprocessing's spawn."""
    assert pickle.loads(pickle.dumps(sandbox)).run(["echo", "x"]).stdout == b"x\n"


def test_sandbox_is_frozen(sandbox: contain.Sandbox) -> None:
    """Another one is made by replace()."""
    for name in ("memory", "spec", "isolation"):
        with pytest.raises(AttributeError, match="frozen"):
            setattr(sandbox, name, None)
    assert sandbox.replace(hostname="other").run(["hostname"]).stdout == b"other\n"


def test_exec_has_a_time_limit(sandbox: contain.Sandbox) -> None:
    """The container goes on."""
    with sandbox.start(["sleep", "1000"]) as box:
        assert box.exec(["sleep", "1000"], timeout=0.2).reason is contain.Reason.TIMEOUT
        assert box.alive
