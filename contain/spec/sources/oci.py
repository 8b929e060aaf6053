"""An OCI bundle: a folder with config.json, such a file, or what it says as a mapping; obeyed to the letter (runtime-spec 1.0 to 1.3)."""

from __future__ import annotations

from contain import paths
from contain.spec import defaults
from contain.spec.apply import apply
from contain.spec.model import Origins, RunOptions, Spec
from contain.spec.sources import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from contain.document import Document
    from contain.spec.options import Options

#: what messages call a mapping, which has no file
NAME = "<spec>"


def read(target: str, options: Options) -> Spec:
    """The spec of the bundle or config.json at `target`."""
    path = options.absolute(target)
    is_folder = paths.isdir(path)
    file = paths.join(path, "config.json") if is_folder else path
    shown = paths.normpath(paths.join(target, "config.json")) if is_folder else target
    return _spec(manifest.parse(manifest.read(file, shown), shown), paths.dirname(file), options)


def read_mapping(value: Mapping[str, Any], options: Options) -> Spec:
    """The spec of a config.json that the caller holds; its relative paths are beside the working folder."""
    from contain.document import value as values

    return _spec(values.of(value, NAME), options.cwd, options)


def _spec(document: Document, bundle: str, options: Options) -> Spec:
    warnings: list[str] = []
    config = manifest.require("runtime-config", document, warnings=warnings)
    if not document.is_text or b"null" in document.data:
        defaults.drop_nulls(config)
    defaults.fill(config)
    origins = Origins(document)
    root = paths.normpath(paths.join(bundle, config["root"]["path"])) if config["root"]["path"] else ""
    run = RunOptions(rm=True, tty=bool(config["process"]["terminal"]))
    spec = Spec(config, kind="oci", bundle=bundle, root=root, origins=origins, run=run)
    spec.warnings += warnings
    return apply(spec, options)
