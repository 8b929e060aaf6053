"""The verbs state, ps, spec, features and events as engines call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from contain.cli.events import _seconds
from contain.errors import UsageError
from contain.kernel import processes
from contain.state import layout
from contain.state.store import Store, boot_id
from contain.state.summary import Summary, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def contain(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in Python."""
    return subprocess.run([sys.executable, "-m", "contain", *words], capture_output=True, text=True, check=False, timeout=60)


def test_a_container_that_is_missing(tmp_path: Path) -> None:
    """Exit code 1, the words that engines match on stderr, and as the last line of a JSON log."""
    log = str(tmp_path / "log")
    for words in (["state", "web"], ["kill", "web", "9"], ["ps", "web"], ["events", "--stats", "web"], ["wait", "web"]):
        found = contain("--root", str(tmp_path), "--log", log, "--log-format", "json", *words)
        assert (found.returncode, found.stderr.splitlines()[0]) == (1, "container does not exist: web")
        with open(log, encoding="utf-8") as lines:
            last = json.loads(lines.readlines()[-1])
        assert (last["level"], last["msg"]) == ("error", "container does not exist: web")
        assert last["time"].endswith("Z")


def test_ps(tmp_path: Path) -> None:
    """Pids as JSON; lines of ps(1) with its own options; a ps without the column PID is refused."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as child:
        start = processes.start_time(child.pid) or 0
        with Store(str(tmp_path), make=True) as store:
            os.chmod(tmp_path, 0o700)
            summary = Summary(id="web", status="running", pid=child.pid, start=start, boot=boot_id())
            store.claim("web", {layout.SUMMARY: render(summary)}).close()
        root = f"--root={tmp_path}"
        assert json.loads(contain(root, "ps", "--format", "json", "web").stdout) == [child.pid]
        lines = contain(root, "ps", "web").stdout.splitlines()
        assert len(lines) == 2
        assert str(child.pid) in lines[1].split()
        assert contain(root, "ps", "web", "-o", "comm,pid").stdout.splitlines()[1].split() == ["cat", str(child.pid)]
        refused = contain(root, "ps", "web", "-o", "comm")
        assert refused.returncode == 1
        assert "no column PID" in refused.stderr
        child.kill()


def test_spec(tmp_path: Path) -> None:
    """Written once, never over an existing one."""
    assert contain("spec", "--bundle", str(tmp_path)).returncode == 0
    with open(tmp_path / "config.json", encoding="utf-8") as file:
        assert json.load(file)["process"]["args"] == ["sh"]
    again = contain("spec", "--rootless", "--bundle", str(tmp_path))
    assert again.returncode == 1
    assert "File exists" in again.stderr


def test_features() -> None:
    """JSON on stdout: what every member of a configuration would meet, and which annotations change what is done."""
    found = json.loads(contain("features").stdout)
    assert found["ociVersionMin"] == "1.0.0"
    assert found["potentiallyUnsafeConfigAnnotations"] == ["org.systemd.property.", "run.oci.keep_original_groups"]
    assert found["linux"]["intelRdt"] == {"enabled": True, "schemata": True, "monitoring": True}
    assert "MPOL_BIND" in found["linux"]["memoryPolicy"]["modes"]
    assert {"atime", "rro", "tmpcopyup"} <= set(found["mountOptions"])


def test_durations() -> None:
    """As Go programs write them."""
    assert [_seconds(text) for text in ("5s", "500ms", "1.5m", "2")] == [5.0, 0.5, 90.0, 2.0]
    for text in ("", "s", "5x", "-1s"):
        with pytest.raises(UsageError, match="no duration"):
            _seconds(text)
