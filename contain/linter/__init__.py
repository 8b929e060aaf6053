"""The linter: `lint()` says everything that is to be said about a manifest."""

from __future__ import annotations

import os
from errno import ENOENT
from typing import TYPE_CHECKING, Any

from contain.document import parse
from contain.linter.bundle import Bundle
from contain.linter.engine import Linter
from contain.linter.settings import Settings

if TYPE_CHECKING:
    from contain.diagnostics.model import Diagnostic
    from contain.document import Document

__all__ = ["Linter", "Settings", "lint", "load"]


def lint(
    target: str | os.PathLike[str] | bytes,
    *,
    kind: str = "",
    name: str = "<bytes>",
    image: Any = None,
    host: Any = None,
    settings: Settings | None = None,
) -> list[Diagnostic]:
    """Everything that is to be said about a path, or a document's content as bytes (then called `name`).

    A path is a document, an archive, an image layout, or a folder in which manifests are looked for, as for the command.

    `kind` forces the kind (`runtime-config`, `image-index`, …); without it the document tells. `image` is the image
    config (as parsed) that a runtime config was made from, `host` facts as `contain doctor --host` prints them.
    """
    linter = Linter(settings)
    linter.image, linter.host = image, host
    if isinstance(target, bytes):
        return linter.check(parse(target, name, limit=linter.settings.max_size), kind=kind, named=True)
    path = os.fspath(target)
    if kind or path.endswith(".json"):
        return _document(linter, path, kind, named=True)
    from contain.linter.sets import check  # archives, which most calls do not need
    from contain.linter.walk import targets

    if not os.path.exists(path):
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
    found = []
    for one in targets([path], linter.settings):
        if one.kind == "document":
            found += _document(linter, one.path, kind, named=one.named)
        else:
            found += [item for _, items, _ in check(linter, one.path, one.kind, named=one.named) for item in items]
    return found


def _document(linter: Linter, path: str, kind: str, *, named: bool) -> list[Diagnostic]:
    document = load(path, limit=linter.settings.max_size)
    bundle = Bundle(os.path.dirname(path) or ".") if os.path.basename(path) == "config.json" else None
    return linter.check(document, kind=kind, bundle=bundle, named=named)


def load(target: str | os.PathLike[str] | bytes, *, name: str = "<bytes>", limit: int = 4 * 1024 * 1024) -> Document:
    """A document with its places: a path, or its content as bytes."""
    if isinstance(target, bytes):
        return parse(target, name, limit=limit)
    path = os.fspath(target)
    with open(path, "rb") as file:
        return parse(file.read(limit + 1), path, limit=limit)
