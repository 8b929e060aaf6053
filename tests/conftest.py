"""What all tests share: the command, the launcher, a busybox root, bundles, an ordinary user; and the limit on skipped tests."""

from __future__ import annotations

import copy
import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.interpreter import for_everybody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORDINARY_USER = "contain-test"

#: a bundle's config.json that runs everywhere: all namespaces but user, the usual mounts, `true`
CONFIG: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "process": {
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/true"],
        "env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"],
        "cwd": "/",
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "box",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
    ],
    "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts", "network", "cgroup")]},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--max-skips`: what CI states, so that nothing is left out silently."""
    parser.addoption("--max-skips", type=int, default=None, help="fail when more tests than this skip")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What says the same under any kernel is left to the host: processes start thirty times slower in the guest."""
    if in_guest():
        left_out = [item for item in items if item.get_closest_marker("any_kernel")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """More skipped tests than allowed: a failed run."""
    limit = session.config.getoption("--max-skips")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if limit is None or reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = len(reporter.stats.get("skipped", []))
    if skipped > limit and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        reporter.write_line(f"too many tests skip: {skipped}, the run states {limit}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_sessionstart(session: pytest.Session) -> None:
    """Builds the launcher anew when a source is younger: a plan made for another build is refused, and every live test would fail."""
    if not hasattr(session.config, "workerinput"):
        build_launcher()


def build_launcher() -> str:
    """The path of the launcher, built when it is missing or older than its sources."""
    path, source = f"{TOP}/contain/launcher/contain-launcher", f"{TOP}/contain/launcher/src"
    with locked("launcher"):
        young = max(os.path.getmtime(f"{folder}/{name}") for folder, _, names in os.walk(source) for name in names)
        if not os.path.exists(path) or os.path.getmtime(path) < young:
            subprocess.run([f"{TOP}/contain/launcher/build.sh"], check=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keeps the workers of one run from making the same thing at once."""
    os.makedirs(f"{TOP}/build", exist_ok=True)
    with open(f"{TOP}/build/.{name}.lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def children() -> set[int]:
    """The children of this process, zombies too: helpers of the standard library's own may be among them (multiprocessing's tracker)."""
    found = set()
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.add(int(entry))
        except OSError:
            continue
    return found


def in_guest() -> bool:
    """Whether this is the guest with pure cgroup v2 (tests/guest/run)."""
    return os.environ.get("IN_GUEST") == "1"


@pytest.fixture(scope="session")
def top() -> str:
    """The folder of the work tree."""
    return TOP


@pytest.fixture(scope="session")
def launcher() -> str:
    """The path of the built launcher."""
    return build_launcher()


@pytest.fixture(scope="session")
def pristine() -> str:
    """The root file system of busybox as its recipe made it, only to be copied: a mount leaves its target where it was missing."""
    path = f"{TOP}/build/rootfs"
    with locked("rootfs"):
        if not os.path.exists(f"{path}/bin/sh"):
            if shutil.which("busybox") is None:
                pytest.skip("no busybox: apt-get install busybox-static")
            subprocess.run([f"{TOP}/rootfs/busybox", path], check=True)
    return path


@pytest.fixture(scope="session")
def busybox(pristine: str) -> Iterator[str]:
    """A root file system of busybox that the tests of a session share."""
    folder = tempfile.mkdtemp(prefix="contain-root.", dir="/var/tmp")
    subprocess.run(["cp", "-a", f"{pristine}/.", folder], check=True)
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def payload(top: str) -> str:
    """tests/payload.c, static: what tests run inside a root file system (copy it there)."""
    path = f"{TOP}/build/payload"
    source = f"{TOP}/tests/payload.c"
    with locked("payload"):
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
            compiler = "musl-gcc" if shutil.which("musl-gcc") else "gcc"
            new = f"{path}.{os.urandom(4).hex()}"  # the guest, which may do the same at once, shares the file but not the lock
            subprocess.run([compiler, "-O1", "-static", "-o", new, source], check=True)
            os.replace(new, path)
    return path


@pytest.fixture
def rootfs(pristine: str, tmp_path: Any) -> str:
    """A root file system of busybox of this test's own."""
    path = str(tmp_path / "rootfs")
    subprocess.run(["cp", "-a", pristine, path], check=True)
    return path


@pytest.fixture
def make_bundle(rootfs: str, tmp_path: Any) -> Callable[..., str]:
    """`make_bundle(*args, **members)`: a bundle that runs args; members replace those of config.json. Returns its folder."""

    def make(*args: str, change: Callable[[dict[str, Any]], None] | None = None, **members: Any) -> str:
        config = copy.deepcopy(CONFIG) | members
        if args:
            config["process"]["args"] = list(args)
        if change is not None:
            change(config)
        (tmp_path / "config.json").write_text(json.dumps(config, indent=1))
        return str(tmp_path)

    return make


def command() -> list[str]:
    """How `contain` is started here: the stub of .venv where there is one, else the module."""
    stub = os.path.join(os.path.dirname(sys.executable), "contain")
    return [stub] if os.path.exists(stub) else [sys.executable, "-m", "contain"]


@pytest.fixture(scope="session")
def contain() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`contain(*args, **subprocess_options)`: runs the command line (`under` another program) to its end, output captured as text."""

    def run(*args: str, env: dict[str, str] | None = None, under: tuple[str, ...] = (), **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": TOP, **(env or {})}
        defaults: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 100, "check": False}
        if "input" not in options:
            defaults["stdin"] = subprocess.DEVNULL
        return subprocess.run([*under, *command(), *args], env=environment, **{**defaults, **options})  # noqa: PLW1510  check is in defaults

    return run


class User:
    """A real ordinary user of this machine, with a home, ranges of ids and a readable copy of contain."""

    def __init__(self, name: str, folder: str) -> None:
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid, self.home, self.folder = name, entry.pw_uid, entry.pw_gid, entry.pw_dir, folder
        self.runtime = tempfile.mkdtemp(
            prefix="contain-runtime."
        )  # in the guest /var/tmp is the machine's: all that is made there is root's
        os.chown(self.runtime, self.uid, self.gid)
        self.python = for_everybody()
        self.environment = {
            "HOME": self.home,
            "USER": name,
            "LOGNAME": name,
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "XDG_RUNTIME_DIR": self.runtime,
            "PYTHONPATH": os.pathsep.join([f"{folder}/package", *[p for p in sys.path if p.endswith("-packages")]]),
        }

    def options(self) -> dict[str, Any]:
        """What subprocess needs to be this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "env": self.environment, "cwd": self.home}

    def run(self, argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a program as this user."""
        defaults: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 100, "check": False, **self.options()}
        if "input" not in options:
            defaults["stdin"] = subprocess.DEVNULL
        return subprocess.run(argv, **{**defaults, **options})  # noqa: PLW1510  check is in defaults

    def command(self) -> list[str]:
        """`contain` for this user; /root and its interpreters are closed to it."""
        return [self.python, "-m", "contain"]

    def contain(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs the command line as this user."""
        return self.run([*self.command(), *args], **options)


@pytest.fixture(scope="session")
def user(launcher: str) -> Iterator[User]:
    """An ordinary user; made when root runs the tests and it is missing."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    with locked("user"):
        try:
            pwd.getpwnam(ORDINARY_USER)
        except KeyError:
            subprocess.run(["useradd", "-m", "-s", "/bin/bash", ORDINARY_USER], check=True, capture_output=True)
        entry = pwd.getpwnam(ORDINARY_USER)
        os.makedirs(entry.pw_dir, exist_ok=True)  # the guest has an empty /home
        os.chown(entry.pw_dir, entry.pw_uid, entry.pw_gid)
    folder = tempfile.mkdtemp(prefix="contain-user.", dir="/var/tmp")
    os.chmod(folder, 0o755)
    shutil.copytree(f"{TOP}/contain", f"{folder}/package/contain", ignore=shutil.ignore_patterns("src"))
    one = User(ORDINARY_USER, folder)
    yield one
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(one.runtime, ignore_errors=True)


@pytest.fixture
def user_rootfs(user: User, pristine: str) -> Iterator[str]:
    """A root file system of busybox that the ordinary user owns."""
    folder = tempfile.mkdtemp(prefix="rootfs.", dir=user.folder)
    subprocess.run(["cp", "-a", f"{pristine}/.", folder], check=True)
    subprocess.run(["chown", "-hR", f"{user.uid}:{user.gid}", folder], check=True)
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
