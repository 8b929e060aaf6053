"""Layouts and archives: sound ones have no finding, and each fault is found by its rule."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from contain.cli.main import main
from contain.linter import Linter, Settings
from contain.linter.examples import BASES, document
from contain.linter.registry import MODULES, functions
from contain.linter.sets import check

SETS = ("image-layout-folder", "image-layers", "docker-archive-file", "aci-file")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def tar(*entries, mode="w"):
    """A tar archive of (name, content) or TarInfo objects."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info, data = (entry, b"") if isinstance(entry, tarfile.TarInfo) else (tarfile.TarInfo(entry[0]), entry[1])
            if data is None:
                info.type, info.mode, data = tarfile.DIRTYPE, 0o755, b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def special(name, **fields):
    """An entry with odd fields."""
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


class Builder:
    """Builds a layout of one image; each part can be changed before it is written."""

    def __init__(self, folder):
        self.folder = folder
        self.layer = [("etc", None), ("etc/hosts", b"127.0.0.1 localhost\n")]
        self.config = json.loads(json.dumps(BASES["image-config"]))
        self.manifest = {"schemaVersion": 2, "mediaType": MANIFEST}
        self.index = {"schemaVersion": 2, "mediaType": INDEX}
        self.entry = {"annotations": {"org.opencontainers.image.ref.name": "box"}}
        self.layer_type = LAYER
        self.packed = None

    def blob(self, data, kind):
        """Write a blob and give its descriptor."""
        if isinstance(data, dict):
            data = json.dumps(data).encode()
        name = hashlib.sha256(data).hexdigest()
        path = self.folder / "blobs" / "sha256" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(data)}

    def write(self):
        """Write all of it; gives the folder."""
        plain = tar(*self.layer)
        self.config["rootfs"] = self.config.get("rootfs") or {}
        self.config["rootfs"].update(
            type="layers", diff_ids=self.config["rootfs"].get("ids") or [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
        )
        self.config["rootfs"].pop("ids", None)
        layer = self.blob(self.packed if self.packed is not None else gzip.compress(plain, mtime=0), self.layer_type)
        self.manifest = {**self.manifest, "config": self.blob(self.config, CONFIG), "layers": [layer]}
        self.index = {**self.index, "manifests": [{**self.blob(self.manifest, MANIFEST), **self.entry}, *self.index.get("manifests", [])]}
        (self.folder / "index.json").write_text(json.dumps(self.index))
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return self.folder


def found(path, kind="layout"):
    """Ids of the findings that are not advice, and the linter must not fail."""
    settings = Settings()
    settings.preview = True
    linter = Linter(settings)
    items = [item for _, items, _ in check(linter, str(path), kind, named=True) for item in items]
    assert not linter.failed, [str(item) for item in items if item.id == "DOC999"]
    return {item.id: item for item in items}


QUIET = {"SEC603", "SEC807"}


def test_a_sound_layout(tmp_path):
    """As a folder and as a tar archive."""
    folder = Builder(tmp_path / "box").write()
    assert set(found(folder)) - QUIET == set()
    archive = shutil.make_archive(str(tmp_path / "box"), "tar", folder)
    assert set(found(archive, "archive")) - QUIET == set()


def test_a_blob_to_which_nothing_refers_has_its_digest_too(tmp_path):
    """The text says so of every blob."""
    builder = Builder(tmp_path / "box")
    folder = builder.write()
    more = folder / "blobs/sha256" / builder.blob(b"more", "text/plain")["digest"].partition(":")[2]
    assert set(found(folder)) - QUIET == {"LAY009"}
    more.write_bytes(b"less")
    assert set(found(folder)) - QUIET == {"LAY009", "LAY005"}


def _rewrite(builder, change):
    folder = builder.write()
    change(folder)
    return folder


def _first_blob(folder):
    digest = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
    return folder / "blobs" / digest.replace(":", "/")


def _index(folder, change):
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


AFTER = {
    "LAY001": lambda folder: (folder / "oci-layout").write_text('{"imageLayoutVersion": "9"}'),
    "LAY002": lambda folder: shutil.rmtree(folder / "blobs"),
    "LAY003": lambda folder: (folder / "oci-layout").unlink(),
    "LAY004": lambda folder: (folder / "index.json").unlink(),
    "LAY005": lambda folder: _first_blob(folder).write_bytes(_first_blob(folder).read_bytes().replace(b"2", b"2", 1)[:-1] + b" "),
    "LAY006": lambda folder: _index(folder, lambda index: index["manifests"][0].update(size=7)),
    "LAY007": lambda folder: (folder / "blobs" / "sha256" / "a b").write_text(""),
    "LAY008": lambda folder: _first_blob(folder).unlink(),
    "LAY009": lambda folder: (folder / "blobs" / "sha256" / hashlib.sha256(b"").hexdigest()).write_text(""),
    "LAY011": lambda folder: _index(folder, lambda index: index["manifests"].append(index["manifests"][0])),
    "LAY012": lambda folder: (folder / "blobs" / "sha256" / ("1" * 64)).symlink_to("/etc/passwd"),
    "LAY016": lambda folder: _index(folder, lambda index: index["manifests"][0].update(mediaType=INDEX)),
}


@pytest.mark.parametrize("id", AFTER)
def test_faults_of_layouts(id, tmp_path):
    """Something done to a sound layout."""
    assert id in found(_rewrite(Builder(tmp_path), AFTER[id]))


LAYERS = {
    "LAY102": [("a", b"1"), ("a", b"2")],
    "LAY104": [("d/.wh.a", b"x")],
    "LAY105": [("d/.wh.", b"")],
    "LAY106": [("d/.wh.a", b""), ("d/a", b"x")],
    "LAY107": [("d/.wh..wh..opq", b"")],
    "LAY108": [("../../etc/cron.d/x", b"x")],
    "LAY103": [
        special("hole", pax_headers={"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0", "GNU.sparse.size": "0"})
    ],
    "SEC606": [special("dev/sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "SEC607": [special("bin/su", mode=0o4755)],
    "SEC608": [("zero", b"\0" * (17 << 20))],
}


@pytest.mark.parametrize("id", LAYERS)
def test_faults_of_layers(id, tmp_path):
    """Odd entries of a layer."""
    builder = Builder(tmp_path)
    builder.layer = LAYERS[id]
    assert id in found(builder.write())


def test_more_faults_of_images(tmp_path):
    """What needs two documents, or a layer that is none."""
    builder = Builder(tmp_path / "a")
    builder.packed = b"no tar"
    assert "LAY101" in found(builder.write())
    builder = Builder(tmp_path / "b")
    builder.packed = b""
    assert "SEC609" in found(builder.write())
    builder = Builder(tmp_path / "c")
    builder.config["rootfs"]["ids"] = [f"sha256:{'0' * 64}"] * 2
    assert "LAY014" in found(builder.write())
    builder = Builder(tmp_path / "d")
    builder.entry["platform"] = {"architecture": "arm64", "os": "linux"}
    item = found(builder.write())["LAY015"]
    assert (item.pointer, item.position.line) == ("/manifests/0/platform/architecture", 1)
    builder = Builder(tmp_path / "e")
    builder.layer_type = LAYER.removesuffix("+gzip")
    assert "compressed by gzip" in found(builder.write())["LAY101"].message


def test_a_diff_id_is_of_the_layer_as_it_is_unpacked(tmp_path):
    """Found at its place in the config, for a compressed and for a plain layer; what is unknown to us is not told."""
    for name, kind in (("gzip", LAYER), ("plain", LAYER.removesuffix("+gzip"))):
        builder = Builder(tmp_path / name)
        builder.layer_type = kind
        plain = tar(*builder.layer)
        builder.packed = plain if name == "plain" else gzip.compress(plain) + gzip.compress(b"\0" * 1024)
        builder.config["rootfs"]["ids"] = [f"sha256:{'0' * 64}"]
        item = found(builder.write())["LAY109"]
        right = hashlib.sha256(plain + (b"" if name == "plain" else b"\0" * 1024)).hexdigest()
        assert (item.pointer, item.message.split(":")[-1]) == ("/rootfs/diff_ids/0", right)
        assert "blobs/sha256" in item.file
    builder = Builder(tmp_path / "sha512")
    builder.config["rootfs"]["ids"] = [f"sha512:{hashlib.sha512(tar(*builder.layer)).hexdigest()}"]
    assert "LAY109" not in found(builder.write())
    builder = Builder(tmp_path / "odd")
    builder.config["rootfs"]["ids"] = [f"md5:{'0' * 32}"]
    assert "LAY109" not in found(builder.write())


def test_layers_of_zstd(tmp_path):
    """Read where Python can; the first bytes are looked at in any case."""
    builder = Builder(tmp_path / "a")
    builder.layer_type = LAYER.replace("gzip", "zstd")
    assert "not compressed by zstd" in found(builder.write())["LAY101"].message
    try:
        from compression.zstd import compress
    except ImportError:
        compress = pytest.importorskip("zstandard").compress
    for name, ids in (("b", None), ("c", [f"sha256:{'0' * 64}"])):
        builder = Builder(tmp_path / name)
        builder.layer_type = LAYER.replace("gzip", "zstd")
        builder.layer = [("a", b"1"), ("a", b"2")]
        builder.packed = compress(tar(*builder.layer))
        builder.config["rootfs"]["ids"] = ids
        ids = found(builder.write())
        assert "LAY102" in ids
        assert ("LAY109" in ids) == (name == "c")


def test_bombs_are_not_unpacked_to_be_hashed(tmp_path):
    """What follows the archive is bounded too."""
    builder = Builder(tmp_path)
    builder.packed = gzip.compress(tar(("a", b"1")) + b"\0" * (64 << 20))
    builder.config["rootfs"]["ids"] = [f"sha256:{'0' * 64}"]
    assert "LAY109" not in found(builder.write())


def test_nested_indexes(tmp_path):
    """Names belong to the outermost index, and a chain of indexes ends."""
    builder = Builder(tmp_path)
    inner = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    for _ in range(20):
        inner = {**inner, "manifests": [{**builder.blob(inner, INDEX), "annotations": {"org.opencontainers.image.ref.name": "in"}}]}
    builder.index["manifests"] = [builder.blob(inner, INDEX)]
    ids = found(builder.write())
    assert {"LAY010", "LAY013"} <= set(ids)


def docker_archive(path, change=lambda manifest, files: None, extra=()):
    """What docker save writes."""
    plain = tar(("a", b"1"))
    config = {**BASES["image-config"], "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]}}
    data = json.dumps(config).encode()
    files = {f"{hashlib.sha256(data).hexdigest()}.json": data, "x/layer.tar": plain}
    manifest = [{"Config": next(iter(files)), "RepoTags": ["box:1"], "Layers": ["x/layer.tar"]}]
    change(manifest, files)
    path.write_bytes(tar(("manifest.json", json.dumps(manifest).encode()), *files.items(), *extra))
    return path


ARCHIVES = {
    "DAR001": lambda manifest, _: manifest[0].update(Layers=7),
    "DAR002": lambda manifest, _: manifest[0].update(Layers=["y/layer.tar"]),
    "DAR003": lambda manifest, files: files.update({manifest[0]["Config"]: files[manifest[0]["Config"]] + b" "}),
    "DAR004": lambda manifest, _: manifest[0].update(Layers=[]),
    "DAR005": lambda manifest, _: manifest[0].update(Layers=["../layer.tar"]),
    "DAR006": lambda manifest, _: manifest[0].update(RepoTags=["Box"]),
    "DAR007": lambda manifest, _: manifest[0].update(RepoTags=["box:1", "box:1"]),
    "DAR009": lambda manifest, _: manifest.clear(),
    "DAR011": lambda manifest, files: files.update({"x/layer.tar": gzip.compress(tar(("a", b"2")))}),
    "DAR010": lambda manifest, _: manifest[0].update(RepoTags=None),
}


def test_a_sound_docker_archive(tmp_path):
    """Nothing is found."""
    assert set(found(docker_archive(tmp_path / "box.tar"), "archive")) - QUIET == set()


@pytest.mark.parametrize("id", ARCHIVES)
def test_faults_of_docker_archives(id, tmp_path):
    """Each by its rule."""
    assert id in found(docker_archive(tmp_path / "box.tar", ARCHIVES[id]), "archive")


def test_entries_of_docker_archives(tmp_path):
    """Twice the same, and a link that leads out."""
    assert "DAR008" in found(docker_archive(tmp_path / "a.tar", extra=[("x/layer.tar", b"")]), "archive")
    link = special("x/link", type=tarfile.SYMTYPE, linkname="../../etc")
    assert "DAR005" in found(docker_archive(tmp_path / "b.tar", extra=[link]), "archive")


def aci(path, *extra, manifest=None, mode="w:gz"):
    """An appc image archive."""
    data = json.dumps(manifest or BASES["appc-image"]).encode()
    path.write_bytes(tar(("manifest", data), ("rootfs", None), ("rootfs/bin", b"x"), *extra, mode=mode))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_sound_aci(mode, tmp_path):
    """In each compression."""
    assert set(found(aci(tmp_path / "box.aci", mode=mode), "archive")) - QUIET == set()


def test_faults_of_acis(tmp_path):
    """Name, entries, folders, escapes, no archive; and the manifest by its own rules with a place inside."""
    assert "ACI001" in found(aci(tmp_path / "box.tar"), "archive")
    assert "ACI002" in found(aci(tmp_path / "a.aci", ("rootfs/bin", b"y")), "archive")
    assert "ACI003" in found(aci(tmp_path / "b.aci", ("rootfs2/x", b"y")), "archive")
    assert "ACI004" in found(aci(tmp_path / "c.aci", special("rootfs/l", type=tarfile.LNKTYPE, linkname="../x")), "archive")
    assert "200 times" in found(aci(tmp_path / "g.aci", ("rootfs/zero", b"\0" * (17 << 20))), "archive")["ACI005"].message
    (tmp_path / "d.aci").write_text("nothing")
    assert "ACI005" in found(tmp_path / "d.aci", "archive")
    item = found(aci(tmp_path / "e.aci", manifest={**BASES["appc-image"], "name": "Box"}), "archive")["ACI103"]
    assert item.place.endswith("e.aci!manifest:1:60")
    (tmp_path / "f.aci.asc").write_text("")
    assert "SEC807" not in found(aci(tmp_path / "f.aci"), "archive")


def test_by_the_command(tmp_path, monkeypatch, capsys):
    """A layout is found by walking and taken as one; its file names it too; an unknown archive is an error when named."""
    monkeypatch.chdir(tmp_path)
    builder = Builder(tmp_path / "box")
    builder.config["os"] = "Linux"
    builder.write()
    assert main(["lint", ".", "-o", "concise", "--fail-level", "warning"]) == 1
    walked = capsys.readouterr().out
    assert walked.count("IMG307") == 1
    assert walked.startswith("box/blobs/sha256/")
    main(["lint", "box/oci-layout", "-o", "concise"])
    assert capsys.readouterr().out == walked
    (tmp_path / "x.tar").write_bytes(tar(("a", b"")))
    assert main(["lint", "x.tar", "-q"]) == 1


def test_a_config_beside_its_image(tmp_path, monkeypatch, capsys):
    """--image takes an image config or a layout of one image; what is neither is an error."""
    monkeypatch.chdir(tmp_path)
    Builder(tmp_path / "box").write()
    config = document("runtime-config", {"root": {"path": "/"}, "process": {"args": ["other"], "env": ["PATH=/usr/bin:/bin"]}})
    (tmp_path / "c.json").write_text(json.dumps(config))
    assert main(["lint", "c.json", "--image", "box", "-o", "concise", "--select", "CNV"]) == 1
    assert sorted(line.split()[1] for line in capsys.readouterr().out.splitlines()) == ["CNV001", "CNV005", "CNV006"]
    assert main(["lint", "c.json", "-o", "concise", "--select", "CNV"]) == 0
    assert main(["lint", "c.json", "--image", "c.json"]) == 2
    assert "holds no image configs" in capsys.readouterr().err


def test_every_rule_about_sets_is_shown_here():
    """Each has a fault above."""
    ids = {id for kind in SETS for id, _ in functions(kind)}
    assert set(SETS) <= set(MODULES)
    text = Path(__file__).read_text(encoding="utf-8")
    assert [id for id in sorted(ids) if f'"{id}"' not in text] == []
