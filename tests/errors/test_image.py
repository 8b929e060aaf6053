"""Broken appc images: the place is in the manifest inside the archive."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.errors.said import said

if TYPE_CHECKING:
    from pathlib import Path

BASE = """{
  "acKind": "ImageManifest",
  "acVersion": "0.8.11",
  "name": "example.com/web",
  "app": {
    "exec": ["/bin/web"], "user": "0", "group": "0",
    "isolators": [
      {"name": "resource/memory", "value": {"limit": "1G"}}
    ],
    "mountPoints": [{"name": "db", "path": "/db"}]
  }
}
"""

#: what is changed in the manifest: old, new, first line
BROKEN = {
    "syntax": ('"0.8.11",', '"0.8.11"', "web.aci!manifest:4:3: a comma is missing before 'name'"),
    "pod": ("ImageManifest", "PodManifest", "web.aci!manifest:2:13: acKind: is a PodManifest, not an ImageManifest"),
    "exec as text": ('["/bin/web"]', '"/bin/web"', "web.aci!manifest:6:13: app.exec must be a list, not a string"),
    "no group": (', "group": "0"', "", "web.aci!manifest:5:3: app.group is missing"),
    "bad quantity": ('"1G"', '"1Gb"', "web.aci!manifest:8:44: app.isolators[0].value: resource/memory: '1Gb' is not a quantity"),
    "both sets": (
        '{"name": "resource/memory", "value": {"limit": "1G"}}',
        (
            '{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}},\n'
            '{"name": "os/linux/capabilities-remove-set", "value": {"set": ["CAP_KILL"]}}'
        ),
        "web.aci!manifest:9:1: app.isolators[1]: os/linux/capabilities-retain-set and os/linux/capabilities-remove-set exclude each other",
    ),
    "owner of nothing": ('"user": "0"', '"user": "/etc/none"', "web.aci!manifest:6:35: app.user: /etc/none is not in the image"),
    "mount over root": ('"/db"', '"/"', "web.aci!manifest:10:44: app.mountPoints[0].path: '/' cannot be mounted to"),
    "dependency": (
        '"name": "example.com/web",',
        '"name": "example.com/web", "dependencies": [{"imageName": "example.com/base"}],',
        "web.aci!manifest:4:46: dependencies: the image depends on others",
    ),
}


def pack(path: Path, manifest: str) -> None:
    """An image with this manifest and an empty root."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in (("manifest", manifest.encode()), ("rootfs", None)):
            info = tarfile.TarInfo(name)
            info.type, info.size = (tarfile.DIRTYPE, 0) if data is None else (tarfile.REGTYPE, len(data))
            tar.addfile(info, io.BytesIO(data or b""))


@pytest.mark.parametrize("name", BROKEN)
def test_broken_image(nothing_is_launched: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """One line with the place, a remedy below, and nothing of the archive is left."""
    old, new, first = BROKEN[name]
    assert BASE.count(old) == 1
    spare = nothing_is_launched / "spare"
    spare.mkdir()
    monkeypatch.setenv("TMPDIR", str(spare))
    pack(nothing_is_launched / "web.aci", BASE.replace(old, new))
    lines = said(capsys, ["web.aci"])
    assert lines[0] == first
    assert lines[-1].startswith("  remedy: ")
    assert list(spare.iterdir()) == []
