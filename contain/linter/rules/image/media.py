"""Media types of images, OCI's and Docker's."""

from __future__ import annotations

_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker."
INDEXES = (_OCI + "index.v1+json", _DOCKER + "distribution.manifest.list.v2+json")
MANIFESTS = (_OCI + "manifest.v1+json", _DOCKER + "distribution.manifest.v2+json")
CONFIGS = (_OCI + "config.v1+json", _DOCKER + "container.image.v1+json")
LAYERS = (
    *(_OCI + f"layer.v1.tar{ending}" for ending in ("", "+gzip", "+zstd")),
    *(_DOCKER + f"image.rootfs.diff.tar{ending}" for ending in ("", ".gzip", ".zstd")),
)
NONDISTRIBUTABLE = (
    *(_OCI + f"layer.nondistributable.v1.tar{ending}" for ending in ("", "+gzip", "+zstd")),
    _DOCKER + "image.rootfs.foreign.diff.tar.gzip",
    _DOCKER + "image.rootfs.foreign.diff.tar",
)
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def docker(text: str) -> bool:
    """Whether it is one of Docker's."""
    return text.startswith(_DOCKER)


def oci(text: str) -> bool:
    """Whether it is one of the OCI's image types."""
    return text.startswith(_OCI)
