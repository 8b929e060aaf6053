"""DAR0: docker archives, as `docker save` writes them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from contain.linter.layout import verifiable
from contain.linter.reading import get
from contain.linter.registry import rule
from contain.linter.unpack import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.archives import DockerArchive

    Found = Iterator[tuple[str, str, str]]

_MANIFEST = "manifest.json"
_TAG = re.compile(r"[a-z0-9]+([._/:-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)


def _files(archive: DockerArchive) -> Iterator[tuple[str, str, bool]]:
    """Pointer and name of every file that manifest.json names; true for configs."""
    for index, image in enumerate(archive.images):
        if get(image, "Config").__class__ is str:
            yield f"/{index}/Config", image["Config"], True
        for number, name in enumerate(get(image, "Layers") or ()):
            if name.__class__ is str:
                yield f"/{index}/Layers/{number}", name, False


@rule
def missing_file(archive: DockerArchive) -> Found:
    """DAR002 archive-file-missing: files that manifest.json names are in the archive.

    section: docker image spec v1.2
    """
    for pointer, name, _ in _files(archive):
        if not _leads_out(name) and archive.store.kind(name) not in ("file", "link"):
            yield _MANIFEST, pointer, f"{name[:80]} is not in the archive"


@rule
def config_digest(archive: DockerArchive) -> Found:
    """DAR003 archive-config-digest: a config is named by its digest.

    HEX.json, or blobs/sha256/HEX: engines take the name for the image's id.

    section: docker image spec v1.2
    """
    for pointer, name, is_config in _files(archive):
        encoded = name.rpartition("/")[2].removesuffix(".json")
        data = archive.store.read(name, archive.limit) if is_config and len(encoded) == 64 else None
        if data is not None and hashlib.sha256(data).hexdigest() != encoded:
            yield _MANIFEST, pointer, f"the content of {name[:80]} has another digest"


@rule
def layer_count(archive: DockerArchive) -> Found:
    """DAR004 archive-layer-count: an image has as many layers as its config has diff_ids.

    section: docker image spec v1.2
    """
    for index, image in enumerate(archive.images):
        ids = get(archive.config(image), "rootfs", "diff_ids")
        layers = get(image, "Layers")
        if ids.__class__ is list and layers.__class__ is list and len(ids) != len(layers):
            yield _MANIFEST, f"/{index}/Layers", f"the image has {len(layers)} layers, its config {len(ids)} diff_ids"


@rule
def diff_ids(archive: DockerArchive) -> Found:
    """DAR011 archive-diff-id: a diff_id of the config is the digest of the layer as it is before it is compressed.

    docker load refuses the archive otherwise.

    section: docker image spec v1.2
    """
    known: dict[tuple[str, str], str] = {}
    for index, image in enumerate(archive.images):
        ids, layers = get(archive.config(image), "rootfs", "diff_ids"), get(image, "Layers")
        for number, (name, wanted) in enumerate(zip(layers or (), ids if ids.__class__ is list else (), strict=False)):
            algorithm = verifiable(wanted) if wanted.__class__ is str else ""
            stream = archive.store.open(name) if algorithm and name.__class__ is str else None
            if stream is None:
                continue  # a link to the layer of another image, or nothing
            if (name, algorithm) not in known:
                with stream:
                    known[name, algorithm] = digest(stream, archive.store.size(name), algorithm)
            real = known[name, algorithm]
            if real and real != wanted.partition(":")[2]:
                yield _MANIFEST, f"/{index}/Layers/{number}", f"{name[:80]} holds {algorithm}:{real}, and the config says otherwise"


@rule
def escape(archive: DockerArchive) -> Found:
    """DAR005 archive-escape: no name leads out of the archive.

    section: docker image spec v1.2
    """
    for pointer, name, _ in _files(archive):
        if _leads_out(name):
            yield _MANIFEST, pointer, f"{name[:80]} leads out of the archive"
    for name in archive.store.order:
        member = archive.store.member(name)
        if _leads_out(name) or (
            member is not None and member.issym() and _leads_out(f"{name.rpartition('/')[0]}/{member.linkname}".lstrip("/"))
        ):
            yield _MANIFEST, "", f"the entry {name[:80]} leads out of the archive"


def _leads_out(name: str) -> bool:
    depth = 0
    for part in name.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return name.startswith("/")


@rule
def tags(archive: DockerArchive) -> Found:
    """DAR006 archive-tag: RepoTags are NAME:TAG.

    section: docker image spec v1.2
    """
    for index, image in enumerate(archive.images):
        for number, text in enumerate(get(image, "RepoTags") or ()):
            if text.__class__ is str and not _TAG.fullmatch(text):
                yield _MANIFEST, f"/{index}/RepoTags/{number}", f"{text[:60]!r} is not NAME:TAG"


@rule
def tag_twice(archive: DockerArchive) -> Found:
    """DAR007 archive-tag-twice: a tag is given once.

    The image that is read last gets it.

    section: docker image spec v1.2
    severity: warning
    """
    seen: set[Any] = set()
    for index, image in enumerate(archive.images):
        for number, text in enumerate(get(image, "RepoTags") or ()):
            if text in seen:
                yield _MANIFEST, f"/{index}/RepoTags/{number}", f"the tag {str(text)[:60]} is given twice"
            seen.add(text)


@rule
def entry_twice(archive: DockerArchive) -> Found:
    """DAR008 archive-entry-twice: a path is in the archive once.

    Readers differ on which one counts.

    section: docker image spec v1.2
    """
    seen: set[str] = set()
    for name in archive.store.order:
        if name in seen and archive.store.kind(name) != "folder":
            yield _MANIFEST, "", f"{name[:80]} is in the archive twice"
        seen.add(name)


@rule
def no_image(archive: DockerArchive) -> Found:
    """DAR009 archive-empty: manifest.json names at least one image.

    section: docker image spec v1.2
    severity: warning
    """
    if archive.empty:
        yield _MANIFEST, "", "the archive holds no image"


@rule
def untagged(archive: DockerArchive) -> Found:
    """DAR010 archive-untagged: an image of an archive has a name.

    Loaded it has only its id.

    section: docker image spec v1.2
    severity: info
    """
    for index, image in enumerate(archive.images):
        if not get(image, "RepoTags"):
            yield _MANIFEST, f"/{index}", "the image has no tag"
