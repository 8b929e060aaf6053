"""`create` plans in a child of the front and ends as the launcher: nobody outside can tell, whatever happens to either."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.installed import installed
from tests.live.launch import alive, children

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import User
    from tests.live.runtime import Runtime

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="root runs OCI bundles without a user namespace"),
]


def is_python(pid: int) -> bool:
    """Whether it executes the interpreter, and has not ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"__main__.py" in file.read()
    except OSError:
        return False


class Creation:
    """A `create` that is under way, Python stopped while it plans as its child."""

    def __init__(self, runtime: Runtime, bundle: str) -> None:
        runtime.stub()
        for _ in range(20):
            if self._caught(runtime, bundle):
                return
            self.front.wait(60)
        pytest.fail("each of twenty was over before it could be stopped")

    def _caught(self, runtime: Runtime, bundle: str) -> bool:
        self.name = runtime.named()
        words = [*runtime.words(), "create", "--bundle", bundle, self.name]
        environment = {**runtime.environment(), "CONTAIN_CACHE": "0"}  # without a pack there is time to meet it
        self.front = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self.front.poll() is None:
            found = [pid for pid in children(self.front.pid) if is_python(pid)]
            if found:
                (self.python,) = found
                os.kill(self.python, signal.SIGSTOP)
                return is_python(self.python)
        return False


def test_front_that_is_killed_takes_python_with_it(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """Nothing of the container is made then."""
    creation = Creation(runtime, make_bundle("/bin/sleep", "100"))
    creation.front.kill()
    creation.front.wait()
    runtime.eventually(lambda: not alive(creation.python))
    assert not os.path.exists(f"{runtime.root}/{creation.name}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, 137), (signal.SIGTERM, 143)])
def test_python_that_is_killed_is_told_by_the_code(runtime: Runtime, make_bundle: Callable[..., str], number: int, code: int) -> None:
    """As a shell has it."""
    creation = Creation(runtime, make_bundle("/bin/sleep", "100"))
    os.kill(creation.python, number)
    os.kill(creation.python, signal.SIGCONT)
    assert creation.front.wait(30) == code
    assert not os.path.exists(f"{runtime.root}/{creation.name}")


def test_python_has_ended_soon_after(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """It is nobody's while the container waits."""
    creation = Creation(runtime, make_bundle("/bin/sleep", "100"))
    os.kill(creation.python, signal.SIGCONT)
    assert creation.front.wait(30) == 0
    runtime.eventually(lambda: not alive(creation.python))
    assert runtime.state(creation.name)["status"] == "created"


@pytest.mark.parametrize("bundle_is", ["there", "missing"])
def test_caller_that_ignores_its_children(runtime: Runtime, make_bundle: Callable[..., str], bundle_is: str) -> None:
    """Then the kernel would forget Python's code."""
    bundle = make_bundle("/bin/sleep", "100") if bundle_is == "there" else "/nonexistent"
    done = runtime("create", "--bundle", bundle, runtime.named(), under=("env", "--ignore-signal=CHLD"), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, capture_output=False)  # fmt: skip
    assert done.returncode == (0 if bundle_is == "there" else 1)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(runtime: Runtime, make_bundle: Callable[..., str], closed: str) -> None:
    """No descriptor of ours takes their place."""
    name = runtime.named()
    words = [*runtime.words(), "create", "--bundle", make_bundle("/bin/sleep", "100"), name]
    subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *words], env=runtime.environment(), check=True, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    assert runtime.state(name)["status"] == "created"


@pytest.mark.parametrize("verb", ["create", "run"])
def test_variable_of_the_caller_means_nothing(runtime: Runtime, verb: str) -> None:
    """What the front tells Python nobody else can tell it, and nobody is told but Python."""
    hook: dict[str, Any] = {"path": "/bin/sh", "args": ["sh", "-c", f"cat >/dev/null; env > {runtime.root}.env"]}
    runtime.make(verb, "/bin/sleep", "100", env={"CONTAIN_HANDOVER": "1,2"}, hooks={"createRuntime": [hook]})
    with open(f"{runtime.root}.env", encoding="utf-8") as file:
        assert "CONTAIN_HANDOVER" not in file.read()


@pytest.mark.parametrize("words", [(), ("--preserve-fds", "9")])
def test_descriptors_of_the_container(runtime: Runtime, words: tuple[str, ...]) -> None:
    """Those of the handover, and the pack, are not among them, not even where the caller's are to be that are not there."""
    runtime.create("/bin/true")  # there is a pack now
    name = runtime.create("/bin/ls", "-l", "/proc/self/fd", words=words)
    runtime("start", name)
    runtime.until(name, "stopped")
    assert not [word for word in ("memfd", "pack", "pipe") if word in runtime.said()]
    assert [row.split()[-3] for row in runtime.said().splitlines() if "->" in row] == ["0", "1", "2"]


def test_config_is_the_bundle_s(runtime: Runtime, make_bundle: Callable[..., str]) -> None:
    """The plan that arrives is the whole one: a large manifest too."""
    annotations = {f"key{number}": "x" * 1000 for number in range(300)}
    name = runtime.create("/bin/sleep", "100", annotations=annotations)
    assert runtime.state(name)["annotations"] == annotations


def test_ordinary_user_creates_so_too(user: User, user_rootfs: str) -> None:
    """Whose runtime folder holds state and packs."""
    folder = tempfile.mkdtemp(prefix="contain-handover-", dir="/tmp")
    try:
        program = installed(f"{folder}/venv")
        bundle = f"{folder}/bundle"
        os.mkdir(bundle)
        os.chmod(folder, 0o755)
        os.chown(bundle, user.uid, user.gid)
        assert user.contain("spec", "--rootless", "--bundle", bundle).returncode == 0
        with open(f"{bundle}/config.json", encoding="utf-8") as file:
            config = json.load(file)
        config["root"]["path"] = user_rootfs
        config["process"] |= {"terminal": False, "args": ["/bin/sleep", "100"]}
        with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        for _ in range(2):  # the second time by a pack
            with open(f"{folder}/out", "w") as out:
                made = user.run([program, "create", "--bundle", bundle, "handed"], capture_output=False, stdout=out, stderr=out)
            with open(f"{folder}/out") as out:
                assert made.returncode == 0, out.read()
            assert '"created"' in user.run([program, "state", "handed"]).stdout
            assert user.run([program, "delete", "--force", "handed"]).returncode == 0
    finally:
        shutil.rmtree(folder)
