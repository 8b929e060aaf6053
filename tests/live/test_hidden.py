"""What the host view hides cannot be uncovered from inside, with no option that gives privileges: it is not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.live

SECRET = "decoy-of-a-key"
#: uncovers what is covered by mounts, in every way that a program with CAP_SYS_ADMIN has
UNCOVER = """
for at in {home} /etc/shadow /etc/ssl/private /home /root; do umount $at; umount -l $at; done
cat {home}/key /etc/shadow
umount -l /etc /srv; ls {home} /etc
mount --bind / /tmp; cat /tmp{home}/key /tmp/etc/shadow
"""


@pytest.fixture(params=["root", "user"])
def run(request: pytest.FixtureRequest, launcher: str) -> Iterator[tuple[str, Callable[..., subprocess.CompletedProcess[str]]]]:
    """A home outside /home with a key in it, and `contain run` of its owner."""
    home = tempfile.mkdtemp(prefix="contain-test.", dir="/srv")
    with open(f"{home}/key", "w", encoding="utf-8") as file:
        file.write(SECRET)
    user = request.getfixturevalue("user") if request.param == "user" else None
    for path in (home, f"{home}/key"):
        os.chown(path, user.uid if user else 0, user.gid if user else 0)
    contain = user.contain if user else request.getfixturevalue("contain")

    def start(*words: str, cwd: str = "/") -> subprocess.CompletedProcess[str]:
        extra: dict[str, Any] = {"env": {**(user.environment if user else os.environ), "HOME": home}, "cwd": cwd}
        found: subprocess.CompletedProcess[str] = contain("run", *words, **extra)
        return found

    yield home, start
    shutil.rmtree(home)


OPTIONS = ("--privileged", "--overlay --cap-add SYS_ADMIN", "--userns host --privileged")


@pytest.mark.parametrize("cwd", ["/etc", "/var/lib", "/proc", "/sys"])
def test_working_folder_of_the_system(run: tuple[str, Callable[..., subprocess.CompletedProcess[str]]], cwd: str) -> None:
    """It is there as the view has it, with nothing laid over that a privileged program could take away again."""
    home, start = run
    done = start("--privileged", "--", "sh", "-c", f"pwd; {UNCOVER.format(home=home)}", cwd=cwd)
    assert done.stdout.startswith(f"{cwd}\n" if cwd in ("/etc", "/var/lib") else "/\n"), done.stderr
    assert "root:" not in done.stdout
    for mode in ("ro", "rw", "overlay"):
        done = start("--privileged", "--workspace", mode, "--", "sh", "-c", UNCOVER.format(home=home), cwd=cwd)
        assert (done.returncode, done.stderr.startswith("<command line>:--workspace: ")) == (125, True), done.stderr
        assert "remedy: " in done.stderr


@pytest.mark.parametrize("options", OPTIONS)
def test_nothing_is_uncovered(run: tuple[str, Callable[..., subprocess.CompletedProcess[str]]], options: str) -> None:
    """Neither the caller's home nor shadow files, not even by the host's root, whom no permission stops."""
    home, start = run
    done = start(*options.split(), "--", "sh", "-c", UNCOVER.format(home=home))
    refused = "--userns" in options and os.stat(home).st_uid != 0
    assert done.returncode in ((125,) if refused else (0, 1, 127)), done.stderr
    assert SECRET not in done.stdout
    assert "root:" not in done.stdout
