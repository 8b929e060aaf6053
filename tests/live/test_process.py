"""What the program finds when it starts: folder, environment, limits, descriptors, scheduling; and what it says when it does not start."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.conftest import in_guest
from tests.live.conftest import config_of, shell

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def rootfs(busybox, payload, tmp_path_factory):
    """One for all tests here: none of them writes what another would read."""
    folder = str(tmp_path_factory.mktemp("rootfs"))
    os.chmod(folder, 0o755)
    subprocess.run(["cp", "-a", f"{busybox}/.", folder], check=True)
    shutil.copy(payload, f"{folder}/bin/payload")
    return folder


def run_in(run_spec: Any, script: str, *, run: dict[str, Any] | None = None, linux: dict[str, Any] | None = None, **process: Any) -> Any:
    """A script, with members of process and linux."""
    return run_spec(shell(script, process=process, linux=linux or {}), run=run)


@pytest.mark.any_kernel
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("nothing-such", 127, 'exec: "nothing-such": executable file not found in $PATH'),
        ("/bin/nothing", 127, 'exec: "/bin/nothing": stat /bin/nothing: no such file or directory'),
        ("/etc/passwd/x", 127, 'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
        ("/etc", 126, 'exec: "/etc": is a directory'),
        ("/bin/wrong", 126, 'exec: "/bin/wrong": exec format error'),
        ("/bin/lost", 127, 'exec: "/bin/lost": exec /bin/lost: no such file or directory'),
    ],
)
def test_programs_that_cannot_be_executed(run_spec, rootfs, name, code, words) -> None:
    """In the words that docker and podman turn into 126 and 127."""
    for path, text in (("wrong", "\x7fELF"), ("lost", "#!/no/interpreter\n")):
        with open(f"{rootfs}/bin/{path}", "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(f"{rootfs}/bin/{path}", 0o755)
    ran = run_spec(config_of(name))
    assert (ran.code, words in ran.err) == (code, True), ran


@pytest.mark.any_kernel
def test_what_to_do_about_them(contain, rootfs) -> None:
    """A person is told more than an engine: below the first line."""
    for path, text in (("wrong", "\x7fELF"), ("lost", "#!/no/interpreter\n")):
        with open(f"{rootfs}/bin/{path}", "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(f"{rootfs}/bin/{path}", 0o755)
    for name, code, remedy in (
        ("nothing-such", 127, "install the program in the root file system"),
        ("/etc/passwd", 126, "it must be a file that this user may execute"),
        ("wrong", 126, "it is no program for this machine"),
        ("lost", 127, "its interpreter"),
    ):
        done = contain("run", rootfs, "--", name)
        assert (done.returncode, done.stderr.splitlines()[-1].startswith(f"  remedy: {remedy}")) == (code, True), done.stderr
    done = contain("run", "-w", "/etc/passwd", rootfs, "--", "true")
    assert "remedy: a file stands there" in done.stderr


@pytest.mark.any_kernel
def test_program_by_relative_path_and_by_link(run_spec, rootfs) -> None:
    """From the working folder; PATH entries are tried in order, folders and files without x are passed over."""
    os.makedirs(f"{rootfs}/a/prog")
    os.makedirs(f"{rootfs}/b")
    with open(f"{rootfs}/b/prog", "w", encoding="utf-8") as file:
        file.write("not executable")
    os.makedirs(f"{rootfs}/c")
    os.symlink("/bin/busybox", f"{rootfs}/c/echo")
    assert run_spec(config_of("echo", "x", process={"env": ["PATH=/a:/b:/c"]})).out == "x\n"
    assert run_spec(config_of("./echo", "y", process={"cwd": "/c"})).out == "y\n"


@pytest.mark.any_kernel
def test_environment(run_spec) -> None:
    """Exactly what the manifest says, the last of duplicates, and HOME of the container's passwd."""
    ran = run_in(run_spec, "exec env", env=["PATH=/bin", "A=1", "A=2"], user={"uid": 1000, "gid": 1000})
    assert sorted(line for line in ran.out.splitlines() if not line.startswith(("PWD=", "SHLVL="))) == ["A=2", "HOME=/home", "PATH=/bin"]


def test_folder(run_spec) -> None:
    """Entered; made when a bundle names one that is missing; one that only root may enter is kept for the user (docker -u -w)."""
    assert run_in(run_spec, "pwd", cwd="/tmp").out == "/tmp\n"
    assert run_in(run_spec, "pwd", cwd="/new/deep").out == "/new/deep\n"
    assert run_in(run_spec, "pwd", cwd="/root", user={"uid": 1000, "gid": 1000}).out == "/root\n"


