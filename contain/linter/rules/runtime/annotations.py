"""RUN3, second half: annotations of a runtime config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contain.linter.names import GOARCH, GOOS, RUNTIME_ANNOTATIONS, is_signal
from contain.linter.reading import entries
from contain.linter.registry import about, rule
from contain.linter.times import is_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]


@rule
@about("annotations")
def empty_key(config: Any) -> Found:
    """RUN311 annotation-key-empty: an annotation has a key.

    section: config.md / Annotations
    rows: RC52
    bad: {"annotations": {"": "x"}}
    good: {"annotations": {"com.example.x": "x"}}
    """
    for pointer, key, _ in entries(config, "annotations"):
        if not key:
            yield pointer, "the key of an annotation is empty"


@rule
@about("annotations")
def key_form(config: Any) -> Found:
    """RUN312 annotation-key-form: the key of an annotation is in reverse-domain form.

    com.example.key: so that two programs never mean two things by one key.

    section: config.md / Annotations
    severity: warning
    rows: RC53
    bad: {"annotations": {"colour": "blue"}}
    good: {"annotations": {"com.example.colour": "blue"}}
    """
    for pointer, key, _ in entries(config, "annotations"):
        if key and "." not in key:
            yield pointer, f"the annotation {key[:60]!r} is not in reverse-domain form"


@rule
@about("annotations")
def reserved_key(config: Any) -> Found:
    """RUN313 annotation-reserved: keys that begin with org.opencontainers are those of the specification.

    section: config.md / Annotations
    rows: RC54
    bad: {"annotations": {"org.opencontainers.colour": "blue"}}
    good: {"annotations": {"org.opencontainers.image.stopSignal": "SIGTERM"}}
    """
    for pointer, key, _ in entries(config, "annotations"):
        if key.startswith("org.opencontainers") and key not in RUNTIME_ANNOTATIONS and key != "org.opencontainers.image.exposedPorts":
            yield pointer, f"the annotation {key[:80]} is reserved, and the specification does not define it"


@rule
@about("annotations")
def value_form(config: Any) -> Found:
    """RUN314 annotation-value-form: values of the specification's annotations have the form of the image config's property.

    created is a time of RFC 3339, stopSignal a signal.

    section: config.md / Annotations
    rows: RC55
    bad: {"annotations": {"org.opencontainers.image.stopSignal": "TERM"}}
    good: {"annotations": {"org.opencontainers.image.stopSignal": "SIGTERM"}}
    """
    for pointer, key, value in entries(config, "annotations"):
        short = key.removeprefix("org.opencontainers.image.") if key in RUNTIME_ANNOTATIONS else ""
        if short == "created" and not is_time(value):
            yield pointer, f"created: {value[:40]!r} is no time of RFC 3339"
        elif short == "stopSignal" and not is_signal(value):
            yield pointer, f"stopSignal: {value[:40]!r} is no signal"
        elif short == "os" and value not in GOOS:
            yield pointer, f"os: {value[:40]!r} is no value of GOOS"
        elif short == "architecture" and value not in GOARCH:
            yield pointer, f"architecture: {value[:40]!r} is no value of GOARCH"
