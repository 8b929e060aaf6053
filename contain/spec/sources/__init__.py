"""One module per source of a spec; each has `read(target, options) -> Spec`, and `read` here finds out which one a target is."""

from __future__ import annotations

import _stat as stat
import posix

from contain import paths
from contain.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from contain.spec.model import Spec
    from contain.spec.options import Options

_MODULES = {"oci": "oci", "aci": "aci", "rootfs": "rootfs", "host": "hostview"}
_WHAT = {"oci": "a bundle", "aci": "an image", "rootfs": "a root file system", "host": "the host"}
_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def kind(target: str, options: Options) -> str:
    """Which source a target is: "oci" | "aci" | "rootfs" | "host"; UsageError when it is none."""
    if not target:
        return "host"
    path = options.absolute(target)
    try:
        facts = posix.stat(path)
    except OSError as problem:
        remedy = f"give a bundle, a rootfs folder or an .aci file; for a command of this host write contain run -- {target}"
        raise UsageError(f"cannot open {target}: {problem.strerror}", place="<command line>:TARGET", remedy=remedy) from None
    if stat.S_ISDIR(facts.st_mode):
        if paths.lexists(paths.join(path, "config.json")):
            return "oci"
        is_layout = paths.isfile(paths.join(path, "manifest")) and paths.isdir(paths.join(path, "rootfs"))
        return "aci" if is_layout else "rootfs"
    return _kind_of_file(target, path, regular=stat.S_ISREG(facts.st_mode))


def _kind_of_file(target: str, path: str, *, regular: bool) -> str:
    """By name, else by the first bytes. What is no regular file is not read: nobody may ever write to a FIFO."""
    if regular and path.endswith(".aci"):
        return "aci"
    try:
        head = b""
        if regular:
            with open(path, "rb", buffering=0) as file:
                head = file.read(4096)
    except OSError as problem:
        raise UsageError(
            f"cannot open {target}: {problem.strerror}", place="<command line>:TARGET", remedy="check its permissions"
        ) from None
    if head.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return "aci" if b'"acKind"' in head else "oci"
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return "aci"
    if regular and path.endswith(".json"):
        return "oci"
    raise UsageError(
        f"{target} is neither a bundle, a rootfs folder nor an .aci file",
        place="<command line>:TARGET",
        remedy=f"for a command of this host write contain run -- {target}",
    )


def read(target: str | Mapping[str, Any], options: Options, wanted: str = "") -> Spec:
    """The spec of a run of `target`: a path, what a config.json says, or "" for the host view; UsageError when it is not of the kind that is wanted."""
    if not isinstance(target, str):
        from contain.spec.sources import oci

        return oci.read_mapping(target, options)
    found_kind = kind(target, options)
    if wanted == "rootfs" and paths.isdir(options.absolute(target)):  # whatever else lies in it
        found_kind = wanted
    if wanted not in {"", found_kind}:
        raise UsageError(f"{target} is {_WHAT[found_kind]}, not {_WHAT[wanted]}", place="<command line>:TARGET")
    module = __import__(f"contain.spec.sources.{_MODULES[found_kind]}", fromlist=["read"])
    found: Spec = module.read(target, options)
    return found
