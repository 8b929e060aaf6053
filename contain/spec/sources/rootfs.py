"""A folder that is to be the root, and options: everything else is safe by default (docs/design.md, "Defaults are safe")."""

from __future__ import annotations

import os

from contain.errors import UsageError
from contain.spec import presets
from contain.spec.apply import apply
from contain.spec.model import Origins, RunOptions, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.options import Options

#: what is run when no command is given
_SHELL = "/bin/sh"
#: one of these every root file system has that is not made for one static program
_USUAL = ("bin", "sbin", "usr", "lib", "etc")


def read(target: str, options: Options) -> Spec:
    """The spec of a run in the folder `target`."""
    root = os.path.realpath(options.absolute(target))
    if not os.path.isdir(root):
        raise UsageError(f"{target} is not a folder", remedy="give a rootfs folder, a bundle or an .aci file")
    if os.path.isdir(f"{root}/rootfs") and not any(os.path.lexists(f"{root}/{name}") for name in _USUAL):
        raise UsageError(
            f"{target} is no root file system: it has none of {', '.join(_USUAL)}, but a folder rootfs",
            place="<command line>:TARGET",
            remedy=f"give {os.path.join(target, 'rootfs')}; a bundle has a config.json too, which `contain spec` writes",
        )
    spec = base(kind="rootfs", root=root, options=options)
    spec.config["process"]["env"] += [f"PATH={presets.PATH}"]
    spec.config["process"]["args"] = [_SHELL]
    apply(spec, options)
    return spec


def base(*, kind: str, root: str, options: Options) -> Spec:
    """What every run without a bundle begins with."""
    config = presets.sandbox()  # in which nothing is left to be filled in
    config["root"]["path"] = root
    config["process"]["env"] = presets.environment(options.environ)
    run = RunOptions(init=True, interactive=False, rm=True, idmap=True, userns="auto", network="none", seccomp="default")
    return Spec(config, kind=kind, bundle=root or "/", root=root, origins=Origins(), run=run)
