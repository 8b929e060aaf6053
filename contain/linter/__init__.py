"""The linter: `lint()` says everything that is to be said about a manifest."""

from __future__ import annotations

import os
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
    """Everything that is to be said about one document: a path, or its content as bytes (then called `name`).

    `kind` forces the kind (`runtime-config`, `image-index`, …); without it the document tells. `image` is the image
    config (as parsed) that a runtime config was made from, `host` facts as `contain doctor --host` prints them.
    """
    linter = Linter(settings)
    linter.image, linter.host = image, host
    if isinstance(target, bytes):
        return linter.check(parse(target, name, limit=linter.settings.max_size), kind=kind, named=True)
    path = os.fspath(target)
    document = load(path, limit=linter.settings.max_size)
    return linter.check(document, kind=kind, bundle=Bundle(os.path.dirname(path) or "."), named=True)


def load(target: str | os.PathLike[str] | bytes, *, name: str = "<bytes>", limit: int = 4 * 1024 * 1024) -> Document:
    """A document with its places: a path, or its content as bytes."""
    if isinstance(target, bytes):
        return parse(target, name, limit=limit)
    path = os.fspath(target)
    with open(path, "rb") as file:
        return parse(file.read(limit + 1), path, limit=limit)
