"""What is executed: a sealed copy of the launcher, its own file where AppArmor knows it by its path."""

from __future__ import annotations

import fcntl
import os
import posix

import pytest

from contain.launcher import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import User


def _name(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def test_a_sealed_copy(launcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing restricts user namespaces: nobody can write to it, not even its owner."""
    monkeypatch.setattr(spawn, "RESTRICTION", "/nothing")
    fd = spawn.program()
    assert fcntl.fcntl(fd, 1034) & 0x0F == 0x0F  # F_GET_SEALS
    assert _name(fd).startswith("/memfd:contain-launcher")
    assert os.path.exists(launcher)


@pytest.mark.parametrize(("uid", "value", "copied"), [(1000, "1\n", False), (1000, "0\n", True), (0, "1\n", True)])
def test_the_file_itself(launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, value: str, *, copied: bool) -> None:
    """For an ordinary user under Ubuntu's restriction; root is not restricted."""
    (tmp_path / "sysctl").write_text(value)
    monkeypatch.setattr(spawn, "RESTRICTION", str(tmp_path / "sysctl"))
    monkeypatch.setattr(posix, "geteuid", lambda: uid)
    assert (_name(spawn.program()) == os.path.realpath(launcher)) is not copied


def test_memory_may_not_be_executed(launcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """vm.memfd_noexec=2."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(posix, "memfd_create", refuse)
    assert _name(spawn.program()) == os.path.realpath(launcher)


@pytest.mark.live
def test_a_run_by_path(user: User, user_rootfs: str) -> None:
    """The whole way, as on such a machine, but for the restriction itself (no kernel of the lab has it)."""
    code = (
        "import os, sys; from contain.launcher import spawn; spawn.RESTRICTION = '/proc/self/uid_map'; from contain.cli.main import main\n"
        f"sys.exit(main(['run', {user_rootfs!r}, '--', '/bin/sh', '-c', 'cat /proc/1/exe | head -c 1; echo; id -u']))"
    )
    done = user.run([user.python, "-c", code])
    assert (done.returncode, done.stdout) == (0, "\n0\n"), done.stderr
    assert "Permission denied" in done.stderr  # our init, whose file it is, is not dumpable
