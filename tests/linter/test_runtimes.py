"""What runc, crun and actool make of odd documents, as the pages of DOC say: the programs themselves are asked.

The bundle has no root file system, so nothing is ever started: a runtime that could read the document complains about that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from contain.linter import lint
from contain.linter.registry import pages

SOUND = json.dumps(
    {
        "ociVersion": "1.0.2",
        "root": {"path": "nowhere"},
        "mounts": [],
        "process": {"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}]},
    }
)
#: rule → the document
TABLE = {
    "DOC001": SOUND.replace(",", "", 1),
    "DOC002": SOUND.replace('"root"', '"hostname": "a\udcff", "root"'),
    "DOC003": "\ufeff" + SOUND,
    "DOC004": SOUND + " {}",
    "DOC005": SOUND.replace("{", "{/* x */", 1),
    "DOC006": SOUND[:-1] + ",}",
    "DOC007": SOUND.replace('"root"', '"hostname": "a\\ud800", "root"'),
    "DOC101": SOUND.replace('"uid": 0', '"uid": NaN'),
    "DOC103": SOUND.replace('"uid": 0', '"uid": 1.0'),
    "DOC104": SOUND.replace('"uid": 0', '"uid": 4294967296'),
    "DOC201": SOUND.replace('"root"', '"hostname": "a", "hostname": "b", "root"'),
    "DOC206": SOUND.replace('"mounts": []', '"hooks": null, "mounts": []'),
    "DOC008": SOUND.replace('"root"', '"hostname": "a\\u0000b", "root"'),
    "DOC102": SOUND.replace('"uid": 0', '"uid": ' + "1" * 5000),
    "DOC202": SOUND.replace('"root"', '"HostName": "a", "root"'),
    "DOC203": SOUND.replace('"root"', '"colour": 1, "root"'),
    "sound": SOUND,
}
#: the same for appc
IMAGE = json.dumps(
    {
        "acKind": "ImageManifest",
        "acVersion": "0.8.11",
        "name": "example.com/box",
        "labels": [{"name": "version", "value": "1"}],
        "app": {"exec": ["/b"], "user": "0", "group": "0", "ports": [{"name": "web", "protocol": "tcp", "port": 80}]},
    }
)
MANIFESTS = {
    "DOC001": IMAGE.replace(",", "", 1),
    "DOC002": IMAGE.replace('"value": "1"', '"value": "a\udcff"'),
    "DOC003": "\ufeff" + IMAGE,
    "DOC004": IMAGE + " {}",
    "DOC005": IMAGE.replace("{", "{/* x */", 1),
    "DOC006": IMAGE[:-1] + ",}",
    "DOC007": IMAGE.replace('"value": "1"', '"value": "a\\ud800"'),
    "DOC008": IMAGE.replace('"value": "1"', '"value": "a\\u0000"'),
    "DOC101": IMAGE.replace("80", "NaN"),
    "DOC102": IMAGE.replace("80", "8" * 5000),
    "DOC103": IMAGE.replace("80", "80.0"),
    "DOC104": IMAGE.replace(": 80", ": 80000000000000000000000"),
    "DOC201": IMAGE.replace('"name": "example.com/box"', '"name": "example.com/a", "name": "example.com/box"'),
    "DOC202": IMAGE.replace('"acVersion"', '"ACVersion"'),
    "DOC203": IMAGE.replace('"app"', '"colour": 1, "app"'),
    "DOC206": IMAGE.replace('"app"', '"dependencies": null, "app"'),
}
PAGES = pages()
#: words by which a runtime says that it could not read the document
UNREAD = ("invalid character", "cannot unmarshal", "right here", "load `config.json`", "parse error", "lexical error", "unexpected end")


def _reads(rule, program):
    """What the page says."""
    if rule == "sound":
        return True
    said = dict(part.split(" ", 1) for part in PAGES[rule].field("readers").split(", "))
    return {"reads it": True, "refuses it": False}[said[program]]


def test_every_rule_that_needs_it_says_what_readers_make_of_it():
    """All of DOC0, DOC1 and the members that readers see differently."""
    assert {id for id, page in PAGES.items() if page.field("readers")} == TABLE.keys() - {"sound"} == MANIFESTS.keys()
    assert {id for id in PAGES if id.startswith(("DOC0", "DOC1"))} <= TABLE.keys()


@pytest.mark.parametrize("runtime", ["runc", "crun"])
@pytest.mark.parametrize("rule", TABLE)
def test_the_runtimes_say_so_themselves(rule, runtime, tmp_path):
    """Each row of the table, by each runtime that is there."""
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    if os.geteuid() != 0:
        pytest.skip("the runtimes read a bundle without more ado only for root")
    (tmp_path / "config.json").write_bytes(TABLE[rule].encode("utf-8", "surrogateescape"))
    command = [runtime, "--root", str(tmp_path / "state"), "run", "-b", str(tmp_path), f"contain-lint-{os.getpid()}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode != 0
    assert any(words in result.stderr for words in UNREAD) != _reads(rule, runtime), result.stderr


@pytest.mark.skipif(not shutil.which("actool"), reason="actool is not installed (Debian: appc-spec)")
@pytest.mark.parametrize("rule", MANIFESTS)
def test_actool_says_so_itself(rule, tmp_path):
    """The same in appc's image manifests."""
    (tmp_path / "manifest").write_bytes(MANIFESTS[rule].encode("utf-8", "surrogateescape"))
    result = subprocess.run(["actool", "validate", tmp_path / "manifest"], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode == 0) == _reads(rule, "actool"), result.stderr
    found = {item.id for item in lint((tmp_path / "manifest").read_bytes())}
    assert {"DOC104": "ACI208"}.get(rule, rule) in found  # a port has a range of its own