@pytest.mark.any_kernel
def test_folder_that_is_none(run_spec) -> None:
    """With its place and the kernel's words."""
    ran = run_in(run_spec, "pwd", cwd="/etc/passwd")
    assert (ran.code, "cannot chdir to /etc/passwd: Not a directory" in ran.err) == (125, True), ran


@pytest.mark.any_kernel
def test_signals(run_spec) -> None:
    """None blocked, none ignored, though Python ignores two (SIGPIPE, SIGXFSZ) and the launcher blocks all."""
    rows = dict(line.split(":\t") for line in run_spec(config_of("cat", "/proc/self/status")).out.splitlines() if line.startswith("Sig"))
    assert (rows["SigBlk"], rows["SigIgn"], rows["SigCgt"]) == ("0" * 16, "0" * 16, "0" * 16)


@pytest.mark.any_kernel
def test_umask(run_spec) -> None:
    """0022, whatever the caller has; or as given."""
    assert run_in(run_spec, "umask").out == "0022\n"
    assert run_in(run_spec, "umask", user={"umask": 0o27}).out == "0027\n"


def test_limits(run_spec) -> None:
    """Lowered ones hold; a soft one below the hard one can be raised again."""
    ran = run_in(run_spec, "ulimit -n; ulimit -Hn; ulimit -n 20; ulimit -n", rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}])
    assert ran.out.split() == ["10", "20", "20"], ran


def test_a_limit_that_cannot_be_raised(run_spec) -> None:
    """Raised where contain may, else refused by name."""
    limits = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 2000}]
    config = shell("ulimit -Hn", process={"rlimits": limits})
    ran = run_spec(config, preexec_fn=lambda: subprocess.run(["prlimit", f"--pid={os.getpid()}", "--nofile=500:1000"], check=True))
    if ran.code == 0:
        assert ran.out == "2000\n"
    else:
        assert "cannot limit RLIMIT_NOFILE to 100, hard 2000: Operation not permitted" in ran.err, ran


def test_oom_score(run_spec) -> None:
    """Raised for the container alone."""
    assert run_in(run_spec, "cat /proc/self/oom_score_adj", oomScoreAdj=321).out == "321\n"


def test_descriptors(run_spec) -> None:
    """Three, whatever the caller left open; --preserve-fds keeps the next ones."""
    read, write = os.pipe()
    os.set_inheritable(read, True)
    try:
        config = config_of("/bin/payload", "descriptors")
        assert [row.split()[0] for row in run_spec(config, pass_fds=[read, write]).out.splitlines()] == ["0", "1", "2"]
        shuffled = run_spec(config, run={"preserve_fds": 1}, pass_fds=[], preexec_fn=lambda: os.dup2(read, 3), close_fds=False)
        assert [row.split()[0] for row in shuffled.out.splitlines()] == ["0", "1", "2", "3"]
    finally:
        os.close(read)
        os.close(write)


def test_scheduling(run_spec) -> None:
    """Policy, nice value and io class are the program's."""
    process = {"scheduler": {"policy": "SCHED_BATCH", "nice": 7}, "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0}}
    assert run_spec(config_of("/bin/payload", "scheduling", process=process)).out == f"policy 3 priority 0 nice 7 io {3 << 13}\n"


def test_memory_policy(run_spec) -> None:
    """Interleaved over node 0; a node that is not there is the kernel's to refuse, with our remedy's operation named."""
    policy = {"mode": "MPOL_INTERLEAVE", "nodes": "0"}
    ran = run_spec(config_of("/bin/payload", "memory-policy", linux={"memoryPolicy": policy}))
    if "Function not implemented" in ran.err:
        pytest.skip("this kernel has no NUMA")
    assert ran.out == "0 mode 3 nodes 1\n", ran
    ran = run_spec(config_of("/bin/true", linux={"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "63"}}))
    assert (ran.code, "cannot set the memory policy MPOL_BIND to nodes 63" in ran.err) == (125, True), ran


def test_personality(run_spec) -> None:
    """uname speaks of 32 bits."""
    if in_guest():
        pytest.skip("User-Mode Linux knows one name for its machine")
    ran = run_in(run_spec, "uname -m", linux={"personality": {"domain": "LINUX32"}})
    assert ran.out.strip() in {"i686", "armv8l", "s390", "ppcle"}, ran
