"""The verbs list, kill, wait and rm as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from contain.state import layout
from contain.state.store import Store
from contain.state.summary import Summary, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def contain(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in Python."""
    return subprocess.run(
        [sys.executable, "-m", "contain", "--root", str(root), *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_stopped_container(tmp_path: Path) -> None:
    """Listed, refused to kill, waited for, removed, and then missing; exit codes are runc's."""
    with Store(str(tmp_path), make=True) as store:
        os.chmod(tmp_path, 0o700)
        texts = {layout.SUMMARY: render(Summary(id="web", status="stopped", command="sh\x1b[31m")), layout.EXIT: "7 0 exited\n"}
        store.claim("web", texts).close()
    rows = json.loads(contain(tmp_path, "list", "--format", "json").stdout)
    assert [(row["id"], row["status"], row["exitCode"]) for row in rows] == [("web", "stopped", 7)]
    table = contain(tmp_path, "list").stdout
    assert "ID" in table
    assert "\x1b" not in table
    assert contain(tmp_path, "list", "-q").stdout == "web\n"
    killed = contain(tmp_path, "kill", "web", "KILL")
    assert (killed.returncode, killed.stderr) == (1, "container not running\n")
    assert contain(tmp_path, "wait", "web").stdout == "7\n"
    assert contain(tmp_path, "rm", "web").stdout == "web\n"
    missing = contain(tmp_path, "rm", "web")
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (1, "container does not exist: web")
    assert contain(tmp_path, "rm", "-f", "web").returncode == 0
