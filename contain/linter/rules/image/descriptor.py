"""IMG0: descriptors, wherever they stand."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from contain.linter.reading import each, get
from contain.linter.registry import rule
from contain.linter.rules.image.media import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

#: length of the encoded part, in lower-case hex
_LENGTHS = {"sha256": 64, "sha512": 128, "blake3": 64}
_HEX = frozenset("0123456789abcdef")


def descriptors(value: Any) -> Iterator[tuple[str, Any]]:
    """Pointer and descriptor of everything in an index or manifest, or the document itself."""
    if "digest" in value:
        yield "", value
    for name in ("config", "subject"):
        if get(value, name).__class__ is dict and "layers" not in get(value, name):
            yield f"/{name}", value[name]
    for name in ("manifests", "layers"):
        yield from each(value, name)


@rule
def digest_length(value: Any) -> Found:
    """IMG005 digest-length: the encoded part of a digest has the letters and length of its algorithm.

    sha256 and blake3: 64 lower-case hex digits, sha512: 128.

    section: descriptor.md / SHA-256
    rows: ID10 ID11 ID12
    bad: {"digest": "sha256:ABC"}
    good: {"digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
    """
    for pointer, item in descriptors(value):
        algorithm, _, encoded = (item.get("digest") or "").partition(":")
        length = _LENGTHS.get(algorithm)
        if length and (len(encoded) != length or not _HEX.issuperset(encoded)):
            yield f"{pointer}/digest", f"a digest by {algorithm} has {length} lower-case hex digits"


@rule
def url_form(value: Any) -> Found:
    """IMG006 url-form: urls are URIs of RFC 3986.

    section: descriptor.md / Properties
    rows: ID05
    bad: {"urls": ["not a url"]}
    good: {"urls": ["https://example.com/blob"]}
    """
    for pointer, item in descriptors(value):
        for index, text in enumerate(item.get("urls") or ()):
            if _scheme(text) is None:
                yield f"{pointer}/urls/{index}", f"{text[:60]!r} is no URI"


@rule
def url_scheme(value: Any) -> Found:
    """IMG007 url-scheme: urls begin with http or https.

    section: descriptor.md / Properties
    severity: warning
    rows: ID06
    bad: {"urls": ["ftp://example.com/blob"]}
    good: {"urls": ["https://example.com/blob"]}
    """
    for pointer, item in descriptors(value):
        for index, text in enumerate(item.get("urls") or ()):
            scheme = _scheme(text)
            if scheme is not None and scheme not in ("http", "https"):
                yield f"{pointer}/urls/{index}", f"{text[:60]} should begin with https or http"


def _scheme(text: str) -> str | None:
    if not text or any(letter <= " " or letter in '<>"{}|\\^`' for letter in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return parts.scheme.lower() if parts.scheme else None


@rule
def embedded(value: Any) -> Found:
    """IMG008 embedded-data: data is base64, and decodes to exactly the content that size and digest tell.

    Clients use it in the place of a download.

    section: descriptor.md / Embedded Content
    rows: ID08
    bad: {"data": "e30=", "size": 3, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
    good: {"data": "e30=", "size": 2, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
    """
    for pointer, item in descriptors(value):
        text = item.get("data")
        if text is None:
            continue
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            yield f"{pointer}/data", "data is no base64"
            continue
        algorithm, _, encoded = (item.get("digest") or "").partition(":")
        if item.get("size") is not None and len(data) != item["size"]:
            yield f"{pointer}/data", f"data has {len(data)} bytes, size says {item['size']}"
        elif (
            algorithm in ("sha256", "sha512")
            and len(encoded) == _LENGTHS[algorithm]
            and hashlib.new(algorithm, data).hexdigest() != encoded
        ):
            yield f"{pointer}/data", "data has another digest"


@rule
def algorithm(value: Any) -> Found:
    """IMG009 digest-algorithm: a digest is by a registered algorithm.

    Others are allowed and few tools know them; sha256 is known to all.

    section: descriptor.md / Registered algorithms
    severity: info
    rows: ID13
    bad: {"digest": "md5:d41d8cd98f00b204e9800998ecf8427e"}
    good: {"digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
    """
    for pointer, item in descriptors(value):
        name = (item.get("digest") or "").partition(":")[0]
        if name and name not in _LENGTHS:
            yield f"{pointer}/digest", f"few tools know the algorithm {name[:40]}"


@rule
def inexact_size(value: Any) -> Found:
    """IMG010 inexact-size: size can be held by a double.

    JSON readers that know no integers (I-JSON, RFC 7493) round above 2^53.

    section: considerations.md / JSON
    severity: warning
    rows: RD03
    bad: {"size": 9007199254740993}
    good: {"size": 9007199254740991}
    """
    for pointer, item in descriptors(value):
        if (item.get("size") or 0) > 2**53:
            yield f"{pointer}/size", "readers that hold numbers as doubles round this size"


@rule
def descriptor_platform(value: Any) -> Found:
    """IMG011 descriptor-platform: the descriptor of an image manifest tells its platform.

    Clients choose by it without fetching each manifest. Attestations and artifacts have none.

    section: descriptor.md / Properties
    severity: warning
    rows: ID14 II08
    bad: {"mediaType": "application/vnd.oci.image.manifest.v1+json", "platform": null}
    good: {"mediaType": "application/vnd.oci.image.manifest.v1+json", "platform": {"architecture": "amd64", "os": "linux"}}
    """
    listed = value.get("manifests") or ()
    if len(listed) == 1 and "digest" not in value:
        return  # an index of a layout names single images, which need no choice
    for pointer, item in descriptors(value):
        if item.get("mediaType") in MANIFESTS and pointer != "/subject" and "platform" not in item and not item.get("artifactType"):
            yield f"{pointer}/platform", "no platform is given: clients cannot choose by it"
