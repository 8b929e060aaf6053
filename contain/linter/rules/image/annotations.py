"""IMG4: annotations of images, and labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contain.linter.names import IMAGE_ANNOTATIONS
from contain.linter.reading import entries
from contain.linter.registry import rule
from contain.linter.rules.image.descriptor import descriptors
from contain.linter.times import is_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_PREFIX = "org.opencontainers.image."
_REF = re.compile(r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", re.ASCII)
_LICENCES = re.compile(
    r"\(?[A-Za-z0-9.+-]+(?::[A-Za-z0-9.+-]+)?\)?(?: (?:AND|OR|WITH) \(?[A-Za-z0-9.+-]+(?::[A-Za-z0-9.+-]+)?\)?)*", re.ASCII
)
_LABEL_SCHEMA = "org.label-schema."


def pairs(value: Any) -> Iterator[tuple[str, str, str]]:
    """Pointer, key and value of every annotation and label of a document."""
    yield from entries(value, "annotations")
    yield from entries(value, "config", "Labels")
    for pointer, item in descriptors(value):
        if pointer:
            yield from ((f"{pointer}{place}", key, text) for place, key, text in entries(item, "annotations"))


@rule
def empty_key(value: Any) -> Found:
    """IMG402 image-annotation-key-empty: an annotation has a key.

    section: annotations.md / Rules
    rows: IA01 ID07 II16 MF16 IC13
    bad: {"annotations": {"": "x"}}
    good: {"annotations": {"com.example.x": ""}}
    """
    for pointer, key, _ in pairs(value):
        if not key:
            yield pointer, "the key of an annotation is empty"


@rule
def key_form(value: Any) -> Found:
    """IMG403 image-annotation-key-form: the key of an annotation is in reverse-domain form.

    Labels of images often are not, which is no more than a wish of the text.

    section: annotations.md / Rules
    severity: warning
    rows: IA03
    bad: {"annotations": {"colour": "blue"}}
    good: {"annotations": {"com.example.colour": "blue"}}
    """
    for pointer, key, _ in pairs(value):
        if key and "." not in key and not pointer.startswith("/config/Labels"):
            yield pointer, f"the annotation {key[:60]!r} is not in reverse-domain form"


@rule
def reserved_key(value: Any) -> Found:
    """IMG404 image-annotation-reserved: keys that begin with org.opencontainers are those of the specification.

    section: annotations.md / Rules
    rows: IA04 IA05
    bad: {"annotations": {"org.opencontainers.image.colour": "blue"}}
    good: {"annotations": {"org.opencontainers.image.title": "box"}}
    """
    for pointer, key, _ in pairs(value):
        if key.startswith("org.opencontainers.") and key not in IMAGE_ANNOTATIONS:
            yield pointer, f"the annotation {key[:80]} is reserved, and the specification does not define it"


@rule
def created(value: Any) -> Found:
    """IMG405 annotation-created: org.opencontainers.image.created is a time of RFC 3339.

    section: annotations.md / Pre-Defined Annotation Keys
    rows: IA07
    bad: {"annotations": {"org.opencontainers.image.created": "2026-01-01"}}
    good: {"annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"}}
    """
    for pointer, key, text in pairs(value):
        if key == _PREFIX + "created" and not is_time(text):
            yield pointer, f"{text[:40]!r} is no time of RFC 3339"


@rule
def urls(value: Any) -> Found:
    """IMG406 annotation-url: url, documentation and source are URLs.

    section: annotations.md / Pre-Defined Annotation Keys
    severity: warning
    rows: IA08
    bad: {"annotations": {"org.opencontainers.image.url": "example"}}
    good: {"annotations": {"org.opencontainers.image.url": "https://example.com"}}
    """
    for pointer, key, text in pairs(value):
        if key in (_PREFIX + "url", _PREFIX + "documentation", _PREFIX + "source") and "://" not in text and not text.startswith("git@"):
            yield pointer, f"{text[:60]!r} is no URL"


@rule
def licences(value: Any) -> Found:
    """IMG407 annotation-licenses: licenses is an SPDX expression.

    section: annotations.md / Pre-Defined Annotation Keys
    severity: warning
    rows: IA09
    bad: {"annotations": {"org.opencontainers.image.licenses": "Apache License, Version 2.0"}}
    good: {"annotations": {"org.opencontainers.image.licenses": "Apache-2.0 OR MIT"}}
    """
    for pointer, key, text in pairs(value):
        if key == _PREFIX + "licenses" and text and not _LICENCES.fullmatch(text):
            yield pointer, f"{text[:60]!r} is no SPDX expression"


@rule
def reference(value: Any) -> Found:
    """IMG408 annotation-ref-name: ref.name has the letters and the grammar of a reference.

    section: annotations.md / Pre-Defined Annotation Keys
    severity: warning
    rows: IA10
    bad: {"annotations": {"org.opencontainers.image.ref.name": "my image"}}
    good: {"annotations": {"org.opencontainers.image.ref.name": "example.com/box:1.0"}}
    """
    for pointer, key, text in pairs(value):
        if key == _PREFIX + "ref.name" and not _REF.fullmatch(text):
            yield pointer, f"{text[:60]!r} is no reference"


@rule
def base_digest(value: Any) -> Found:
    """IMG409 annotation-base-digest: base.digest is a digest.

    section: annotations.md / Pre-Defined Annotation Keys
    rows: IA11
    bad: {"annotations": {"org.opencontainers.image.base.digest": "latest"}}
    good: {"annotations": {"org.opencontainers.image.base.digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}
    """
    for pointer, key, text in pairs(value):
        if key == _PREFIX + "base.digest" and not _DIGEST.fullmatch(text):
            yield pointer, f"{text[:60]!r} is no digest"


@rule
def base_name(value: Any) -> Found:
    """IMG410 annotation-base-name: base.name is a reference with its registry.

    A short name means another image for another client.

    section: annotations.md / Pre-Defined Annotation Keys
    severity: warning
    rows: IA12 IA13
    bad: {"annotations": {"org.opencontainers.image.base.name": "debian"}}
    good: {"annotations": {"org.opencontainers.image.base.name": "docker.io/library/debian:bookworm"}}
    """
    for pointer, key, text in pairs(value):
        host = text.partition("/")[0]
        if key == _PREFIX + "base.name" and ("/" not in text or not ("." in host or ":" in host or host == "localhost")):
            yield pointer, f"{text[:60]!r} names no registry"


@rule
def label_schema(value: Any) -> Found:
    """IMG411 label-schema: keys of label-schema.org are not used.

    The keys of the OCI supersede them.

    section: annotations.md / Back-compatibility with Label Schema
    severity: warning
    rows: IA14
    bad: {"annotations": {"org.label-schema.name": "box"}}
    good: {"annotations": {"org.opencontainers.image.title": "box"}}
    """
    for pointer, key, _ in pairs(value):
        if key.startswith(_LABEL_SCHEMA):
            yield pointer, f"{key[:60]} is superseded by keys of org.opencontainers.image"
