"""IMG2: the image manifest. Rules about images are silent about artifacts and attestations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, get
from contain.linter.registry import rule
from contain.linter.rules.image.descriptor import descriptors
from contain.linter.rules.image.media import CONFIGS, EMPTY, EMPTY_DIGEST, INDEXES, LAYERS, MANIFESTS, NONDISTRIBUTABLE, docker, oci

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


def is_image(manifest: Any) -> bool:
    """Whether it is an image, not an artifact."""
    return get(manifest, "config", "mediaType") in CONFIGS and not manifest.get("artifactType")


@rule
def media_type_missing(manifest: Any) -> Found:
    """IMG205 manifest-media-type-missing: a manifest tells its mediaType.

    Without it the same bytes may be read as an index or as a manifest.

    section: manifest.md / Image Manifest Property Descriptions
    severity: warning
    rows: MF02
    bad: {"mediaType": null}
    good: {"mediaType": "application/vnd.oci.image.manifest.v1+json"}
    """
    if "mediaType" not in manifest:
        yield "/mediaType", "mediaType is missing"


@rule
def media_type(manifest: Any) -> Found:
    """IMG206 manifest-media-type: mediaType of a manifest is that of a manifest.

    section: manifest.md / Image Manifest Property Descriptions
    rows: MF03
    bad: {"mediaType": "application/json"}
    good: {"mediaType": "application/vnd.oci.image.manifest.v1+json"}
    """
    if "mediaType" in manifest and manifest["mediaType"] not in MANIFESTS:
        yield "/mediaType", f"{manifest['mediaType'][:80]} is not the type of a manifest"


@rule
def artifact_type(manifest: Any) -> Found:
    """IMG207 artifact-type-missing: a manifest with the empty config tells its artifactType.

    Nothing else says what it is.

    section: manifest.md / Image Manifest Property Descriptions
    rows: MF04 MF05 MF08
    bad: {"config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest":
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2}}
    good: {"artifactType": "application/vnd.example.thing", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest":
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2}}
    """
    if get(manifest, "config", "mediaType") == EMPTY and not manifest.get("artifactType"):
        yield "/artifactType", "artifactType is missing, and config is the empty one"


@rule
def config_type(manifest: Any) -> Found:
    """IMG208 config-type: the config of an image is an image config.

    With a general type such as application/json nobody knows what the manifest is.

    section: manifest.md / Image Manifest Property Descriptions
    severity: warning
    rows: MF07
    bad: {"config": {"mediaType": "application/json", "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size":
      7}}
    good: {"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}}
    """
    kind = get(manifest, "config", "mediaType")
    if kind in ("application/json", "application/octet-stream", "text/plain", *MANIFESTS, *INDEXES):
        yield "/config/mediaType", f"{kind} says nothing about what the manifest holds"


@rule
def no_layers(manifest: Any) -> Found:
    """IMG209 no-layers: a manifest has at least one layer.

    The published schema demands it, the text only wishes it; many registries refuse none.

    section: manifest.md / Image Manifest Property Descriptions
    severity: warning
    rows: MF10 MF18
    bad: {"layers": []}
    good: {"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}]}
    """
    if manifest.get("layers") == []:
        words = "an artifact without content has the empty descriptor as its layer" if not is_image(manifest) else "there are no layers"
        yield "/layers", words


@rule
def layer_type(manifest: Any) -> Found:
    """IMG210 layer-type: layers of an image are tar archives, plain, or compressed by gzip or zstd.

    Clients may refuse others. Encrypted layers and artifacts are not meant.

    section: manifest.md / Image Manifest Property Descriptions
    severity: info
    rows: MF12 MF13
    bad: {"layers": [{"mediaType": "application/x-tar", "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "size": 7}]}
    good: {"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}]}
    """
    if not is_image(manifest):
        return
    for pointer, item in each(manifest, "layers"):
        kind = item.get("mediaType")
        if kind and kind not in (*LAYERS, *NONDISTRIBUTABLE) and not kind.endswith("+encrypted") and "in-toto" not in kind:
            yield f"{pointer}/mediaType", f"clients may refuse a layer of type {kind[:80]}"


@rule
def nondistributable(manifest: Any) -> Found:
    """IMG211 nondistributable-layer: layers are distributable.

    The types for others are deprecated: set urls in the descriptor where content must come from elsewhere.

    section: layer.md / Non-Distributable Layers
    severity: warning
    rows: MF14
    bad: {"layers": [{"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}]}
    good: {"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}]}
    """
    for pointer, item in each(manifest, "layers"):
        if item.get("mediaType") in NONDISTRIBUTABLE:
            yield f"{pointer}/mediaType", "types for layers that are not distributable are deprecated"


@rule
def empty_descriptor(manifest: Any) -> Found:
    """IMG212 empty-descriptor: the empty descriptor is the one that the specification gives.

    Digest and size are those of `{}`.

    section: manifest.md / Guidance for an Empty Descriptor
    rows: MF17
    bad: {"artifactType": "application/vnd.example.thing", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 2}}
    good: {"artifactType": "application/vnd.example.thing", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest":
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2, "data": "e30="}}
    """
    for pointer, item in descriptors(manifest):
        if item.get("mediaType") == EMPTY and {"digest", "size"} <= item.keys():
            by_other = not item["digest"].startswith("sha256:")
            if item["size"] != 2 or (item["digest"] != EMPTY_DIGEST and not by_other):
                yield pointer, f"the empty descriptor has size 2 and digest {EMPTY_DIGEST}"


@rule
def mixed(manifest: Any) -> Found:
    """IMG213 mixed-media-types: a manifest does not mix OCI's media types with Docker's.

    Some clients refuse such a manifest, and some registries rewrite it.

    section: media-types.md / Compatibility Matrix
    severity: warning
    rows: MF20
    bad: {"layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}]}
    good: {"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}]}
    """
    own = manifest.get("mediaType") or ""
    for pointer, item in descriptors(manifest):
        kind = item.get("mediaType") or ""
        if pointer != "/subject" and ((oci(own) and docker(kind)) or (docker(own) and oci(kind))):
            yield f"{pointer}/mediaType", f"{kind[:80]} in a manifest of type {own}"


@rule
def confusion(manifest: Any) -> Found:
    """IMG214 manifest-type-confusion: a manifest has no members of an index.

    With manifests too, one tool runs another image than the next one checked (CVE-2021-41190).

    section: manifest.md / Image Manifest Property Descriptions
    rows: II18
    reference: CVE-2021-41190
    bad: {"manifests": []}
    good: {"layers": []}
    """
    if "manifests" in manifest:
        yield "/manifests", "manifests belongs into an index: some tools would read this manifest as one"
