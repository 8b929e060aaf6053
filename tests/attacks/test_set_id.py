"""contain is no set-uid helper, and does not become one by mistake."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

import pytest

from contain.launcher import spawn
from tests.conftest import TOP

if TYPE_CHECKING:
    from tests.conftest import User

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]


def test_nothing_of_ours_is_set_id() -> None:
    """Neither the launcher nor any file of the package."""
    modes = {f"{folder}/{name}": os.lstat(f"{folder}/{name}").st_mode for folder, _, names in os.walk(f"{TOP}/contain") for name in names}
    assert [path for path, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID)] == []


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
@pytest.mark.parametrize("name", ["contain", "contain-launcher"])
def test_a_set_id_copy_does_nothing(user: User, launcher: str, name: str, mode: int) -> None:
    """Made so by somebody, it executes no plan and starts no Python with the rights of its owner."""
    folder = tempfile.mkdtemp(prefix="set-id.", dir="/var/tmp")
    try:
        os.chmod(folder, 0o755)
        copy = shutil.copy(launcher, f"{folder}/{name}")
        os.chmod(copy, mode)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            pytest.skip("/var/tmp is mounted nosuid")
        plan = spawn.sealed("plan", b"whatever")
        done = user.run([copy, str(plan)], pass_fds=(plan,))
        os.close(plan)
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 125
    assert done.stderr == "contain: this program must not be set-user-ID or set-group-ID: chmod ug-s it\n"
