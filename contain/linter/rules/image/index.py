"""IMG1: the image index, and platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.names import GOARCH, GOOS
from contain.linter.reading import each, get
from contain.linter.registry import rule
from contain.linter.rules.image.media import INDEXES, MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

#: architecture → variants of the table
VARIANTS = {
    "arm": ("v5", "v6", "v7", "v8"),
    "arm64": ("v8", "v8.0", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9", "v9", *(f"v9.{n}" for n in range(6))),
    "amd64": ("v1", "v2", "v3", "v4"),
    "ppc64le": ("power8", "power9", "power10"),
    "riscv64": ("rva20u64", "rva22u64", "rva23u64"),
}


def platforms(index: Any) -> Iterator[tuple[str, Any, Any]]:
    """Pointer of the platform, platform and descriptor of the entries that are images."""
    for pointer, item in each(index, "manifests"):
        platform = item.get("platform")
        attestation = "vnd.docker.reference.type" in (item.get("annotations") or {})
        if platform and not attestation and not item.get("artifactType"):
            yield f"{pointer}/platform", platform, item


@rule
def media_type_missing(index: Any) -> Found:
    """IMG105 index-media-type-missing: an index tells its mediaType.

    Without it the same bytes may be read as an index or as a manifest.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: II02
    bad: {"mediaType": null}
    good: {"mediaType": "application/vnd.oci.image.index.v1+json"}
    """
    if "mediaType" not in index:
        yield "/mediaType", "mediaType is missing"


@rule
def media_type(index: Any) -> Found:
    """IMG106 index-media-type: mediaType of an index is that of an index.

    section: image-index.md / Image Index Property Descriptions
    rows: II03
    bad: {"mediaType": "application/vnd.oci.image.manifest.v1+json"}
    good: {"mediaType": "application/vnd.oci.image.index.v1+json"}
    """
    if "mediaType" in index and index["mediaType"] not in INDEXES:
        yield "/mediaType", f"{index['mediaType'][:80]} is not the type of an index"


@rule
def entry_type(index: Any) -> Found:
    """IMG107 index-entry-type: entries of an index are manifests or indexes.

    Other types are no error, and few clients know them.

    section: image-index.md / Image Index Property Descriptions
    severity: info
    rows: II07
    bad: {"manifests": [{"mediaType": "text/plain", "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size":
      7}]}
    good: {"manifests": []}
    """
    for pointer, item in each(index, "manifests"):
        kind = item.get("mediaType")
        if kind and kind not in (*MANIFESTS, *INDEXES):
            yield f"{pointer}/mediaType", f"few clients know entries of type {kind[:80]}"


@rule
def platform_values(index: Any) -> Found:
    """IMG108 platform-values: architecture and os are values of GOARCH and GOOS.

    Clients compare them by the letter.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: II10
    bad: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "x86_64", "os": "linux"}}]}
    good: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "amd64", "os": "linux"}}]}
    """
    for pointer, platform, _ in platforms(index):
        architecture, system = platform.get("architecture"), platform.get("os")
        if architecture == system == "unknown":
            continue
        if architecture and architecture not in GOARCH:
            yield f"{pointer}/architecture", f"{architecture[:40]!r} is no value of GOARCH"
        if system and system not in GOOS:
            yield f"{pointer}/os", f"{system[:40]!r} is no value of GOOS"


@rule
def os_features(index: Any) -> Found:
    """IMG109 platform-os-features: os.features of Windows are win32k.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: II11
    bad: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "amd64", "os": "windows",
      "os.features": ["gpu"]}}]}
    good: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "amd64", "os": "windows",
      "os.features": ["win32k"]}}]}
    """
    for pointer, platform, _ in platforms(index):
        for number, name in enumerate(platform.get("os.features") or ()):
            if platform.get("os") == "windows" and name != "win32k":
                yield f"{pointer}/os.features/{number}", f"{name[:40]!r} is no feature of Windows that the specification knows"


@rule
def variant(index: Any) -> Found:
    """IMG110 platform-variant: the variant is one of the table for its architecture.

    section: image-index.md / Platform Variants
    severity: warning
    rows: II12
    bad: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "arm", "os": "linux",
      "variant": "7"}}]}
    good: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "arm", "os": "linux",
      "variant": "v7"}}]}
    """
    for pointer, platform, _ in platforms(index):
        known = VARIANTS.get(platform.get("architecture") or "")
        if platform.get("variant") and known and platform["variant"] not in known:
            yield f"{pointer}/variant", f"{platform['variant'][:40]!r} is no variant of {platform['architecture']}"


@rule
def reserved_features(index: Any) -> Found:
    """IMG111 platform-features: platform.features is not used.

    It is reserved for later versions.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: II13
    bad: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "amd64", "os": "linux",
      "features": ["sse4"]}}]}
    good: {"manifests": []}
    """
    for pointer, platform, _ in platforms(index):
        if platform.get("features"):
            yield f"{pointer}/features", "features is reserved: do not use it"


@rule
def same_platform(index: Any) -> Found:
    """IMG112 platform-twice: no two entries are for the same platform.

    Clients take the first.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: II14
    bad: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "amd64", "os": "linux"}},
      {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "size": 7, "platform": {"architecture": "amd64", "os": "linux"}}]}
    good: {"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7, "platform": {"architecture": "amd64", "os": "linux"}},
      {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "size": 7, "platform": {"architecture": "arm64", "os": "linux"}}]}
    """
    seen: dict[tuple[Any, ...], str] = {}
    for pointer, platform, item in platforms(index):
        key = tuple(str(platform.get(name)) for name in ("architecture", "os", "variant", "os.version", "os.features"))
        name = (item.get("annotations") or {}).get("org.opencontainers.image.ref.name")
        if "unknown" in key[:2]:
            continue
        if (key, name) in seen:
            yield pointer, f"{key[1]}/{key[0]} has an entry already ({seen[key, name]}): clients take that one"
        seen[key, name] = pointer.removesuffix("/platform")


@rule
def confusion(index: Any) -> Found:
    """IMG113 index-type-confusion: an index has no members of a manifest.

    With config or layers too, one tool runs another image than the next one checked (CVE-2021-41190).

    section: image-index.md / Image Index Property Descriptions
    rows: II18
    reference: CVE-2021-41190
    bad: {"config": {}}
    good: {"manifests": []}
    """
    for name in ("config", "layers", "fsLayers"):
        if name in index:
            yield f"/{name}", f"{name} belongs into a manifest: some tools would read this index as one"


@rule
def subject(index: Any) -> Found:
    """IMG114 index-subject: subject is the descriptor of a manifest.

    section: image-index.md / Image Index Property Descriptions
    severity: warning
    rows: II15
    bad: {"subject": {"mediaType": "text/plain", "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}}
    good: {"subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size": 7}}
    """
    kind = get(index, "subject", "mediaType")
    if kind and kind not in (*MANIFESTS, *INDEXES):
        yield "/subject/mediaType", f"subject is a manifest, not {kind[:80]}"
