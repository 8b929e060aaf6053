"""A state folder that somebody else has written: whoever is made to look at it with `--root` follows none of its words."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from contain.kernel.processes import start_time
from contain.state.store import boot_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import User

pytestmark = [pytest.mark.live, pytest.mark.any_kernel]

VERBS = (
    ["list"],
    ["state", "x"],
    ["ps", "x"],
    ["kill", "x", "KILL"],
    ["start", "x"],
    ["wait", "x"],
    ["exec", "x", "true"],
    ["delete", "--force", "x"],
    ["delete", "x"],
    ["rm", "--force", "x"],
    ["events", "--stats", "x"],
    ["pause", "x"],
    ["run", "--name", "x", "ROOT", "--", "true"],
)


@pytest.mark.parametrize("status", ["running", "stopped", "dead"])
def test_words_of_another_user(contain: Callable[..., subprocess.CompletedProcess[str]], user: User, tmp_path: Path, status: str) -> None:
    """Root's files stay and root's processes live, whatever an ordinary user's folder says is to be undone and killed."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("stays")
    state = tmp_path / "state"
    folder = state / "x"
    folder.mkdir(parents=True, mode=0o700)
    with subprocess.Popen(["sleep", "1000"]) as victim:
        summary = f"id=x\nstatus={'running' if status == 'dead' else status}\nkind=run\nboot={boot_id()}\ninit={victim.pid} {start_time(victim.pid)}\n"
        texts = {"undo": f"tree {precious}\n", "summary": f"{summary}pid={victim.pid}\nstart={start_time(victim.pid)}\n", "token": "t"}
        texts |= {"monitored": ""} if status == "dead" else {}
        for name, text in {"lock": "", "turn": "", "exit": "", "state.json": "{}", "config.json": "{}", **texts}.items():
            (folder / name).write_text(text)
        for path in (state, folder, *folder.iterdir()):
            os.chown(path, user.uid, user.gid)
        for words in VERBS:
            done = contain("--root", str(state), *(str(tmp_path) if word == "ROOT" else word for word in words))
            assert (done.returncode != 0, "belongs to another user" in done.stderr or "somebody else" in done.stderr) == (True, True), (
                words,
                done,
            )
            assert "remedy: " in done.stderr
            assert (precious / "file").read_text() == "stays", words
            assert victim.poll() is None, words
            assert folder.exists()
        victim.send_signal(signal.SIGKILL)
