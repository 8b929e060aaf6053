"""SEC6: advice for images."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from contain.linter.reading import each, entries, get
from contain.linter.registry import rule
from contain.linter.rules.security.limits import SECRET, SHAPES
from contain.linter.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = Iterator[tuple[str, str]]

_PREFIX = "org.opencontainers.image."


@rule
def root(config: Any) -> Found:
    """SEC601 image-root: the image runs as an ordinary user.

    section: advice
    severity: warning
    rows: SEC46
    reference: hadolint DL3002
    bad: {"config": {"User": "root"}}
    good: {"config": {"User": "1000"}}
    """
    user = (get(config, "config", "User") or "").partition(":")[0]
    if "config" in config and user in ("", "0", "root") and config.get("os") != "windows":
        yield "/config/User", "containers of the image run as root"


@rule
def secrets(config: Any) -> Found:
    """SEC602 image-secret: environment, labels and history hold no secrets.

    Everybody who can pull the image reads them.

    section: advice
    rows: SEC50
    bad: {"config": {"Env": ["PATH=/bin", "API_KEY=abc123"]}}
    good: {"config": {"Env": ["PATH=/bin", "API_KEY_FILE=/run/secrets/key"]}}
    """
    for pointer, text in each(config, "config", "Env"):
        name, _, value = text.partition("=")
        if value and (
            (SECRET.search(name) and not name.upper().endswith(("_FILE", "_PATH")) and not value.startswith("/")) or SHAPES.search(value)
        ):
            yield pointer, f"{name[:60]} looks like a secret"
    for pointer, name, value in entries(config, "config", "Labels"):
        if SHAPES.search(value):
            yield pointer, f"the label {name[:60]} looks like a secret"
    for pointer, item in each(config, "history"):
        if SHAPES.search(item.get("created_by") or ""):
            yield f"{pointer}/created_by", "the command looks as if it held a secret"


@rule
def provenance(config: Any) -> Found:
    """SEC603 image-provenance: labels tell source and revision.

    So that people can find out what is inside.

    section: advice
    severity: info
    rows: SEC48
    bad: {"config": {"Labels": {}}}
    good: {"config": {"Labels": {"org.opencontainers.image.source": "https://example.com/box", "org.opencontainers.image.revision": "abc"}}}
    """
    names = get(config, "config", "Labels") or {}
    missing = [name for name in ("source", "revision") if _PREFIX + name not in names]
    if missing and "config" in config:
        yield "/config/Labels", f"no label tells {' and '.join(missing)}"


@rule
def layers(config: Any) -> Found:
    """SEC604 image-many-layers: an image has at most 127 layers.

    Overlays of some kernels and engines take no more.

    section: advice
    severity: info
    rows: SEC51
    """
    number = len(get(config, "rootfs", "diff_ids") or ())
    if number > 127:
        yield "/rootfs/diff_ids", f"{number} layers: overlays take 127"


@rule
def moving_base(config: Any) -> Found:
    """SEC610 image-moving-base: labels name the base image by digest, not only by a tag that moves.

    section: advice
    severity: info
    rows: SEC47
    reference: hadolint DL3006, DL3007
    bad: {"config": {"Labels": {"org.opencontainers.image.base.name": "docker.io/library/debian:latest"}}}
    good: {"config": {"Labels": {"org.opencontainers.image.base.name": "docker.io/library/debian:12", "org.opencontainers.image.base.digest":
      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}}
    """
    labels = get(config, "config", "Labels") or {}
    if _PREFIX + "base.name" in labels and _PREFIX + "base.digest" not in labels:
        yield f"/config/Labels/{_PREFIX}base.name", "the base image is named by a tag only: no base.digest"


@rule
def future(config: Any) -> Found:
    """SEC605 image-from-the-future: created is not in the future.

    A clock was wrong, or somebody wants to be the newest.

    section: advice
    severity: info
    rows: SEC53
    bad: {"created": "9999-01-01T00:00:00Z"}
    good: {"created": "2026-01-01T00:00:00Z"}
    """
    time = parse_time(config.get("created") or "")
    if time is not None and time > datetime.now(UTC) + timedelta(days=1):
        yield "/created", f"{config['created']} is in the future"
