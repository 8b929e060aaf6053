"""LAY0: the image layout. Rules yield the name of a file of the layout, a pointer into it, and the words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contain.linter.layout import blob_name, verifiable
from contain.linter.reading import get
from contain.linter.registry import rule
from contain.linter.rules.image.manifest import is_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.linter.layout import Layout

    Found = Iterator[tuple[str, str, str]]

_REF = "org.opencontainers.image.ref.name"
_ALGORITHM = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*", re.ASCII)
_ENCODED = re.compile(r"[a-zA-Z0-9=_-]+", re.ASCII)


@rule
def blobs_folder(layout: Layout) -> Found:
    """LAY002 layout-blobs-missing: a layout has a folder blobs.

    It may be empty.

    section: image-layout.md / Content
    rows: IL01
    """
    if layout.store.kind("blobs") != "folder":
        yield "oci-layout", "", "the layout has no folder blobs"


@rule
def marker(layout: Layout) -> Found:
    """LAY003 layout-file-missing: a layout has a file oci-layout.

    section: image-layout.md / Content
    rows: IL02
    """
    if layout.store.kind("oci-layout") != "file":
        yield "oci-layout", "", "the layout has no file oci-layout"


@rule
def index(layout: Layout) -> Found:
    """LAY004 layout-index-missing: a layout has a file index.json.

    section: image-layout.md / index.json file
    rows: IL04
    """
    if layout.store.kind("index.json") != "file":
        yield "index.json", "", "the layout has no file index.json"


@rule
def blob_content(layout: Layout) -> Found:
    """LAY005 blob-digest: a blob's content has the digest that is its name.

    section: image-layout.md / Blobs
    rows: IL05
    """
    done: set[str] = set()
    for item in layout.references:
        algorithm = verifiable(item.descriptor.get("digest") or "")
        if not algorithm or item.blob in done or layout.store.kind(item.blob) != "file":
            continue
        done.add(item.blob)
        if layout.store.digest(item.blob, algorithm) != item.blob.rpartition("/")[2]:
            yield item.document, f"{item.pointer}/digest", f"the content of {item.blob} has another digest"
    for name in layout.store.names():
        folder, _, encoded = name.removeprefix("blobs/").partition("/")
        algorithm = verifiable(f"{folder}:{encoded}") if name.startswith("blobs/") and name not in done else ""
        if algorithm and layout.store.kind(name) == "file" and layout.store.digest(name, algorithm) != encoded:
            yield "index.json", "", f"the content of {name}, to which nothing refers, has another digest"


@rule
def blob_size(layout: Layout) -> Found:
    """LAY006 blob-size: a blob has the size that its descriptor tells.

    section: descriptor.md / Properties
    rows: IL05 ID03
    """
    for item in layout.references:
        size = item.descriptor.get("size")
        if layout.store.kind(item.blob) == "file" and size.__class__ is int and layout.store.size(item.blob) != size:
            yield item.document, f"{item.pointer}/size", f"{item.blob} has {layout.store.size(item.blob)} bytes, not {size}"


@rule
def blob_names(layout: Layout) -> Found:
    """LAY007 blob-name: folders below blobs are named by algorithms, and blobs by digests.

    section: image-layout.md / Blobs
    rows: IL06
    """
    for name in layout.store.names():
        parts = name.split("/")
        if parts[0] != "blobs" or len(parts) == 1:
            continue
        sound = len(parts) <= 3 and _ALGORITHM.fullmatch(parts[1]) and (len(parts) == 2 or _ENCODED.fullmatch(parts[2]))
        if not sound or (len(parts) == 2 and layout.store.kind(name) == "file"):
            yield "index.json", "", f"{name[:120]} is no name of a blob"


@rule
def missing_blob(layout: Layout) -> Found:
    """LAY008 blob-missing: a blob that is referred to is there.

    A layout may leave blobs to another store; then it is not complete by itself.

    section: image-layout.md / Blobs
    severity: warning
    rows: IL07
    """
    for item in layout.references:
        if not layout.store.kind(item.blob) and not item.descriptor.get("urls"):
            yield item.document, f"{item.pointer}/digest", f"{item.blob} is not there"


@rule
def unused_blob(layout: Layout) -> Found:
    """LAY009 blob-unused: every blob is referred to.

    Others are allowed, and take room.

    section: image-layout.md / Blobs
    severity: info
    rows: IL08
    """
    used = {item.blob for item in layout.references}
    for name in layout.store.names():
        if name.startswith("blobs/") and name.count("/") == 2 and name not in used and layout.store.kind(name) == "file":
            yield "index.json", "", f"nothing refers to {name}"


@rule
def ref_place(layout: Layout) -> Found:
    """LAY010 ref-name-place: ref.name annotations stand at the descriptors of index.json.

    Elsewhere tools do not look for them.

    section: image-layout.md / index.json file
    severity: warning
    rows: IL10
    """
    for item in layout.references:
        if item.document != "index.json" and _REF in (get(item.descriptor, "annotations") or {}):
            yield item.document, f"{item.pointer}/annotations/{_REF}", "ref.name has a meaning only in index.json"


@rule
def ref_twice(layout: Layout) -> Found:
    """LAY011 ref-name-twice: a ref.name is given once.

    Which one counts differs between tools. Several platforms under one name belong into an index of their own.

    section: image-layout.md / index.json file
    severity: warning
    rows: IL11
    """
    seen: set[tuple[str, str]] = set()
    for item in layout.references:
        name = (get(item.descriptor, "annotations") or {}).get(_REF) if item.document == "index.json" else None
        key = (str(name), str(item.descriptor.get("platform")))
        if name and key in seen:
            yield item.document, f"{item.pointer}/annotations/{_REF}", f"the name {name[:60]} is given twice"
        seen.add(key)


@rule
def links(layout: Layout) -> Found:
    """LAY012 layout-link: files of a layout are regular files.

    A link may lead out of it, to a file of whoever reads the layout.

    section: image-layout.md / Content
    rows: IL12
    """
    for name in layout.store.names():
        if layout.store.kind(name) in ("link", "other") and name.split("/")[0] in ("blobs", "index.json", "oci-layout"):
            yield "index.json", "", f"{name[:120]} is a {'link' if layout.store.kind(name) == 'link' else 'special file'}"


@rule
def cycle(layout: Layout) -> Found:
    """LAY013 index-cycle: indexes are nested without a circle, and at most 16 deep.

    section: image-index.md / Image Index Property Descriptions
    rows: II17
    """
    for item in layout.cycles:
        yield item.document, item.pointer, "indexes refer to each other in a circle, or are nested too deep"


@rule
def layer_count(layout: Layout) -> Found:
    """LAY014 layer-count: a manifest has as many layers as its config has diff_ids.

    section: config.md / Layer DiffID
    rows: MF19
    """
    for name, manifest in layout.of_kind("image-manifest"):
        config = layout.value(blob_name(get(manifest, "config", "digest")))
        layers, ids = manifest.get("layers"), get(config, "rootfs", "diff_ids")
        if is_image(manifest) and layers.__class__ is list and ids.__class__ is list and len(layers) != len(ids):
            yield name, "/layers", f"the manifest has {len(layers)} layers, its config {len(ids)} diff_ids"


@rule
def platform(layout: Layout) -> Found:
    """LAY015 platform-differs: the platform in an index is that of the image's config.

    Else clients choose an image that does not run.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: IC23
    """
    for item in layout.references:
        manifest = layout.value(item.blob)
        config = layout.value(blob_name(get(manifest, "config", "digest")))
        wanted = item.descriptor.get("platform")
        if wanted.__class__ is not dict or config.__class__ is not dict or not is_image(manifest):
            continue
        for key in ("architecture", "os", "variant"):
            if wanted.get(key) and config.get(key) and wanted[key] != config[key]:
                yield (
                    item.document,
                    f"{item.pointer}/platform/{key}",
                    f"{key} is {wanted[key]!r} here and {config[key]!r} in the image's config",
                )


@rule
def type_of_content(layout: Layout) -> Found:
    """LAY016 media-type-differs: a document's mediaType is the one by which it is referred to.

    A client that trusts one and a check that trusts the other see two images (CVE-2021-41190).

    section: descriptor.md / Properties
    rows: II18
    reference: CVE-2021-41190
    """
    for item in layout.references:
        value = layout.value(item.blob)
        own = value.get("mediaType") if value.__class__ is dict else None
        if own and own != item.descriptor.get("mediaType"):
            yield item.document, f"{item.pointer}/mediaType", f"the content says {str(own)[:80]}"
