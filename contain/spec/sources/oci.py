"""An OCI bundle: a folder with config.json, or such a file; obeyed to the letter (runtime-spec 1.0 to 1.3)."""

from __future__ import annotations

import os

from contain.spec import defaults
from contain.spec.apply import apply
from contain.spec.model import Origins, RunOptions, Spec
from contain.spec.sources import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.options import Options


def read(target: str, options: Options) -> Spec:
    """The spec of the bundle or config.json at `target`."""
    path = options.absolute(target)
    is_folder = os.path.isdir(path)
    file = os.path.join(path, "config.json") if is_folder else path
    shown = os.path.normpath(os.path.join(target, "config.json")) if is_folder else target
    document = manifest.parse(manifest.read(file, shown), shown)
    warnings: list[str] = []
    config = manifest.require("runtime-config", document, warnings=warnings)
    if b"null" in document.data:
        defaults.drop_nulls(config)
    defaults.fill(config)
    bundle = os.path.dirname(file)
    origins = Origins(document)
    root = os.path.normpath(os.path.join(bundle, config["root"]["path"])) if config["root"]["path"] else ""
    run = RunOptions(rm=True, tty=bool(config["process"]["terminal"]))
    spec = Spec(config, kind="oci", bundle=bundle, root=root, origins=origins, run=run)
    spec.warnings += warnings
    return apply(spec, options)
