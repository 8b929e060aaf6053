"""An appc image: what its manifest means, and that its archive cannot lead out of its folder."""

from __future__ import annotations

import copy
import gzip
import io
import json
import lzma
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from contain.errors import ContainError, ManifestError
from contain.spec import presets
from contain.spec.options import BY_KEYWORD, Options
from contain.spec.sources import aci, archive, isolators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contain.spec.model import Spec

MANIFEST: dict[str, Any] = {
    "acKind": "ImageManifest",
    "acVersion": "0.8.11",
    "name": "example.com/web",
    "labels": [{"name": "os", "value": "linux"}],
    "app": {
        "exec": ["/bin/web", "--port", "80"],
        "user": "100",
        "group": "300",
        "workingDirectory": "/srv",
        "environment": [{"name": "MODE", "value": "a"}],
        "mountPoints": [{"name": "db", "path": "/var/db", "readOnly": True}],
        "isolators": [
            {"name": "resource/memory", "value": {"limit": "1Gi"}},
            {"name": "resource/cpu", "value": {"request": "250m", "limit": "1.5"}},
        ],
    },
}


def entry(name: str, data: bytes | None = None, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive: a folder, or a file when it has data."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
    info.mode = 0o755
    info.size = len(data or b"")
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data or b""


def pack(path: Path, *members: tuple[tarfile.TarInfo, bytes], manifest: Any = MANIFEST) -> str:
    """An image with these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for info, data in (entry("manifest", json.dumps(manifest, indent=1).encode()), entry("rootfs"), *members):
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(stream.getvalue())
    return str(path)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Spec]]:
    """Specs whose folders are removed at the end."""
    specs: list[Spec] = []
    yield specs
    for spec in specs:
        for folder in spec.run.temporary:
            archive.remove(folder)
    assert [name for name in os.listdir(tmp_path) if name.startswith("contain-")] == []


def read(
    tmp_path: Path,
    made: list[Spec],
    *members: tuple[tarfile.TarInfo, bytes],
    manifest: Any = MANIFEST,
    command: tuple[str, ...] = (),
    **texts: Any,
) -> Spec:
    """The spec of an image with these members."""
    pack(tmp_path / "web.aci", *members, manifest=manifest)
    options = Options(cwd=str(tmp_path), environ={"TMPDIR": str(tmp_path), "SECRET": "x"}, command=list(command))
    for keyword, values in texts.items():
        for text in values:
            options.add(BY_KEYWORD[keyword], BY_KEYWORD[keyword].shown, text)
    made.append(aci.read("web.aci", options))
    return made[-1]


def change(path: str, value: Any) -> dict[str, Any]:
    """The manifest with one member of app changed; None removes it."""
    manifest = copy.deepcopy(MANIFEST)
    manifest["app"][path] = value
    if value is None:
        del manifest["app"][path]
    return manifest


def test_app(tmp_path: Path, made: list[Spec]) -> None:
    """Appc's text, word by word."""
    spec = read(tmp_path, made, entry("rootfs/bin"), entry("rootfs/bin/web", b"x"))
    process, linux = spec.config["process"], spec.config["linux"]
    assert process["args"] == ["/bin/web", "--port", "80"]
    assert process["cwd"] == "/srv"
    assert process["env"] == [f"PATH={presets.PATH}", "AC_APP_NAME=web", "container=contain", "MODE=a"]
    assert process["user"] == {"uid": 100, "gid": 300}
    assert not process["noNewPrivileges"]
    assert len(process["capabilities"]["bounding"]) == 14
    assert linux["resources"]["memory"] == {"limit": 1 << 30}
    assert linux["resources"]["cpu"] == {"period": 100_000, "quota": 150_000}
    assert (tmp_path / spec.root / "bin/web").read_bytes() == b"x"
    assert spec.run.init


def test_places(tmp_path: Path, made: list[Spec]) -> None:
    """Values keep their place in the manifest inside the archive; contain's own have none."""
    spec = read(tmp_path, made)
    assert spec.origins.place("/process/args").startswith("web.aci!manifest:12:")
    assert spec.origins.place("/process/args").endswith(": app.exec")
    assert spec.origins.place("/linux/resources/memory/limit").endswith(": app.isolators[0].value.limit")
    assert spec.origins.place("/mounts/0") == ""
    assert spec.origins.place("/process/env/3").endswith(": app.environment[0]")


def test_volumes_by_name(tmp_path: Path, made: list[Spec]) -> None:
    """A mount point is filled by its name, read-only when the manifest says so; one without a volume is empty, with a word."""
    spec = read(tmp_path, made, volume=["/data:db"])
    assert spec.config["mounts"][-1]["destination"] == "/var/db"
    assert spec.config["mounts"][-1]["options"][:2] == ["rbind", "rro"]
    assert spec.warnings == []
    empty = read(tmp_path, made)
    assert empty.config["mounts"][-1]["type"] == "tmpfs"
    assert "no volume is given for db" in empty.warnings[0]
    assert empty.warnings[0].startswith("web.aci!manifest:")


def test_owner_of_a_file(tmp_path: Path, made: list[Spec]) -> None:
    """A user by path is the owner of that file; one by name is looked up inside."""
    manifest = change("user", "/etc/owner")
    spec = read(tmp_path, made, entry("rootfs/etc"), entry("rootfs/etc/owner", b"", uid=42, gid=43), manifest=manifest)
    assert spec.config["process"]["user"]["uid"] == 42
    assert read(tmp_path, made, manifest=change("user", "daemon")).run.user == "daemon:300"


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ([{"name": "os/linux/no-new-privileges", "value": True}], lambda spec: spec.config["process"]["noNewPrivileges"]),
        (
            [{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_CHOWN"]}}],
            lambda spec: spec.config["process"]["capabilities"]["bounding"] == ["CAP_CHOWN"],
        ),
        (
            [{"name": "os/linux/capabilities-remove-set", "value": {"set": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}}],
            lambda spec: len(spec.config["process"]["capabilities"]["bounding"]) == 13,
        ),
        (
            [{"name": "os/linux/seccomp-remove-set", "value": {"set": ["mount"], "errno": "EPERM"}}],
            lambda spec: (
                spec.config["linux"]["seccomp"]["syscalls"] == [{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
                and spec.run.seccomp == ""
            ),
        ),
        (
            [{"name": "os/linux/seccomp-retain-set", "value": {"set": ["read"]}}],
            lambda spec: spec.config["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_KILL_PROCESS",
        ),
        ([{"name": "os/linux/seccomp-retain-set", "value": {"set": ["@appc.io/all"]}}], lambda spec: spec.run.seccomp == "unconfined"),
        (
            [{"name": "os/linux/seccomp-remove-set", "value": {"set": ["@docker/default-blacklist"]}}],
            lambda spec: spec.run.seccomp == "default",
        ),
        ([{"name": "os/linux/oom-score-adj", "value": 10}], lambda spec: spec.config["process"]["oomScoreAdj"] == 10),
        (
            [{"name": "example.com/new", "value": 1}],
            lambda spec: any("isolator example.com/new is ignored" in text for text in spec.warnings),
        ),
    ],
)
def test_isolators(tmp_path: Path, made: list[Spec], rows: list[Any], check: Any) -> None:
    """Each isolator is enforced or reported."""
    assert check(read(tmp_path, made, manifest=change("isolators", rows)))


@pytest.mark.parametrize(
    ("text", "number"), [("500m", 0.5), ("1G", 10**9), ("1Gi", 1 << 30), (3, 3), ("1.5", 1.5), ("2k", None), ("-1", None), (True, None)]
)
def test_quantity(text: object, number: float | None) -> None:
    """Appc's quantities; K is a thousand, Ki is 1,024."""
    if number is None:
        with pytest.raises(ValueError, match="quantity"):
            isolators.quantity(text)
    else:
        assert isolators.quantity(text) == pytest.approx(number)


@pytest.mark.parametrize(
    "members",
    [
        [entry("../evil", b"x")],
        [entry("/evil", b"x")],
        [entry("rootfs/../../evil", b"x")],
        [entry("rootfs2", b"x")],
        [entry("rootfs/link", b"", type=tarfile.SYMTYPE, linkname="/tmp"), entry("rootfs/link/evil", b"x")],
        [entry("rootfs/link", b"", type=tarfile.SYMTYPE, linkname=".."), entry("rootfs/link", b"x")],
        [entry("rootfs/hard", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        [entry("rootfs/hard", b"", type=tarfile.LNKTYPE, linkname="../../etc/passwd")],
        [entry("rootfs/a", b"x"), entry("rootfs/a/b", b"x")],
        [entry("rootfs/a", b"x"), entry("rootfs/a", b"y")],
        [entry("manifest", b"{}")],
    ],
    ids=lambda members: members[-1][0].name,
)
def test_nothing_leads_out(tmp_path: Path, members: list[Any]) -> None:
    """Hostile members end the unpacking, and nothing of it is left."""
    file = pack(tmp_path / "evil.aci", *members)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ManifestError, match="cannot unpack it"):
        archive.unpack(file, "evil.aci", str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == before


def test_links_inside(tmp_path: Path) -> None:
    """Links that stay inside, modes and times are kept; absolute links are text, not followed."""
    file = pack(
        tmp_path / "ok.aci",
        entry("./rootfs/bin", mode=0o555, mtime=5),
        entry("rootfs/bin/sh", b"sh", mode=0o4755, mtime=7),
        entry("rootfs/bin/ash", b"", type=tarfile.LNKTYPE, linkname="rootfs/bin/sh"),
        entry("rootfs/sh", b"", type=tarfile.SYMTYPE, linkname="/bin/sh"),
        entry("rootfs/null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    )
    unpacked = archive.unpack(file, "ok.aci", str(tmp_path))
    root = unpacked.folder + "/rootfs"
    assert os.path.samefile(f"{root}/bin/sh", f"{root}/bin/ash")
    assert os.stat(f"{root}/bin/sh").st_mode & 0o7777 == 0o4755
    assert os.stat(f"{root}/bin").st_mtime == 5
    assert os.readlink(f"{root}/sh") == "/bin/sh"
    assert unpacked.notes == ["rootfs/null is a device and was left out: the container has a /dev of its own"]
    archive.remove(unpacked.folder)
    assert not os.path.exists(unpacked.folder)


@pytest.mark.parametrize("packer", [gzip.compress, lzma.compress])
def test_packed(tmp_path: Path, packer: Any) -> None:
    """gzip and xz are unpacked by what they are, not by their name."""
    file = tmp_path / "web.aci"
    pack(file)
    file.write_bytes(packer(file.read_bytes()))
    unpacked = archive.unpack(str(file), "web.aci", str(tmp_path))
    assert json.loads(unpacked.manifest) == MANIFEST
    archive.remove(unpacked.folder)


@pytest.mark.parametrize("data", [b"\x8c\x0d\x04", b"\x1f\x8b broken", b"plain text that is no tar", b""])
def test_not_an_archive(tmp_path: Path, data: bytes) -> None:
    """What is no archive is said to be so."""
    (tmp_path / "x.aci").write_bytes(data)
    with pytest.raises(ContainError) as caught:
        archive.unpack(str(tmp_path / "x.aci"), "x.aci", str(tmp_path))
    assert caught.value.place == "x.aci"
    assert os.listdir(tmp_path) == ["x.aci"]


def test_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than the bound end it."""
    monkeypatch.setattr(archive, "BYTES", 1000)
    file = pack(tmp_path / "bomb.aci", entry("rootfs/a", b"x" * 600), entry("rootfs/b", b"x" * 600))
    with pytest.raises(ManifestError, match="more than 1000 bytes"):
        archive.unpack(file, "bomb.aci", str(tmp_path))


def test_huge_header(tmp_path: Path) -> None:
    """A PAX header is read into memory, so it is bounded."""
    file = pack(tmp_path / "pax.aci", entry("pax", b"x" * (1 << 21), type=tarfile.XHDTYPE))
    with pytest.raises(ManifestError, match="extended header"):
        archive.unpack(file, "pax.aci", str(tmp_path))


def test_unpacked_image(tmp_path: Path) -> None:
    """A folder with manifest and rootfs is run as it is."""
    (tmp_path / "manifest").write_text(json.dumps(MANIFEST))
    (tmp_path / "rootfs").mkdir()
    spec = aci.read(str(tmp_path), Options(cwd="/", environ={}))
    assert spec.root == str(tmp_path / "rootfs")
    assert spec.run.temporary == []
