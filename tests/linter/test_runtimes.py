"""What runc and crun make of odd documents, as the pages of DOC say: the runtimes themselves are asked.

The bundle has no root file system, so nothing is ever started: a runtime that could read the document complains about that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

SOUND = json.dumps(
    {
        "ociVersion": "1.0.2",
        "root": {"path": "nowhere"},
        "mounts": [],
        "process": {"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}]},
    }
)
#: rule → the document, and whether runc and crun read it
TABLE = {
    "DOC001": (SOUND.replace(",", "", 1), False, False),
    "DOC002": (SOUND.replace('"root"', '"hostname": "a\udcff", "root"'), True, False),
    "DOC003": ("\ufeff" + SOUND, False, False),
    "DOC004": (SOUND + " {}", True, False),
    "DOC005": (SOUND.replace("{", "{/* x */", 1), False, True),
    "DOC006": (SOUND[:-1] + ",}", False, False),
    "DOC007": (SOUND.replace('"root"', '"hostname": "a\\ud800", "root"'), True, True),
    "DOC101": (SOUND.replace('"uid": 0', '"uid": NaN'), False, False),
    "DOC103": (SOUND.replace('"uid": 0', '"uid": 1.0'), False, False),
    "DOC104": (SOUND.replace('"uid": 0', '"uid": 4294967296'), False, False),
    "DOC201": (SOUND.replace('"root"', '"hostname": "a", "hostname": "b", "root"'), True, True),
    "DOC206": (SOUND.replace('"mounts": []', '"hooks": null, "mounts": []'), True, True),
    "sound": (SOUND, True, True),
}
#: words by which a runtime says that it could not read the document
UNREAD = ("invalid character", "cannot unmarshal", "right here", "load `config.json`", "parse error", "lexical error", "unexpected end")


@pytest.mark.parametrize("number", [0, 1], ids=["runc", "crun"])
@pytest.mark.parametrize("rule", TABLE)
def test_the_runtimes_say_so_themselves(rule, number, tmp_path):
    """Each row of the table, by each runtime that is there."""
    runtime = ("runc", "crun")[number]
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    if os.geteuid() != 0:
        pytest.skip("the runtimes read a bundle without more ado only for root")
    text, *read = TABLE[rule]
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    command = [runtime, "--root", str(tmp_path / "state"), "run", "-b", str(tmp_path), f"contain-lint-{os.getpid()}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode != 0
    assert any(words in result.stderr for words in UNREAD) != read[number], result.stderr
